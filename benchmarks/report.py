"""docs/benchmarks.md and the table at the terminal, both from the JSON of a run.

`python -m benchmarks.report FILE [FILE]` writes the page from one or two runs (sizes S and M).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"
INTRODUCTION = """# Benchmarks

Written by `./roamkeep bench --report`; do not edit. Each row was timed beside its peers and its floor in the same run,
in shuffled rounds, after their results were found equal. A ratio is the median of the rounds' ratios with their range:
**peer** says how many times longer the peer takes than Roamkeep, **floor** how many times longer Roamkeep takes than
the bare work. Milliseconds belong to this run on this machine and are no promise; the bars are.
"""


def figure(value: float) -> str:
    """Return a number at the precision that a reader can use.

    >>> [figure(value) for value in (1234.5, 35.44, 1.0567, 0.034)]
    ['1,234', '35.4', '1.06', '0.034']
    """
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def ratios(found: Mapping[str, Mapping[str, float]]) -> str:
    """Return named ratios as text: `name 35.4 (29.1–41)`."""
    return "; ".join(
        f"{name} {figure(r['median'])} ({figure(r['low'])}–{figure(r['high'])})" for name, r in found.items()
    )


def bars(result: Mapping[str, Any]) -> str:
    """Return "pass", or each missed bar with what was measured."""
    missed = [f"MISSED {bar['text']}: {bar['measured']}" for bar in result["bars"] if not bar["passed"]]
    if missed:
        return "; ".join(missed)
    return f"pass ({len(result['bars'])})" if result["bars"] else "–"


def _counters(ours: Mapping[str, Any]) -> str:
    rest = {name: value for name, value in ours.items() if name not in ("median_ms", "min_ms")}
    return ", ".join(f"{name.replace('_', ' ')} {_value(value)}" for name, value in rest.items())


def _value(value: Any) -> str:
    return figure(value) if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


def table(figures: Mapping[str, Any]) -> str:
    """Return the results of a run as lines for a terminal."""
    lines = []
    for result in figures["benchmarks"]:
        ours = result["ours"]
        time = f"{ours['median_ms']:.2f} ms" if "median_ms" in ours else ""
        lines.append(f"{result['id']:<28} {time:>12}  {bars(result)}")
        for label, text in (
            ("peer", ratios(result["peers"])),
            ("floor", ratios(result["floor"])),
            ("growth", _growth(result)),
            ("counters", _counters(ours)),
        ):
            if text:
                lines.append(f"    {label}: {text}")
    return "\n".join(lines)


def _growth(result: Mapping[str, Any]) -> str:
    return "; ".join(f"{name} {figure(value)}" for name, value in result["growth"].items())


def markdown(runs: Iterable[Mapping[str, Any]]) -> str:
    """Return the page for one or more runs."""
    parts = [INTRODUCTION]
    for figures in runs:
        machine, watch = figures["machine"], figures["sentinel"]
        parts.append(f"\n## Size {figures['size']}\n")
        parts.append(
            f"{machine['cpu']}, {machine['cores']} cores, {machine['ram_gb']:g} GiB; PostgreSQL {machine['pg']}; "
            f"Python {machine['python']}; commit {figures['git'] or 'unknown'}; seed {figures['seed']}. "
            f"{watch['rounds']} rounds, {watch['discarded']} of them discarded because the machine was slow; "
            f"{figures['seconds']} s.\n"
        )
        parts.append("| Benchmark | peer ÷ Roamkeep | Roamkeep ÷ floor | growth | counters | this run | bars |")
        parts.append("|---|---|---|---|---|---|---|")
        parts += [_row(result) for result in figures["benchmarks"]]
        notes = [(result["id"], note) for result in figures["benchmarks"] for note in result["notes"]]
        if notes:
            parts.append("\nNotes\n")
            parts += [f"- {', '.join(names)}: {note}" for note, names in _by_note(notes).items()]
        parts.append("\nBars\n")
        parts += [
            f"- {result['id']}: {bar['text']}; measured {bar['measured']}{'' if bar['passed'] else ' (MISSED)'}"
            for result in figures["benchmarks"]
            for bar in result["bars"]
        ]
    return "\n".join(parts) + "\n"


def _by_note(notes: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, note in notes:
        found.setdefault(note, []).append(name)
    return found


def _row(result: Mapping[str, Any]) -> str:
    ours = result["ours"]
    verdict = bars(result)
    cells = [
        f"{result['id']} {result['title']}".strip(),
        ratios(result["peers"]),
        ratios(result["floor"]),
        _growth(result),
        _counters(ours),
        f"{ours['median_ms']:.2f} ms" if "median_ms" in ours else "",
        (f"**{verdict}**" if "MISSED" in verdict else verdict) + (", second try" if result["retried"] else ""),
    ]
    return "| " + " | ".join(cell.replace("|", "\\|") or "–" for cell in cells) + " |"


def write(*runs: Mapping[str, Any]) -> None:
    """Write docs/benchmarks.md."""
    PAGE.write_text(markdown(runs))


if __name__ == "__main__":
    write(*(json.loads(Path(name).read_text()) for name in sys.argv[1:]))
