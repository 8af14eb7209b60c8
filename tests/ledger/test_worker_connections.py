"""A worker keeps its connection to the database from task to task, and does not trust it blindly."""

import pytest
from django.db import connection

from personalization.models import TaskState
from tests.ledger.crowd import crowd, submit
from tests.ledger.workers import farm, wait_for


def backends():
    """Return the process ids of the server for this database, of the application's role."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND usename = current_user")
        return {pid for (pid,) in cursor.fetchall()}


@pytest.fixture
def done(acme, adam, monkeypatch):
    """Yield a function that has a real worker with two processes do one task, and returns that worker's log.

    The worker is idle then: a task may have been rung for twice, and the process that heard the second bell finds
    nothing to do, but looks.
    """
    crowd(acme, 1)
    with farm(monkeypatch, batch=25, seconds=0) as workers:

        def one_task():
            task = submit(acme, adam, "create-backups")
            wait_for(acme, task, lambda row: row.state == TaskState.COMPLETED, workers)
            workers.wait_until_idle()
            return workers.log()

        yield one_task


@pytest.mark.django_db(transaction=True)
def test_many_tasks_take_one_connection_per_process(done):
    others, seen = backends(), set()
    for _ in range(6):
        done()
        seen |= backends() - others
    assert 1 <= len(seen) <= 2
    assert backends() - others == seen


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_was_lost_between_two_tasks_is_made_anew(done):
    others = backends()
    done()
    lost = backends() - others
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pid, 5000) FROM unnest(%s) AS pid", [list(lost)])
    log = done()
    assert lost
    assert not lost & backends()
    assert "Error" not in log
