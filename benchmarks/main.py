"""The command line of the benchmarks: run those asked for, write JSON, print a table, judge."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks import baseline, frame, report

ROOT = Path(__file__).resolve().parent.parent
SHOWN_SETTINGS = (
    "server_version",
    "shared_buffers",
    "fsync",
    "synchronous_commit",
    "wal_compression",
    "data_checksums",
    "jit",
    "work_mem",
    "full_page_writes",
)


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--size", choices=("S", "M"), default="S", help="S: 10,000 users; M: 1,000,000")
    parser.add_argument("--only", default="", metavar="B1,B2", help="these benchmarks alone")
    parser.add_argument("--out", type=Path, default=ROOT / "var" / "benchmarks.json", help="file for the figures")
    parser.add_argument("--report", action="store_true", help="write docs/benchmarks.md from the figures as well")
    parser.add_argument("--record", action="store_true", help="enter new and lower ratios in baseline.json")
    return parser.parse_args()


def machine() -> dict[str, Any]:
    """Say what the figures were taken on."""
    from django.db import connection

    cpu = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.machine(),
    )
    memory = int(Path("/proc/meminfo").read_text().split()[1]) / 2**20
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, setting || coalesce(unit, '') FROM pg_settings WHERE name = ANY(%s)", [list(SHOWN_SETTINGS)]
        )
        found = dict(cursor.fetchall())
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "ram_gb": round(memory, 1),
        "python": platform.python_version(),
        "pg": found.pop("server_version"),
        "settings": found,
        "load": [round(value, 2) for value in os.getloadavg()],
    }


def commit() -> str:
    """Return the commit, with a plus sign where files differ from it, or "" outside a repository."""
    git = shutil.which("git")
    if not git or not (ROOT / ".git").exists():
        return ""
    words = [git, "-C", str(ROOT)]
    head = subprocess.run([*words, "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    changed = subprocess.run([*words, "status", "--porcelain", "-uno"], capture_output=True, text=True).stdout.strip()
    return head + ("+" if changed else "")


def main() -> int:
    """Run the benchmarks asked for; return 1 if a bar is missed."""
    options = arguments()
    os.environ["LOG_LEVEL"] = "ERROR"
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.peers.settings"
    import django

    django.setup()
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"  # for child processes, which are the product alone
    from django.test.utils import override_settings

    from benchmarks import read, write
    from benchmarks.fixtures import Bench, connect_owner

    read.load()
    write.load()
    connect_owner()
    chosen = [name.strip().upper() for name in options.only.split(",") if name.strip()] or sorted(
        frame.REGISTRY, key=_place
    )
    if unknown := sorted(set(chosen) - set(frame.REGISTRY)):
        sys.exit(
            f"There is no benchmark {', '.join(unknown)}; there are {', '.join(sorted(frame.REGISTRY, key=_place))}."
        )

    def say(line: str) -> None:
        print(line, flush=True)

    bench = Bench(options.size, say)
    started = time.monotonic()
    results: list[frame.Result] = []
    with override_settings(ALLOWED_HOSTS=["testserver", "127.0.0.1", "localhost"]):
        for name in chosen:
            say(f"{name} at size {options.size}")
            results += frame.run(name, bench, say)
            figures = {
                "machine": machine(),
                "seed": frame.SEED,
                "git": commit(),
                "size": options.size,
                "seconds": round(time.monotonic() - started),
                "sentinel": frame.sentinel_summary(),
                "benchmarks": [result.to_json() for result in results],
            }  # after each of them: what was measured stays, whatever the next one does
            options.out.parent.mkdir(parents=True, exist_ok=True)
            options.out.write_text(json.dumps(figures, indent=1, default=str) + "\n")
    say("")
    say(report.table(figures))
    if options.report:
        report.write(figures)
    if options.record:
        baseline.record()
    missed = [result.id for result in results if not result.passed]
    say(f"{len(results)} results in {figures['seconds']} s, written to {options.out}")
    say(f"MISSED: {', '.join(missed)}" if missed else "Every bar holds.")
    return exit_code(results)


def exit_code(results: Iterable[frame.Result]) -> int:
    """Return 1 if a bar is missed, else 0."""
    return 0 if all(result.passed for result in results) else 1


def _place(name: str) -> tuple[int, str]:
    digits = "".join(character for character in name if character.isdigit())
    return (int(digits or 0), name)
