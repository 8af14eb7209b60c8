import os
import signal
import subprocess
import sys

import pytest

from launcher.folders import ROOT
from launcher.service import LauncherError, running, start, wait_ready
from tests.launcher.conftest import eventually, kill, lives

SLEEPS = "import time; time.sleep(60)"
STUBBORN = """
import os, pathlib, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
child = subprocess.Popen([sys.executable, "-c", deaf])
pathlib.Path("child.new").write_text(str(child.pid))
os.rename("child.new", "child")
time.sleep(60)
"""


def test_a_service_is_awaited_until_it_is_ready(script, tmp_path):
    service = script(
        "import pathlib, time; time.sleep(0.2); pathlib.Path('ready').touch(); time.sleep(60)", ready="ready"
    )
    with running(service, tmp_path / "logs"):
        assert (tmp_path / "ready").exists()


def test_what_it_prints_goes_to_its_log(script, tmp_path):
    with running(script("print('hello', flush=True); import time; time.sleep(60)"), tmp_path / "logs"):
        eventually(lambda: "hello" in (tmp_path / "logs" / "script.log").read_text())


def test_a_service_that_ends_while_starting_is_told_with_the_end_of_its_log(script, tmp_path):
    service = script("print('no such disk'); raise SystemExit(7)", ready="never")
    with pytest.raises(LauncherError, match="(?s)script ended with code 7 while starting.*no such disk"):
        wait_ready(start(service, tmp_path))


def test_a_service_that_is_never_ready_is_stopped_and_told(script, tmp_path):
    started = start(script(SLEEPS, ready="never", ready_timeout=0.2), tmp_path)
    with pytest.raises(LauncherError, match="script was not ready after 0 s"):
        wait_ready(started)
    assert not lives(started.pid)


def test_stopping_kills_a_service_that_ignores_the_signal_and_its_children(script, tmp_path):
    started = start(script(STUBBORN, stop_timeout=0.3), tmp_path)
    child = int(eventually(lambda: (tmp_path / "child").exists() and (tmp_path / "child").read_text()))
    assert started.stop() == -signal.SIGKILL
    eventually(lambda: not lives(child))


def test_nothing_of_the_callers_environment_reaches_a_server_process(script, tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "canary")
    service = script("import os; print(dict(os.environ), flush=True); import time; time.sleep(60)")
    with running(service, tmp_path):
        log = eventually(lambda: (tmp_path / "script.log").read_text())
    assert "canary" not in log


def test_a_service_dies_with_the_process_that_started_it_even_by_kill_9(tmp_path):
    starter = f"""
import time
from pathlib import Path
from launcher.service import start
from tests.launcher.conftest import Script
print(start(Script("sleeper", Path({str(tmp_path)!r}), {SLEEPS!r}), Path({str(tmp_path)!r})).pid, flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", starter], cwd=ROOT, stdout=subprocess.PIPE, env=os.environ) as parent:
        service = int(parent.stdout.readline())
        assert lives(service)
        kill(parent.pid)
    eventually(lambda: not lives(service))
