"""Django's own preparations: migrations, static files, the demo; each only when something changed."""

import hashlib
import os
import signal
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NoReturn

from launcher import virtualenv
from launcher.folders import PYTHON, ROOT, STATIC, VAR, DataFolder, chosen_folder
from launcher.service import LauncherError, die_with_parent
from launcher.stack import DIRECTORY_PREFIXES, process_environment
from launcher.terminal import say

STATIC_STAMP = "static.stamp"
OWNER_COMMANDS = ("migrate",)  # need the role that owns the tables


def manage_line(*arguments: str) -> list[str]:
    return [str(PYTHON), str(ROOT / "manage.py"), *arguments]


def manage_environment(command: str, values: dict[str, str]) -> dict[str, str]:
    """Return the environment of a management command: migrations run as the owner of the tables."""
    if command in OWNER_COMMANDS:
        values = {**values, "DATABASE_URL": values["DATABASE_OWNER_URL"]}
    return process_environment(values)


def manage(values: dict[str, str], command: str, *arguments: str) -> None:
    """Run a management command to its end; raises LauncherError when it fails. Its output goes to the terminal."""
    line = manage_line(command, *arguments)
    environment = manage_environment(command, values)
    done = subprocess.run(
        line, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, preexec_fn=die_with_parent(signal.SIGTERM)
    )
    if done.returncode:
        raise LauncherError(f"manage.py {command} failed with exit code {done.returncode}, see above.")


def manage_running(arguments: Sequence[str], *, data: Path | None) -> NoReturn:
    """Become `manage.py` with the variables of the stack that runs on the data folder."""
    values = chosen_folder(data).running()
    words = list(arguments) or ["help"]
    os.execve(PYTHON, manage_line(*words), manage_environment(words[0], values))


def is_prepared(folder: DataFolder, values: dict[str, str], *, demo: bool) -> bool:
    """Say whether `migrate`, `collect_static` and `load_demo` would leave everything as it is, on our own database."""
    return (
        folder.state("migrated") == _migrations()
        and _has_collected(_static_sources())
        and folder.state("demo") is demo
        and (not demo or folder.state("demo_directory") == _directory(values))
    )


def migrate(folder: DataFolder, values: dict[str, str], *, own_database: bool) -> None:
    """Bring the tables up to date. On our own database it is left out while no migration file changed."""
    stamp = _migrations()
    if own_database and folder.state("migrated") == stamp:
        return
    say("Bringing the tables up to date")
    manage(values, "migrate", "--noinput", "--verbosity", "0")
    if own_database:
        folder.remember("migrated", stamp)


def collect_static(values: dict[str, str]) -> None:
    """Gather static files in `var/static`, unless no source of theirs changed since the last time."""
    stamp = _static_sources()
    if _has_collected(stamp):
        return
    say("Collecting static files")
    manage(values, "collectstatic", "--noinput", "--verbosity", "0")
    (VAR / STATIC_STAMP).write_text(stamp)


def load_demo(folder: DataFolder, values: dict[str, str], *, wanted: bool) -> bool:
    """Load the demo on the first run of a data folder, if wanted; the choice stays. Return whether it has the demo.

    When the demo directory has another address or certificate than at the last start, the demo is told.
    """
    chosen = folder.state("demo")
    has_demo = wanted if chosen is None else bool(chosen)
    stamp = _directory(values)
    if has_demo and folder.state("demo_directory") != stamp:
        say(
            "Loading the demo: tenants acme and globex"
            if chosen is None
            else "Telling the demo its directory's address"
        )
        manage(values, "load_demo")
        folder.remember("demo_directory", stamp)
    folder.remember("demo", has_demo)
    return has_demo


def _migrations() -> str:
    return _digest([*ROOT.glob("*/migrations/*.py"), virtualenv.REQUIREMENTS])


def _static_sources() -> str:
    # config/ui draws the sprite of icons while files are gathered; the settings name storage and finders.
    files = [path for name in ("static", "config/ui") for path in (ROOT / name).rglob("*") if path.is_file()]
    sources = [path for path in files if path.suffix != ".pyc"]
    return _digest([*sources, ROOT / "config" / "settings.py", virtualenv.REQUIREMENTS])


def _has_collected(stamp: str) -> bool:
    stamp_file = VAR / STATIC_STAMP
    return stamp_file.exists() and stamp_file.read_text() == stamp and STATIC.exists()


def _directory(values: dict[str, str]) -> str:
    directory = {name: value for name, value in values.items() if name.startswith(DIRECTORY_PREFIXES)}
    return hashlib.sha256(repr(sorted(directory.items())).encode()).hexdigest()


def _digest(paths: Iterable[Path]) -> str:
    """Return a digest over names and contents."""
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(f"{path}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
