"""Real workers on a broker of the test's own, and the ways to disturb them."""

import os
import random
import shutil
import signal
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import redis
from celery import Celery
from django.conf import settings
from django.db import connection
from kombu.exceptions import OperationalError

from config import bell
from launcher.service import start, wait_ready
from launcher.valkey import Valkey
from launcher.workers import Worker
from personalization.tasks.ledger import ring_runnable_tasks
from tests.ledger.crowd import fresh


class SlowWorker(Worker):
    """A worker process with two children that runs `tests.ledger.slow_celery`."""

    def command(self):
        line = super().command()
        line[line.index("config")] = "tests.ledger.slow_celery"
        return line


class Farm:
    """A private broker and one worker; `reap` is what beat rings every 15 seconds."""

    def __init__(self, folder, *, batch, seconds, database=None):
        self.folder, self.random = folder, random.Random(4711)
        self.broker = start(prepared(Valkey(folder / "valkey", folder, durable=False)), folder)
        wait_ready(self.broker)
        self.environment = {
            **os.environ,
            **self.broker.service.environment(),
            "DATABASE_URL": database or database_url(),
            "LEDGER_BATCH": str(batch),
            "LEDGER_SECONDS": str(seconds),
            "PYTHONPATH": str(settings.BASE_DIR),
        }
        self.environment.pop("PYTEST_CURRENT_TEST", None)
        self.worker = None
        self.start_worker()

    def start_worker(self):
        self.worker = start(SlowWorker(self.environment, concurrency=2), self.folder)

    def children(self):
        pid = self.worker.pid
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def kill_child(self):
        """SIGKILL one of the pool's processes, if they are up already."""
        if children := self.children():
            os.kill(self.random.choice(children), signal.SIGKILL)

    def kill_children(self):
        """SIGKILL every process of the pool: the one with the batch among them."""
        for pid in self.children():
            os.kill(pid, signal.SIGKILL)

    def kill_worker(self):
        """SIGKILL the worker with everything it started; another takes its place."""
        self.worker.kill_group()
        self.worker.process.wait()
        self.start_worker()

    def wait_until_idle(self, *, seconds=30):
        """Wait until the broker holds no message: one that a worker has taken stays there until its work is done.

        Seen twice, because a message is nowhere for a moment while it changes hands.
        """
        deadline, seen = time.monotonic() + seconds, 0
        with redis.Redis(unix_socket_path=str(self.broker.service.socket)) as client:
            while seen < 2:
                assert time.monotonic() < deadline, self.log()
                seen = 0 if client.llen("celery") or client.hlen("unacked") else seen + 1
                time.sleep(0.05)

    def flush_broker(self):
        """Empty the broker: every message is gone."""
        with redis.Redis(unix_socket_path=str(self.broker.service.socket)) as client:
            client.flushall()

    def stop(self):
        for running in (self.worker, self.broker):
            running.kill_group()
            running.process.wait()

    def log(self):
        return self.worker.last_lines(40)


def prepared(service):
    service.prepare()
    return service


def database_url():
    """Return the URL of the test database as the application's role."""
    values = connection.settings_dict
    return f"postgres://{values['USER']}:{values['PASSWORD']}@{quote(values['HOST'], safe='')}/{values['NAME']}"


@contextmanager
def farm(monkeypatch, **options):
    """Start a Farm whose broker is the bell's for the length of the block."""
    folder = Path(tempfile.mkdtemp(prefix="ledger-"))
    made = None
    try:
        made = Farm(folder, **options)
        app = Celery(broker=made.environment["BROKER_URL"])
        monkeypatch.setattr(bell, "app", app)
        yield made
    finally:
        if made:
            made.stop()
        shutil.rmtree(folder, ignore_errors=True)


def reap():
    """Ring for what is runnable; a broker that is away is asked again later."""
    try:
        ring_runnable_tasks()
    except OperationalError:
        return


def wait_for(world, task, condition, made, *, seconds=120):
    """Ring as the reaper does until `condition(task)` holds; fails with the worker's log."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        row = fresh(world, task)
        if condition(row):
            return row
        reap()
        time.sleep(0.25)
    raise AssertionError(f"task is {row.state} with {row.done} of {row.selected}\n{made.log()}")
