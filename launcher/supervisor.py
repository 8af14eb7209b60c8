"""Starts services in order, keeps them running, stops them in the opposite order."""

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from launcher.service import LauncherError, Running, Service, start, wait_ready
from launcher.watchman import Watchman

FIRST_PAUSE = 0.5  # seconds before a restart; doubles with each death
LONGEST_PAUSE = 30.0
SETTLED = 60.0  # a service that lived this many seconds starts over with the first pause
MOST_DEATHS = 7  # in a row, of a service that nothing can run without: then everything stops (after 31.5 s of pauses)


class StopRequested(BaseException):
    """SIGINT, SIGTERM or SIGHUP arrived. Not an Exception, so that nothing swallows it on the way out."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


@contextlib.contextmanager
def stop_signals() -> Iterator[None]:
    """Turn the first stop signal inside the block into StopRequested; further ones are ignored while it unwinds.

    A signal that the caller ignores, as nohup does with SIGHUP, stays ignored.
    """
    candidates = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    numbers = [number for number in candidates if signal.getsignal(number) is not signal.SIG_IGN]

    def request(number: int, _frame: object) -> None:
        for each in numbers:
            signal.signal(each, signal.SIG_IGN)
        raise StopRequested(number)

    before = {number: signal.signal(number, request) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def pause_before_restart(deaths: int) -> float:
    """Return the seconds to wait when a service died after `deaths` earlier deaths in a row."""
    return min(FIRST_PAUSE * 2 ** min(deaths, 10), LONGEST_PAUSE)


@dataclass
class _Entry:
    service: Service
    running: Running
    deaths: int = 0
    restart_at: float | None = None  # monotonic time; None while it runs


class Supervisor:
    """Owns running services. As a context manager it stops all of them, in the opposite order of their start."""

    def __init__(self, log_dir: Path, say: Callable[[str], None], watchman: Watchman | None = None) -> None:
        self.log_dir = log_dir
        self.say = say
        self.watchman = watchman
        self._entries: list[_Entry] = []

    def __enter__(self) -> "Supervisor":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, *services: Service) -> None:
        """Prepare and start these services side by side, then wait until each is ready."""
        for service in services:
            service.prepare()
        entries = [self._launch(service) for service in services]
        for entry in entries:
            wait_ready(entry.running)

    def running(self, name: str) -> Running:
        """Return the running service of that name; raises KeyError."""
        for entry in self._entries:
            if entry.service.name == name:
                return entry.running
        raise KeyError(name)

    def watch(self, *, poll: float = 0.2) -> None:
        """Restart what dies, with a growing pause.

        For ever; but an essential service that died MOST_DEATHS times in a row raises LauncherError with its reason.
        """
        while True:
            for entry in self._entries:
                self._look_after(entry)
            time.sleep(poll)

    def stop(self) -> None:
        """Stop everything: what started last first; services that were started side by side wait side by side."""
        for entry in reversed(self._entries):
            if not entry.service.essential:
                entry.running.send_stop()
        for entry in reversed(self._entries):
            entry.running.stop()
            self._forget(entry.running)
        self._entries.clear()

    def _launch(self, service: Service) -> _Entry:
        running = start(service, self.log_dir)
        if self.watchman:
            self.watchman.watch(running.pid)
        entry = _Entry(service, running)
        self._entries.append(entry)
        return entry

    def _look_after(self, entry: _Entry) -> None:
        if entry.restart_at is not None:
            if time.monotonic() >= entry.restart_at:
                self._restart(entry)
            return
        code = entry.running.exit_code()
        if code is None:
            return
        entry.running.stop()  # its children, which may have outlived it
        self._forget(entry.running)
        if time.monotonic() - entry.running.started_at >= SETTLED:
            entry.deaths = 0
        self._plan_restart(entry, f"ended with code {code}", entry.running.last_lines())

    def _restart(self, entry: _Entry) -> None:
        entry.restart_at = None
        try:
            entry.service.prepare()
            entry.running = start(entry.service, self.log_dir)
        except (LauncherError, OSError) as error:
            self._plan_restart(entry, "could not be restarted", str(error))
            return
        if self.watchman:
            self.watchman.watch(entry.running.pid)
        self.say(f"{entry.service.name} restarted (process {entry.running.pid})")

    def _plan_restart(self, entry: _Entry, what: str, reason: str) -> None:
        """Plan the next start of what just failed; raises LauncherError where it is essential and failed too often."""
        name = entry.service.name
        pause = pause_before_restart(entry.deaths)
        entry.deaths += 1
        if entry.service.essential and entry.deaths >= MOST_DEATHS:
            raise LauncherError(
                f"{name} {what}, {entry.deaths} times in a row; without it nothing can run, so everything stops.\n"
                f"{reason}"
            )
        entry.restart_at = time.monotonic() + pause
        self.say(f"{name} {what}; restarting it in {pause:.1f} s (log: {entry.running.log_file})")

    def _forget(self, running: Running) -> None:
        if self.watchman:
            self.watchman.forget(running.pid)
