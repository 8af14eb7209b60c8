"""Processor instructions of a page, counted by callgrind: what the clock of a shared machine cannot tell.

`python -m benchmarks.read.instructions TENANT` is the program under callgrind: it calls getsid(2) before and after the
renders of each variant, and callgrind writes what it counted at each such call.
"""

import gc
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

VARIANTS = ("ours", "django", "floor")
RENDERS = 10
MARK = "getsid"  # a system call that nothing else makes
LONGEST = 900  # seconds


def available() -> bool:
    """Say whether callgrind is installed."""
    return shutil.which("valgrind") is not None


def count(slug: str) -> dict[str, float]:
    """Return million instructions of one page of the tenant's users per variant."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "callgrind"
        words = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", f"--dump-before={MARK}"]
        words += [sys.executable, "-m", "benchmarks.read.instructions", slug]
        environment = {**os.environ, "PYTHONHASHSEED": "0"}
        subprocess.run(words, check=True, capture_output=True, env=environment, timeout=LONGEST)
        parts = [_total(Path(f"{out}.{number}")) for number in range(1, 2 * len(VARIANTS) + 1)]
    # parts: what comes before the first mark, the first variant's renders, what comes between, the second's …
    return {name: parts[2 * place + 1] / RENDERS / 1e6 for place, name in enumerate(VARIANTS)}


def _total(dump: Path) -> int:
    found = re.search(r"^(?:summary|totals): (\d+)", dump.read_text(), re.MULTILINE)
    if found is None:
        raise AssertionError(f"callgrind left no total in {dump.name}")
    return int(found[1])


def main(slug: str) -> None:
    """Render the page by each variant between two marks."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.peers.settings"
    import django

    django.setup()
    from django.conf import settings

    from accounts.models import Tenant
    from benchmarks.read.render import screen

    settings.ALLOWED_HOSTS.append("testserver")
    made = screen(Tenant.objects.get(slug=slug), "page")
    gc.disable()  # when it runs depends on everything before
    for name in VARIANTS:
        write = getattr(made, name)
        write()
        os.getsid(0)
        for _ in range(RENDERS):
            write()
        os.getsid(0)


if __name__ == "__main__":
    main(sys.argv[1])
