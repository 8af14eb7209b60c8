"""The whole stack as a person starts it. A start costs seconds, so most tests share one."""

import http.client
import os
import re
import signal
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from launcher.folders import PYTHON, ROOT, DataFolder
from launcher.ports import LOOPBACK, free_port
from tests.launcher.conftest import bare, children, eventually, kill, lives

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("stack")]
START = 300.0  # seconds, for a busy machine; a warm start takes under ten on an idle one


def roamkeep(*words, **keywords):
    """Run `./roamkeep` to its end and return what it printed and its exit code."""
    line = [PYTHON, ROOT / "roamkeep", *map(str, words)]
    return subprocess.run(line, capture_output=True, text=True, env=bare(os.environ), timeout=START, **keywords)


class Started:
    """A running `./roamkeep up`."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = DataFolder(folder)
        self.printed = folder.with_name(f"printed-{time.monotonic_ns()}")
        line = [PYTHON, ROOT / "roamkeep", "up", "--no-demo", "--data", folder, "--port", str(port)]
        with self.printed.open("wb") as output:
            self.process = subprocess.Popen(
                list(map(str, line)), stdout=output, stderr=output, stdin=subprocess.DEVNULL, env=bare(os.environ)
            )
        eventually(lambda: "is ready" in self.text() or self.process.poll() is not None, seconds=START)
        assert self.process.poll() is None, self.text()

    def text(self) -> str:
        return self.printed.read_text()

    @property
    def port(self) -> int:
        return int(re.search(r"is ready after [\d.]+ s: http://127\.0\.0\.1:(\d+)", self.text()).group(1))

    def get(self, path: str) -> tuple[int, bytes]:
        """Return status and body of a page; wait while the web server restarts."""

        def answer():
            connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=20)
            try:
                connection.request("GET", path)
                answered = connection.getresponse()
                return answered.status, answered.read()
            except (OSError, http.client.HTTPException):
                return None
            finally:
                connection.close()

        return eventually(answer, seconds=START)

    def service(self, words: str) -> int | None:
        """Return the process id of the supervisor's child whose command line holds these words."""
        for pid in children(self.process.pid):
            try:
                line = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
            except OSError:
                continue
            if words in line and lives(pid):
                return pid
        return None

    def family(self) -> list[int]:
        """Return the ids of every process below the supervisor."""
        found, rest = [], [self.process.pid]
        while rest:
            try:
                below = children(rest.pop())
            except OSError:
                continue
            found += below
            rest += below
        return found


@contextmanager
def up(folder, port):
    started = Started(folder, port)
    try:
        yield started
    finally:
        if started.process.poll() is None:
            started.process.send_signal(signal.SIGTERM)
            started.process.wait(60)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("stack") / "data"


@pytest.fixture(scope="module")
def stack(folder):
    """A stack whose wanted port is taken by something else."""
    with socket.create_server((LOOPBACK, 0)) as other, up(folder, other.getsockname()[1]) as started:
        started.wanted_port = other.getsockname()[1]
        yield started


def test_a_taken_port_is_replaced_by_a_free_one_that_is_printed(stack):
    assert stack.port != stack.wanted_port
    assert f"Port {stack.wanted_port} is taken by another program; this run uses {stack.port}." in stack.text()
    assert stack.get("/readyz") == (200, b'{"status": "ready"}')


def test_it_says_where_mail_goes(stack):
    assert f"Mail goes to {stack.folder.mail}/new" in stack.text()


def test_a_second_up_on_the_same_data_folder_is_refused_with_a_sentence(stack, folder):
    second = roamkeep("up", "--no-demo", "--data", folder)
    assert second.returncode == 1
    assert second.stderr.startswith(f"[roamkeep] Roamkeep already runs on {folder} (process {stack.process.pid}).")
    assert stack.get("/healthz")[0] == 200


def test_manage_runs_a_command_against_the_running_stack(stack, folder):
    asked = roamkeep("manage", "--data", folder, "shell", "-c", SHOW_SETTINGS)
    assert asked.stdout.split()[-3:] == ["roamkeep_app", "roamkeep_operator", f"http://127.0.0.1:{stack.port}"], (
        asked.stderr
    )


SHOW_SETTINGS = """
from django.conf import settings
from django.db import connections
for alias in ("default", "operator"):
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT current_user")
        print(cursor.fetchone()[0])
print(settings.PUBLIC_URL)
"""


def test_a_management_command_fails_with_its_own_exit_code(stack, folder):
    assert roamkeep("manage", "--data", folder, "no_such_command").returncode == 1


@pytest.mark.parametrize("words", ["celery -A config worker", "celery -A config beat", "granian", "aiosmtpd", "valkey"])
def test_a_service_killed_by_kill_9_comes_back(stack, words):
    first = eventually(lambda: stack.service(words))
    kill(first)
    assert eventually(lambda: (pid := stack.service(words)) and pid != first and pid, seconds=60)


def test_pages_are_served_again_after_the_web_server_was_killed(stack):
    first = eventually(lambda: stack.service("granian"))
    kill(first)
    eventually(lambda: not lives(first))
    assert stack.get("/readyz")[0] == 200


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_postgresql_that_stopped_comes_back_while_pages_answer_503(stack, folder, number):
    eventually(lambda: stack.get("/readyz")[0] == 200)  # the web server of another test may still be coming back
    first, web, worker = postmaster(folder), stack.service("granian"), stack.service("celery -A config worker")
    os.kill(first, number)
    eventually(lambda: not lives(first))
    answers = []

    def serves_again():
        answers.append(stack.get("/readyz")[0])
        return answers[-1] == 200 and answers

    assert set(eventually(serves_again, seconds=60)) <= {503, 200}
    assert postmaster(folder) != first
    assert (stack.service("granian"), stack.service("celery -A config worker")) == (web, worker)


def postmaster(folder):
    """Return the process id that PostgreSQL wrote down."""
    return int((folder / "postgres" / "postmaster.pid").read_text().split()[0])


def test_nothing_outlives_kill_9_and_the_next_start_is_warm_until_postgresql_cannot_come_back(tmp_path):
    folder = tmp_path / "data"
    with up(folder, port := free_port()) as first:
        family = first.family()
        assert len(family) > 12
        kill(first.process.pid)
        first.process.wait()
        eventually(lambda: not any(map(lives, family)))
        eventually(lambda: not first.folder.sockets.exists())

    with up(folder, port) as second:
        assert second.port == port
        assert second.get("/readyz")[0] == 200
        assert "Bringing the tables up to date" in first.text()
        assert "Bringing the tables up to date" not in second.text()
        family = second.family()
        (folder / "postgres" / "global" / "pg_control").rename(tmp_path / "pg_control")
        kill(postmaster(folder))
        assert second.process.wait(START) == 1
    assert "times in a row; without it nothing can run" in second.text()
    assert "pg_control" in second.text()
    assert not any(map(lives, family))
    assert not second.folder.sockets.exists()
    assert not (folder / "running.json").exists()
