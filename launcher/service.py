"""One supervised process: what a service is, how it starts, becomes ready and stops without leaving orphans."""

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1  # prctl(2): the signal a process gets when its parent dies
LIBC = ctypes.CDLL(None)


class LauncherError(Exception):
    """Something the person at the terminal can act on: printed as one sentence, without a traceback.

    `exit_code` is what `./roamkeep` then ends with; 3 means that packages are missing that only root can install.
    """

    def __init__(self, sentence: str, *, exit_code: int = 1) -> None:
        super().__init__(sentence)
        self.exit_code = exit_code


class Service:
    """One process of the stack. A subclass says how it is prepared, started, found ready and stopped."""

    name: str
    essential: bool = False  # True: stops after the others, and everything stops where it keeps dying
    stop_signal: signal.Signals = signal.SIGTERM
    stop_timeout: float = 10.0  # seconds between the stop signal and SIGKILL to the whole process group
    ready_timeout: float = 60.0  # seconds from the start of the process until it must be ready

    def prepare(self) -> None:
        """Make what the process needs before its first start (a cluster, certificates); harmless when repeated."""

    def command(self) -> list[str]:
        """Return the program and its arguments; it must stay in the foreground."""
        raise LauncherError(f"{type(self).__name__} does not say which program it runs")

    def process_environment(self) -> dict[str, str]:
        """Return the whole environment of the process itself: a small one unless the service needs more."""
        return plain_environment()

    def popen_options(self) -> dict[str, Any]:
        """Return further keywords of `subprocess.Popen`, such as `user` and `cwd`."""
        return {}

    def is_ready(self) -> bool:
        """Say whether the process serves; asked every 30 ms after its start, errors count as no."""
        return True

    def when_ready(self) -> None:
        """Finish what needs the running process (roles, databases) before others use it; harmless when repeated."""

    def environment(self) -> dict[str, str]:
        """Return the variables that Django processes need to reach this service."""
        return {}

    def clean_up(self) -> None:
        """Remove what must not outlive the process (sockets); called after it ended."""


def plain_environment() -> dict[str, str]:
    """Return the few variables a server process needs, so that nothing of the caller's environment leaks into it."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", "HOME": "/", "TZ": "UTC"}


class Running:
    """A started service, the leader of a process group of its own."""

    def __init__(self, service: Service, process: subprocess.Popen[bytes], log_file: Path) -> None:
        self.service = service
        self.process = process
        self.log_file = log_file
        self.started_at = time.monotonic()
        self._stop_sent = False

    @property
    def pid(self) -> int:
        return self.process.pid

    def exit_code(self) -> int | None:
        """Return None while the process lives, then its return code (negative: killed by that signal)."""
        return self.process.poll()

    def send_stop(self) -> None:
        """Ask the process to stop, once and without waiting: for Celery a second signal means something harsher."""
        if not self._stop_sent and self.process.poll() is None:
            self._stop_sent = True
            self.process.send_signal(self.service.stop_signal)

    def stop(self) -> int:
        """Stop the process and everything in its group; return its return code."""
        self.send_stop()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(self.service.stop_timeout)
        self.kill_group()
        code = self.process.wait()
        self.service.clean_up()
        return code

    def kill_group(self) -> None:
        """SIGKILL whatever is left of the process group, children that outlived their parent included."""
        # The group id stays reserved while any member lives; when none does there is nothing to signal.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def last_lines(self, count: int = 15) -> str:
        """Return the end of the log, for the sentence that says why the service did not come up."""
        try:
            return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-count:])
        except OSError:
            return ""


def die_with_parent(stop_signal: signal.Signals) -> Callable[[], None]:
    """Return a `preexec_fn` that ties the new process to the life of the *thread* that starts it."""
    parent = os.getpid()

    def tie() -> None:
        LIBC.prctl(PR_SET_PDEATHSIG, int(stop_signal), 0, 0, 0)
        # The parent may have died between fork and prctl: then no signal would ever come.
        if os.getppid() != parent:
            os._exit(1)

    return tie


def start(service: Service, log_dir: Path) -> Running:
    """Start the process of a prepared service, its output appended to `<log_dir>/<name>.log`.

    It runs in a session and process group of its own and receives its stop signal when the calling thread dies,
    `kill -9` included: call this from the main thread. It does not wait: see `wait_ready`.
    """
    log_dir.mkdir(parents=True, exist_ok=True)
    log_file = log_dir / f"{service.name}.log"
    with log_file.open("ab") as log:
        process = subprocess.Popen(
            service.command(),
            env=service.process_environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=die_with_parent(service.stop_signal),
            **service.popen_options(),
        )
    return Running(service, process, log_file)


def wait_ready(running: Running, *, poll: float = 0.03) -> None:
    """Wait until the service is ready.

    Then lets it finish its set-up (`Service.when_ready`). Raises LauncherError with the end of its log when it ended
    or its `ready_timeout` passed; the process is then stopped.
    """
    service = running.service
    deadline = running.started_at + service.ready_timeout
    while True:
        code = running.exit_code()
        if code is not None:
            running.stop()
            raise LauncherError(f"{service.name} ended with code {code} while starting.\n{running.last_lines()}")
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            if service.is_ready():
                break
        if time.monotonic() > deadline:
            running.stop()
            raise LauncherError(
                f"{service.name} was not ready after {service.ready_timeout:.0f} s.\n{running.last_lines()}"
            )
        time.sleep(poll)
    service.when_ready()


@contextlib.contextmanager
def running(service: Service, log_dir: Path) -> Iterator[Service]:
    """Prepare, start and await a service for the length of a `with` block; for test fixtures."""
    service.prepare()
    started = start(service, log_dir)
    try:
        wait_ready(started)
        yield service
    finally:
        started.stop()
