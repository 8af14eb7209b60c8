"""Where everything lies: the checkout, and the data folder of one running Roamkeep."""

import contextlib
import fcntl
import hashlib
import json
import os
import secrets
import shlex
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from launcher.service import LauncherError

ROOT = Path(__file__).resolve().parent.parent
VAR = ROOT / "var"
TOOLS = VAR / "tools"  # Debian packages unpacked without root
STATIC = VAR / "static"  # what collectstatic writes
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
DATA = VAR / "data"
TEMPORARY = Path("/tmp")  # noqa: S108 - every folder made in it is private and checked

ROLES = ("postgres", "roamkeep_owner", "roamkeep_app", "roamkeep_operator")


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)


class DataFolder:
    """The folder that holds one Roamkeep: database, queue, demo directory, mail, logs and generated secrets."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.logs = self.path / "logs"
        self.mail = self.path / "mail"
        self._secrets = self.path / "secrets.json"
        self._lock = self.path / "lock"
        self._running = self.path / "running.json"
        # Socket paths are limited to 107 bytes, and URL readers turn the host part to lower case: hence neither the
        # data folder nor TMPDIR, but a short name of its own in /tmp.
        digest = hashlib.sha256(str(self.path).encode()).hexdigest()[:12]
        self.sockets = TEMPORARY / f"roamkeep-{os.getuid()}-{digest}"

    @contextlib.contextmanager
    def usable(self) -> Iterator[None]:
        """Turn what the system refuses to do with the folder, or with what runs on it, into one sentence."""
        try:
            yield
        except OSError as error:
            whose = ""
            if isinstance(error, PermissionError):
                whose = "; it belongs to somebody else or is closed to this account"
            raise LauncherError(f"The data folder {self.path} cannot be used: {error.strerror}{whose}.") from error

    def create(self) -> None:
        """Make the folder, closed to others, unless it is there."""
        with self.usable():
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.logs.mkdir(mode=0o700, exist_ok=True)

    def is_empty(self) -> bool:
        """Say whether nothing is stored here yet."""
        with self.usable():
            return not self.path.exists() or not any(self.path.iterdir())

    def create_sockets(self) -> Path:
        """Make the private socket folder and return it; refuse one that somebody else put there."""
        self.sockets.mkdir(mode=0o700, exist_ok=True)
        found = self.sockets.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise LauncherError(f"{self.sockets} belongs to someone else; remove it or choose another --data folder.")
        self.sockets.chmod(0o700)
        return self.sockets

    # -- who runs on it ------------------------------------------------------------------------------------------

    def lock(self, *, patience: float = 15.0) -> IO[str]:
        """Take the folder for this process and return the open lock file; the lock ends when it is closed.

        A supervisor that was killed leaves the lock to its watchman until the last of its processes is gone, so the
        lock is awaited for `patience` seconds when its holder is dead. Raises LauncherError when it is alive.
        """
        with self.usable():
            file = self._lock.open("a+")
        deadline = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pid = self._holder()
                if pid is not None or time.monotonic() > deadline:
                    file.close()
                    who = f" (process {pid})" if pid else ""
                    raise LauncherError(
                        f"Roamkeep already runs on {self.path}{who}. "
                        f"Stop it with ./roamkeep down --data {shlex.quote(str(self.path))}, or choose another --data folder."
                    ) from None
                time.sleep(0.1)
                continue
            file.truncate(0)
            file.write(f"{os.getpid()}\n")
            file.flush()
            return file

    def supervisor(self) -> int | None:
        """Return the process id of the supervisor that runs on this folder, or None."""
        return self._holder() if self.is_locked() else None

    def is_locked(self) -> bool:
        """Say whether a supervisor, or what is left of one, still uses this folder."""
        with self.usable():
            if not self._lock.exists():
                return False
            file = self._lock.open("r")
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            return False

    def _holder(self) -> int | None:
        """Return the process id written in the lock file while that process lives."""
        try:
            pid = int(self._lock.read_text())
            os.kill(pid, 0)
        except (OSError, ValueError) as error:
            return pid if isinstance(error, PermissionError) else None
        return pid

    # -- secrets and state ---------------------------------------------------------------------------------------

    def secrets(self) -> dict[str, str]:
        """Return SECRET_KEY and the password of each database role, generated at the first call."""
        try:
            return dict(json.loads(self._secrets.read_text()))
        except FileNotFoundError:
            return self.store_secrets(secret_key=secrets.token_urlsafe(50))

    def store_secrets(self, *, secret_key: str) -> dict[str, str]:
        """Write this SECRET_KEY and fresh database passwords."""
        values = {"SECRET_KEY": secret_key} | {role: secrets.token_hex(24) for role in ROLES}
        write_private(self._secrets, json.dumps(values, indent=1))
        return values

    def write_running(self, environment: dict[str, str]) -> None:
        """Remember the variables of the running stack for `./roamkeep manage` and `backup`."""
        write_private(self._running, json.dumps(environment, indent=1))

    def forget_running(self) -> None:
        self._running.unlink(missing_ok=True)

    def running(self) -> dict[str, str]:
        """Return the variables of the running stack; raises LauncherError when none runs on this folder."""
        with self.usable():
            if self.supervisor() is None or not self._running.exists():
                raise LauncherError(f"Roamkeep does not run on {self.path}: start it with ./roamkeep up first.")
            return dict(json.loads(self._running.read_text()))

    def state(self, name: str) -> Any:
        """Return what was remembered under this name (a stamp, a choice), or None."""
        try:
            return json.loads((self.path / "state.json").read_text()).get(name)
        except (FileNotFoundError, ValueError):
            return None

    def remember(self, name: str, value: Any) -> None:
        """Remember a JSON value under this name."""
        try:
            values = json.loads((self.path / "state.json").read_text())
        except (FileNotFoundError, ValueError):
            values = {}
        write_private(self.path / "state.json", json.dumps(values | {name: value}, indent=1))


def chosen_folder(path: Path | None) -> DataFolder:
    """Return the data folder that `--data` named, or the checkout's own."""
    return DataFolder(path or DATA)
