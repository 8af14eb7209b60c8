"""The launcher is tested as it meets a machine: without the variables that `./roamkeep test` itself hands over."""

import os
import shutil
import signal
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from launcher.folders import DataFolder
from launcher.service import Service
from launcher.stack import CALLER_VARIABLES, DIRECTORY_PREFIXES


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    """Take the surrounding stack's variables away, or the launcher would use its servers."""
    for name in os.environ.keys() - bare(os.environ).keys():
        monkeypatch.delenv(name)


def bare(environment):
    """Return an environment without what a running stack hands over."""
    handed = (*CALLER_VARIABLES, "STATIC_ROOT", "DATA_DIR")
    return {
        name: value
        for name, value in environment.items()
        if name not in handed and not name.startswith(DIRECTORY_PREFIXES)
    }


@contextmanager
def data_folder(parent):
    """Make a new data folder in `parent`, and leave nothing of it in the place of the sockets."""
    folder = DataFolder(parent / "data")
    folder.create()
    yield folder
    shutil.rmtree(folder.sockets, ignore_errors=True)


@pytest.fixture
def folder(tmp_path):
    with data_folder(tmp_path) as folder:
        yield folder


@contextmanager
def closed(path):
    """Close a folder to this process for the length of a `with` block, even where the tests run as root."""
    path.chmod(0)
    me = os.geteuid()
    try:
        if me == 0:
            os.seteuid(65534)
        yield path
    finally:
        os.seteuid(me)
        path.chmod(0o700)


class Script(Service):
    """A service that runs a few lines of Python in a folder."""

    def __init__(self, name: str, folder: Path, lines: str, *, ready: str | None = None) -> None:
        self.name = name
        self.folder = folder
        self.lines = lines
        self.ready = ready

    def command(self):
        return [sys.executable, "-c", self.lines]

    def popen_options(self):
        return {"cwd": self.folder}

    def is_ready(self):
        return self.ready is None or (self.folder / self.ready).exists()


@pytest.fixture
def script(tmp_path):
    """Return a maker of services from lines of Python that run in `tmp_path`."""

    def make(lines, *, name="script", ready=None, **attributes):
        service = Script(name, tmp_path, lines, ready=ready)
        for attribute, value in attributes.items():
            setattr(service, attribute, value)
        return service

    return make


def lives(pid: int) -> bool:
    """Say whether a process runs; one that is dead and not yet reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def eventually(condition, *, seconds=30.0):
    """Wait until the condition holds, and return its value; fail after that many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        if value := condition():
            return value
        assert time.monotonic() < deadline, f"not within {seconds} s: {condition}"
        time.sleep(0.05)


def children(pid: int) -> list[int]:
    """Return the ids of a process's children."""
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(word) for word in listed.split()]


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
