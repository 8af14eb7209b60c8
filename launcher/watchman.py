"""The last guard against orphans: kills what a supervisor leaves behind, however it died.

Every service gets its stop signal from the kernel when the supervisor dies (PR_SET_PDEATHSIG), but its children may
not follow, and a service may hang. The watchman reads from a pipe which process groups exist; the end of the pipe
means that the supervisor is gone. It then waits for the groups to end, kills those that do not, and removes the folders
that shall not outlive them. Until then it holds the lock of the data folder, which it inherited.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

from launcher.folders import ROOT

# Seconds between the death of the supervisor and SIGKILL to what it left.
GRACE = float(os.environ.get("ROAMKEEP_WATCHMAN_GRACE", "3"))


class Watchman:
    """The supervisor's end of the pipe.

    `lock` is the open lock file of the data folder; `remove` names the folders to remove in the end.
    """

    def __init__(self, lock: IO[str], *, remove: list[Path]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "launcher.watchman", *map(str, remove)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            pass_fds=[lock.fileno()],
            start_new_session=True,  # Ctrl-C at the terminal is the supervisor's business
        )

    def watch(self, group: int) -> None:
        self._tell(f"+{group}")

    def forget(self, group: int) -> None:
        self._tell(f"-{group}")

    def dismiss(self) -> None:
        """End the watch; everything has stopped."""
        assert self._process.stdin
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()

    def _tell(self, line: str) -> None:
        assert self._process.stdin
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()


def main(remove: list[str]) -> None:
    """Keep watch until the supervisor closes the pipe, then clear up."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin:
        group = int(line[1:])
        groups.add(group) if line[0] == "+" else groups.discard(group)
    deadline = time.monotonic() + GRACE
    while (groups := groups & living_groups()) and time.monotonic() < deadline:
        time.sleep(0.05)
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
    for folder in remove:
        shutil.rmtree(folder, ignore_errors=True)


def living_groups() -> set[int]:
    """Return the ids of all process groups with a member that runs; dead ones that nobody has reaped do not count."""
    groups = set()
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # pid (name) state parent group ...: the name may hold spaces and brackets.
            state, _parent, group = status.read_text().rpartition(")")[2].split()[:3]
            if state not in "ZX":
                groups.add(int(group))
    return groups


if __name__ == "__main__":
    main(sys.argv[1:])
