"""The Python environment: `.venv`, made from the hash-pinned requirements.txt with uv where it is there, else pip."""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from launcher import packages
from launcher.folders import PYTHON, ROOT, VAR, VENV
from launcher.service import LauncherError

REQUIREMENTS = ROOT / "requirements.txt"
STAMP = VENV / "roamkeep-stamp"


def is_current() -> bool:
    """Say whether `.venv` holds what requirements.txt names."""
    try:
        return STAMP.read_text() == _fingerprint()
    except OSError:
        return False


def required_packages() -> list[packages.Package]:
    """Return the Debian packages that making the environment needs; none when it is current."""
    if is_current():
        return []
    return [*packages.BUILD, *([] if _uv() else [packages.VENV_PACKAGE])]


def ensure(say: Callable[[str], None]) -> None:
    """Make or update `.venv` unless it is current. The Debian packages of `required_packages` must be there."""
    if is_current():
        return
    try:
        VAR.mkdir(exist_ok=True)
        lock = (VAR / "setup.lock").open("w")
    except OSError as error:
        raise LauncherError(f"The checkout {ROOT} cannot be written to: {error.strerror}.") from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if is_current():  # another command made it while this one waited
            return
        started = time.monotonic()
        say("Making the Python environment .venv from requirements.txt (once, up to a minute)")
        _make()
        STAMP.write_text(_fingerprint())
        say(f"Python environment ready after {time.monotonic() - started:.1f} s")


def _fingerprint() -> str:
    """Return the digest of requirements.txt, of the environment's own Python and of its place."""
    python = (VENV / "pyvenv.cfg").read_bytes()
    return hashlib.sha256(REQUIREMENTS.read_bytes() + python + str(PYTHON.resolve(strict=True)).encode()).hexdigest()


def _uv() -> str | None:
    """Return the path of a working uv: version managers leave scripts of that name that run nothing."""
    found = shutil.which("uv")
    if found and subprocess.run([found, "--version"], capture_output=True).returncode == 0:
        return found
    return None


def _make() -> None:
    uv = _uv()
    if not _python_works():
        shutil.rmtree(VENV, ignore_errors=True)
        _run([uv, "venv", "--quiet", "--python", sys.executable, VENV] if uv else [sys.executable, "-m", "venv", VENV])
    # Compiled once, as pip does by itself: where Python may write no byte code every start would compile it all.
    with_uv = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", PYTHON]
    install = with_uv if uv else [PYTHON, "-m", "pip", "install", "-q"]
    build = packages.build_environment()
    if build:
        # Built against var/tools, whose path is in the library: such a wheel must not come from, or go to, a cache
        # that other checkouts share.
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
            file.write(_pinned("python-ldap"))
            file.flush()
            no_cache = "--no-cache" if uv else "--no-cache-dir"
            _run([*install, no_cache, "--no-deps", "--require-hashes", "-r", file.name], build)
    _run([*install, "--require-hashes", "-r", REQUIREMENTS], build)


def _python_works() -> bool:
    try:
        return subprocess.run([PYTHON, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]).returncode == 0
    except OSError:
        return False


def _pinned(name: str) -> str:
    """Return the lines of requirements.txt that pin one package: its version and every hash."""
    found = re.search(rf"^{re.escape(name)}==(?:.*\\\n)*.*\n", REQUIREMENTS.read_text(), re.MULTILINE)
    if found is None:
        raise LauncherError(f"requirements.txt does not pin {name}.")
    return found.group()


def _run(command: list[str | Path | None], environment: dict[str, str] | None = None) -> None:
    line = [str(part) for part in command]
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", **(environment or {})}
    done = subprocess.run(line, env=environment, cwd=ROOT, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise LauncherError(f"The Python environment could not be made: {' '.join(line[:4])} … failed, see above.")
