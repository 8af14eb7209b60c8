import os
import signal
import subprocess
import sys

import pytest

from launcher import supervisor as supervising
from launcher.folders import ROOT, DataFolder
from launcher.service import LauncherError
from launcher.supervisor import StopRequested, Supervisor, pause_before_restart, stop_signals
from tests.launcher.conftest import eventually, kill, lives

SLEEPS = "import time; time.sleep(60)"


@pytest.fixture
def said():
    return []


@pytest.fixture
def supervisor(tmp_path, said):
    with Supervisor(tmp_path / "logs", said.append) as supervisor:
        yield supervisor


def turn(supervisor):
    """Let the supervisor look after each of its services once."""
    for entry in supervisor._entries:
        supervisor._look_after(entry)


def test_a_killed_service_is_restarted(supervisor, script, said, monkeypatch):
    monkeypatch.setattr(supervising, "FIRST_PAUSE", 0.05)
    supervisor.start(script(SLEEPS, name="worker"))
    first = supervisor.running("worker").pid
    kill(first)

    def second():
        turn(supervisor)
        return supervisor.running("worker").pid != first and supervisor.running("worker").pid

    assert lives(eventually(second))
    assert said[0].startswith("worker ended with code -9; restarting it in 0.1 s")
    assert said[1] == f"worker restarted (process {supervisor.running('worker').pid})"


def test_the_pause_before_a_restart_doubles_up_to_its_limit():
    assert [pause_before_restart(deaths) for deaths in (0, 1, 2, 3, 6, 7, 10**6)] == [0.5, 1, 2, 4, 30, 30, 30]


def test_a_service_that_keeps_dying_is_restarted_for_ever(supervisor, script, said, monkeypatch):
    monkeypatch.setattr(supervising, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(supervising, "LONGEST_PAUSE", 0.02)
    supervisor.start(script("raise SystemExit(1)", name="worker"))

    def restarts():
        turn(supervisor)
        return sum(sentence.startswith("worker restarted") for sentence in said) >= 5

    eventually(restarts)


def test_an_essential_service_is_restarted_too(supervisor, script, monkeypatch):
    monkeypatch.setattr(supervising, "FIRST_PAUSE", 0.01)
    supervisor.start(script(SLEEPS, name="postgres", essential=True), script(SLEEPS, name="web"))
    first, web = supervisor.running("postgres").pid, supervisor.running("web").pid
    kill(first)

    def second():
        turn(supervisor)
        return supervisor.running("postgres").pid != first and supervisor.running("postgres").pid

    assert lives(eventually(second))
    assert lives(web)


def test_an_essential_service_that_keeps_dying_stops_everything_with_its_reason(supervisor, script, said, monkeypatch):
    monkeypatch.setattr(supervising, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(supervising, "LONGEST_PAUSE", 0.02)
    supervisor.start(script(SLEEPS, name="web"))
    web = supervisor.running("web").pid
    supervisor.start(script("print('no space left'); raise SystemExit(1)", name="postgres", essential=True))
    with pytest.raises(LauncherError, match=r"postgres ended with code 1, 7 times in a row;(?s:.*)no space left"):
        supervisor.watch(poll=0.01)
    assert sum(sentence.startswith("postgres restarted") for sentence in said) == 6
    supervisor.stop()
    assert not lives(web)


def test_what_cannot_be_prepared_again_is_tried_again(supervisor, script, said, monkeypatch):
    monkeypatch.setattr(supervising, "FIRST_PAUSE", 0.01)
    service = script(SLEEPS, name="postgres", essential=True)
    supervisor.start(service)
    first, troubles = supervisor.running("postgres").pid, [LauncherError("still held"), OSError("disk full")]

    def prepare():
        if troubles:
            raise troubles.pop(0)

    service.prepare = prepare
    kill(first)

    def second():
        turn(supervisor)
        return supervisor.running("postgres").pid != first and supervisor.running("postgres").pid

    assert lives(eventually(second))
    assert [sentence.partition(";")[0] for sentence in said[:3]] == [
        "postgres ended with code -9",
        "postgres could not be restarted",
        "postgres could not be restarted",
    ]


def test_services_stop_in_the_opposite_order_of_their_start(supervisor, script, tmp_path):
    note = """
import os, pathlib, signal, sys, time
def end(*_):
    with open("order", "a") as file: file.write("{0} ")
    sys.exit()
signal.signal(signal.SIGTERM, end)
pathlib.Path("{0}-ready").touch()
time.sleep(60)
"""
    supervisor.start(script(note.format("database"), name="database", ready="database-ready", essential=True))
    supervisor.start(script(note.format("web"), name="web", ready="web-ready"))
    supervisor.stop()
    assert (tmp_path / "order").read_text().split() == ["web", "database"]


def test_a_stop_signal_unwinds_and_a_second_one_does_not_disturb_it():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(StopRequested, match="SIGTERM"), stop_signals():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_signal_that_the_caller_ignores_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop_signals():
            os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_after_kill_9_the_watchman_kills_what_ignores_its_stop_signal_and_keeps_the_lock_until_then(tmp_path):
    script = f"""
import time
from pathlib import Path
from launcher.folders import DataFolder
from launcher.supervisor import Supervisor
from launcher.watchman import Watchman
from tests.launcher.conftest import Script
folder = DataFolder(Path({str(tmp_path / "data")!r}))
folder.create()
lock = folder.lock()
watchman = Watchman(lock, remove=[folder.create_sockets()])
supervisor = Supervisor(folder.logs, print, watchman)
deaf = "import pathlib, signal, time; signal.signal(15, signal.SIG_IGN); pathlib.Path('deaf').touch(); time.sleep(60)"
supervisor.start(Script("deaf", folder.path, deaf, ready="deaf"))
print(supervisor.running("deaf").pid, flush=True)
time.sleep(60)
"""
    folder = DataFolder(tmp_path / "data")
    environment = {**os.environ, "ROAMKEEP_WATCHMAN_GRACE": "0.5"}
    with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, env=environment) as parent:
        deaf = int(parent.stdout.readline())
        kill(parent.pid)
    assert lives(deaf)
    assert folder.is_locked()
    eventually(lambda: not lives(deaf))
    eventually(lambda: not folder.is_locked())
    eventually(lambda: not folder.sockets.exists())
