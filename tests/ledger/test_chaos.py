"""Killed workers, an emptied broker, lost connections, a restarted database: every user exactly once, none lost."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from launcher.folders import ROLES
from launcher.postgres import Postgres
from launcher.service import start, wait_ready
from personalization.models import TaskState
from tests import factories
from tests.conftest import DEEP
from tests.ledger.crowd import backups, crowd, events, fresh, items, profiles, submit
from tests.ledger.workers import farm, prepared, wait_for

IMMEDIATE, FAST = signal.SIGQUIT, signal.SIGINT  # ways to stop a PostgreSQL that has sessions
RESTARTS = [(IMMEDIATE, 20), (FAST, 60)] if DEEP else [(IMMEDIATE, 20)]
USERS, KILLS, BATCH, SECONDS = (5000, 20, 25, 0.05) if DEEP else (400, 4, 10, 0.1)


def assert_exactly_once(world, task, users, groups=2):
    """Every user done once: one change per profile, one safety copy, one result, one event."""
    ended = fresh(world, task)
    assert (ended.state, ended.selected, ended.done, ended.succeeded) == ("completed", users, users, users)
    assert ended.changed == users * groups
    assert {item.state for item in items(world, task)} == {1}
    assert {profile.version for profile in profiles(world)} == {2}
    kept = backups(world, origin="before-change")
    assert len(kept) == len({backup.profile_id for backup in kept}) == users * groups
    told = events(world, "user.changed")
    assert len(told) == len({event.subject_id for event in told}) == users
    assert len(events(world, "task.started")) == len(events(world, "task.completed")) == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.spec("AC-TSK-6")
def test_killed_workers_lose_no_user_and_do_none_twice(acme, adam, monkeypatch):
    crowd(acme, USERS)
    task = submit(acme, adam)
    with farm(monkeypatch, batch=BATCH, seconds=SECONDS) as workers:
        for kill in range(KILLS):
            reached = USERS * (kill + 1) // (KILLS + 2) + workers.random.randrange(BATCH)
            wait_for(acme, task, lambda row, least=reached: row.done >= least, workers, seconds=600)
            assert fresh(acme, task).state == TaskState.RUNNING
            (workers.kill_child, workers.kill_worker, workers.kill_children)[kill % 3]()
        wait_for(acme, task, lambda row: row.state == TaskState.COMPLETED, workers, seconds=600)
    assert_exactly_once(acme, task, USERS)


@pytest.mark.django_db(transaction=True)
def test_an_emptied_broker_and_lost_connections_lose_nothing(acme, adam, monkeypatch):
    users = 400
    crowd(acme, users)
    task = submit(acme, adam)
    with farm(monkeypatch, batch=10, seconds=0.1) as workers:

        def wait_for_more():
            """Wait for a batch that was not there yet: whoever wrote it holds a connection."""
            seen = fresh(acme, task).done
            wait_for(acme, task, lambda row: row.done > seen, workers)

        wait_for_more()
        workers.flush_broker()
        wait_for_more()
        terminate_connections()
        workers.flush_broker()
        wait_for_more()
        terminate_connections()
        assert fresh(acme, task).done < users
        later = submit(acme, adam, name="Comes after the storm")
        wait_for(acme, later, lambda row: row.state == TaskState.COMPLETED, workers)
    assert fresh(acme, later).changed == 0
    ended = fresh(acme, task)
    assert (ended.state, ended.done, ended.succeeded, ended.changed) == ("completed", users, users, users * 2)
    assert {profile.version for profile in profiles(acme)} == {2}
    assert len(backups(acme, origin="before-change")) == len(events(acme, "user.changed")) * 2 == users * 2


def terminate_connections():
    """End every other connection to the test database, as a failover would; the workers' among them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()"
        )
        assert cursor.fetchone()[0]


@contextmanager
def own_cluster():
    """Start a PostgreSQL that the test may restart, migrated, with this process connected to it; yield (url, restart)."""
    folder = Path(tempfile.mkdtemp(prefix="ledger-"))
    service = Postgres(folder / "data", folder, dict.fromkeys(ROLES, "a-password-of-a-test"), durable=True)
    running = start(prepared(service), folder)
    outer = dict(connection.settings_dict)

    def restart(stop_signal):
        nonlocal running
        running.process.send_signal(stop_signal)
        running.process.wait(30)
        running = start(prepared(service), folder)
        wait_ready(running)
        connection.close()

    try:
        wait_ready(running)
        urls = service.environment()
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "-v0", "--skip-checks"],
            cwd=settings.BASE_DIR,
            env={**os.environ, **urls, "DATABASE_URL": urls["DATABASE_OWNER_URL"]},
            check=True,
            capture_output=True,
        )
        connection.close()
        connection.settings_dict.update(
            HOST=str(service.sockets), NAME="roamkeep", USER="roamkeep_app", PASSWORD="a-password-of-a-test"
        )
        yield urls["DATABASE_URL"], restart
    finally:
        connection.close()
        connection.settings_dict.update(outer)
        running.kill_group()
        running.process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def test_a_restarted_database_loses_nothing(django_db_blocker, django_db_setup, monkeypatch):
    users = 120
    with django_db_blocker.unblock(), own_cluster() as (url, restart):
        acme = factories.world("acme", "Acme Industries")
        adam = factories.member(acme, "Adam", "adam", role="persops.admin", groups=[acme.finance])
        crowd(acme, users)
        task = submit(acme, adam)
        with farm(monkeypatch, batch=5, seconds=0.1, database=url) as workers:
            for kind, reached in RESTARTS:
                wait_for(acme, task, lambda row, least=reached: row.done >= least, workers)
                assert fresh(acme, task).state == TaskState.RUNNING
                connection.close()
                restart(kind)
            wait_for(acme, task, lambda row: row.state == TaskState.COMPLETED, workers)
        assert_exactly_once(acme, task, users)
