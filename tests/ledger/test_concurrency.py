"""Several at once: one runner per tenant, single-user work beside it, pause and cancel between two batches."""

import threading
import time
from contextlib import contextmanager

import pytest
from django.db import OperationalError, connection

from personalization import moves
from personalization.actions import backups as single
from personalization.actions import tasks as actions
from personalization.models import Backup, TaskState, Verb
from personalization.runner import Turn, run_batch, run_tenant, steps
from personalization.runner.queue import LARGEST_BATCH
from personalization.statistics import learn_tenant
from tests import factories
from tests.ledger.crowd import backups, crowd, fresh, items, let_pauses_pass, profiles, run, states, submit

WAIT = 20  # seconds until a test that waits for another thread gives up


@contextmanager
def thread(function):
    """Run a function beside the test on a database connection of its own; its result is in the yielded list."""
    result = []

    def work():
        try:
            result.append(function())
        except BaseException as error:  # shown by the test, whatever it is
            result.append(error)
        finally:
            connection.close()

    beside = threading.Thread(target=work)
    beside.start()
    try:
        yield result
    finally:
        beside.join(WAIT)
        assert not beside.is_alive()
    if isinstance(result[0], BaseException):
        raise result[0]


@pytest.fixture
def held_batch(monkeypatch):
    """Return two events: the runner stands still inside its next batch, locks held, from the first to the second."""
    inside, go_on = threading.Event(), threading.Event()
    restore = steps.STEPS[Verb.RESTORE_LATEST]

    def slow(*arguments):
        done = restore(*arguments)
        if not inside.is_set():
            inside.set()
            assert go_on.wait(WAIT)
        return done

    monkeypatch.setitem(steps.STEPS, Verb.RESTORE_LATEST, slow)
    yield inside, go_on
    go_on.set()


def restore_one(world, member, profile):
    """Restore the nightly backup of one profile as the page of one user does."""
    with world.context():
        row = Backup.objects.select_related("profile__managed_user").get(profile_id=profile.pk, origin="nightly")
        return single.restore_backup(backup=row, by=factories.actor(member))


@pytest.mark.django_db(transaction=True)
def test_single_user_work_waits_for_the_batch_that_holds_the_user_and_for_no_other(acme, adam, held_batch):
    inside, go_on = held_batch
    crowd(acme, 40)
    submit(acme, adam)
    rows = profiles(acme)
    with thread(lambda: run_batch(acme.pk, 25)):
        assert inside.wait(WAIT)
        with acme.context(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '1s'")
            assert restore_one(acme, adam, rows[-1]) is not None  # user 40 is not in this batch
        with pytest.raises(OperationalError, match="lock timeout"), acme.context(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '200ms'")
            restore_one(acme, adam, rows[0])
        with thread(lambda: restore_one(acme, adam, rows[0])) as restored:
            time.sleep(0.1)
            assert not restored
            go_on.set()
    assert restored == [None]  # the batch had restored the same backup: nothing was left to do
    run(acme)
    assert set(states(acme).values()) == {1}
    assert len(backups(acme, origin="before-change")) == 80


@pytest.mark.django_db(transaction=True)
def test_a_user_whom_somebody_else_is_changing_stays_pending_and_the_others_go_on(acme, adam):
    crowd(acme, 5)
    task = submit(acme, adam)
    held, release = threading.Event(), threading.Event()
    row = profiles(acme)[4]

    def hold():
        with acme.context():
            moves.lock_profiles(tenant_id=acme.pk, profile_ids=[row.pk])
            held.set()
            release.wait(WAIT)

    with thread(hold):
        assert held.wait(WAIT)
        assert run_batch(acme.pk, 25).turn is Turn.WORKED
        assert [item.state for item in items(acme, task)] == [1, 1, 0, 1, 1]
        assert items(acme, task)[2].attempts == 0
        # The other profile of that user was free and is untouched all the same: a user is done whole or not at all.
        assert {p.version for p in profiles(acme) if p.managed_user_id == row.managed_user_id} == {1}
        assert run_batch(acme.pk, 25).turn is Turn.HELD_BACK
        release.set()
    let_pauses_pass(acme)
    run(acme)
    ended = fresh(acme, task)
    assert (ended.state, ended.succeeded, ended.retries) == ("completed", 5, 0)


@pytest.mark.django_db(transaction=True)
@pytest.mark.spec("AC-TSK-4")
@pytest.mark.parametrize("verb", [actions.pause_task, actions.cancel_task])
def test_pause_and_cancel_wait_for_the_batch_and_let_no_other_begin(acme, adam, held_batch, verb):
    inside, go_on = held_batch
    crowd(acme, LARGEST_BATCH + 20, groups=1)
    task = submit(acme, adam)

    def stop():
        with acme.context():
            return verb(task=task, by=factories.actor(adam))

    with thread(lambda: run_tenant(acme.pk)) as pause:
        assert inside.wait(WAIT)
        with thread(stop) as stopped:
            wait_until_somebody_waits()
            assert not stopped
            go_on.set()
    assert pause == [None]
    ended = fresh(acme, task)
    assert ended.state in (TaskState.PAUSED, TaskState.CANCELED)
    assert ended.done == LARGEST_BATCH
    assert [item.state for item in items(acme, task)][:LARGEST_BATCH] == [1] * LARGEST_BATCH
    assert sum(p.version == 2 for p in profiles(acme)) == LARGEST_BATCH


def wait_until_somebody_waits():
    """Wait until a transaction stands in line for an advisory lock."""
    deadline = time.monotonic() + WAIT
    with connection.cursor() as cursor:
        while time.monotonic() < deadline:
            cursor.execute(
                "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database "
                "WHERE d.datname = current_database() AND l.locktype = 'advisory' AND NOT l.granted"
            )
            if cursor.fetchone()[0]:
                return
            time.sleep(0.02)
    raise AssertionError("nobody waits")


@pytest.mark.django_db(transaction=True)
@pytest.mark.spec("AC-TSK-6", "INV-6")
def test_two_runners_never_work_for_one_tenant_at_the_same_time(acme, adam, held_batch):
    inside, go_on = held_batch
    crowd(acme, 60)
    task = submit(acme, adam)
    with thread(lambda: run_tenant(acme.pk)):
        assert inside.wait(WAIT)
        assert run_batch(acme.pk, 25).turn is Turn.BUSY
        assert run_tenant(acme.pk) is None
        assert fresh(acme, task).done == 0
        go_on.set()
    assert fresh(acme, task).succeeded == 60
    assert {p.version for p in profiles(acme)} == {2}


@pytest.mark.django_db(transaction=True)
def test_four_runners_at_once_do_every_user_exactly_once(acme, adam):
    crowd(acme, 120)
    task = submit(acme, adam)
    runners = [thread(lambda: run(acme)) for _ in range(4)]
    for runner in runners:
        runner.__enter__()
    for runner in runners:
        runner.__exit__(None, None, None)
    run(acme)
    ended = fresh(acme, task)
    assert (ended.state, ended.succeeded, ended.done, ended.changed) == ("completed", 120, 120, 240)
    assert {p.version for p in profiles(acme)} == {2}
    assert len(backups(acme, origin="before-change")) == 240


@pytest.mark.django_db(transaction=True)
def test_a_task_that_comes_while_the_last_look_at_the_queue_is_made_is_not_forgotten(acme, adam, monkeypatch):
    from personalization.runner import queue

    crowd(acme, 2)
    looking, go_on = threading.Event(), threading.Event()
    next_task = queue._next_task

    def look(*arguments):
        found = next_task(*arguments)
        if found is None and not looking.is_set():
            looking.set()
            go_on.wait(WAIT)
        return found

    monkeypatch.setattr(queue, "_next_task", look)
    with thread(lambda: run_tenant(acme.pk)):
        assert looking.wait(WAIT)
        task = submit(acme, adam)  # its bell finds the queue busy
        with thread(lambda: run_tenant(acme.pk)):
            time.sleep(0.15)
            go_on.set()
    assert fresh(acme, task).state == TaskState.COMPLETED


@pytest.mark.django_db(transaction=True)
def test_tasks_submitted_at_once_get_different_numbers(acme, adam):
    crowd(acme, 1)
    numbers = []
    several = [thread(lambda: submit(acme, adam).number) for _ in range(4)]
    results = [one.__enter__() for one in several]
    for one in several:
        one.__exit__(None, None, None)
    numbers = sorted(number for [number] in results)
    assert numbers == [1, 2, 3, 4]


@pytest.mark.django_db
def test_the_first_task_of_a_tenant_that_is_in_no_statistics_renews_them(acme, globex, adam):
    def expected_backups(world):
        with world.context(), connection.cursor() as cursor:
            cursor.execute(
                "EXPLAIN (FORMAT JSON) SELECT 1 FROM personalization_backup WHERE tenant_id = %s", [world.pk]
            )
            return cursor.fetchone()[0][0]["Plan"]["Plan Rows"]

    crowd(globex, 200)
    with globex.context():
        learn_tenant(globex.pk)
    crowd(acme, 400)
    assert expected_backups(acme) < 40
    submit(acme, adam)
    run_batch(acme.pk, 25)
    assert expected_backups(acme) > 400
