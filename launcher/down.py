"""`./roamkeep down`: ends what `up` started. Needs the standard library only."""

import contextlib
import os
import signal
import time
from pathlib import Path

from launcher.folders import chosen_folder
from launcher.service import LauncherError
from launcher.terminal import say


def down(*, data: Path | None, patience: float = 45.0) -> int:
    """Stop what runs on the data folder and wait for its end; return 0 also when nothing ran."""
    folder = chosen_folder(data)
    pid = folder.supervisor()
    if pid is None and not folder.is_locked():
        say(f"Nothing runs on {folder.path}.")
        return 0
    if pid is not None:
        with folder.usable(), contextlib.suppress(ProcessLookupError):  # it may have just ended
            os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + patience
    while folder.is_locked():
        if time.monotonic() > deadline:
            raise LauncherError(f"Process {pid} still runs on {folder.path} after {patience:.0f} s.")
        time.sleep(0.1)
    say(f"Stopped what ran on {folder.path}.")
    return 0
