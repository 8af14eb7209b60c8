"""Ratios of the first honest run, checked in as `baseline.json`: they may only fall afterwards.

`python -m benchmarks --record` enters figures that are not there yet, and lower ones where a run was better.
"""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.frame import Bar, at_most

FILE = Path(__file__).resolve().parent / "baseline.json"
SLACK = 1.15
_seen: dict[str, float] = {}


def recorded() -> dict[str, float]:
    """Return the recorded figures by name."""
    return json.loads(FILE.read_text()) if FILE.exists() else {}


def bar(name: str, measured: float, *, slack: float = SLACK, wall: bool = True) -> Bar:
    """Return the bar `measured <= recorded x slack`; a figure that was never recorded passes and says so."""
    _seen[name] = measured
    known = recorded().get(name)
    if known is None:
        return Bar(f"{name}: first figure, to be recorded", f"{measured:,.4g}", True, wall)
    return at_most(f"{name} (recorded {known:,.4g} × {slack:g})", measured, round(known * slack, 4), wall=wall)


def record() -> None:
    """Write the figures of this run: new ones, and those that fell."""
    known = recorded()
    for name, measured in _seen.items():
        known[name] = round(min(measured, known.get(name, measured)), 4)
    FILE.write_text(json.dumps(dict(sorted(known.items())), indent=1, ensure_ascii=False) + "\n")
