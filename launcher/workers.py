"""Celery: the worker that runs tasks and the beat that rings the scheduled ones."""

import signal
from pathlib import Path
from typing import Any

from launcher.folders import PYTHON, ROOT
from launcher.processors import processor_count
from launcher.service import Service


class _Celery(Service):
    stop_timeout = 15.0

    def __init__(self, django: dict[str, str]) -> None:
        self.django = django

    def process_environment(self) -> dict[str, str]:
        return self.django

    def popen_options(self) -> dict[str, Any]:
        return {"cwd": ROOT}


class Worker(_Celery):
    """Runs tasks, one process per processor unless `concurrency` says otherwise."""

    name = "worker"
    # Soft shutdown: running tasks get the seconds of CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT, then it ends. The warm
    # shutdown of SIGTERM waits for as long as a task takes and was seen to hang.
    stop_signal = signal.SIGQUIT

    def __init__(self, django: dict[str, str], *, concurrency: int | None = None) -> None:
        super().__init__(django)
        self.concurrency = concurrency or processor_count()

    def command(self) -> list[str]:
        return [
            *(str(PYTHON), "-m", "celery", "-A", "config", "worker", "--loglevel", "WARNING"),
            *("--concurrency", str(self.concurrency), "--prefetch-multiplier", "1"),
            # One worker on one machine has nobody to greet; mingling costs a second at each start.
            *("--without-gossip", "--without-mingle"),
        ]


class Beat(_Celery):
    """Rings the scheduled tasks; remembers in `folder` when each last rang."""

    name = "beat"

    def __init__(self, django: dict[str, str], folder: Path) -> None:
        super().__init__(django)
        self.folder = folder

    def command(self) -> list[str]:
        return [
            *(str(PYTHON), "-m", "celery", "-A", "config", "beat", "--loglevel", "WARNING"),
            *("--schedule", str(self.folder / "beat-schedule"), "--pidfile="),
        ]
