"""The queue of a tenant: the order of tasks, deferred and paused and canceled ones, batches, and how a task ends."""

import datetime

import pytest
from django.utils import timezone

from audit.models import Outcome as EventOutcome
from personalization.actions import tasks as actions
from personalization.models import SettingsGroup, Task, TaskState, Verb
from personalization.runner import Turn, run_batch
from personalization.runner.queue import first_size, next_size, verdict
from tests import factories
from tests.ledger.crowd import crowd, events, fresh, items, profiles, run, submit

pytestmark = pytest.mark.django_db


@pytest.mark.spec("AC-TSK-1")
def test_two_tasks_run_in_the_order_in_which_they_were_submitted(acme, adam):
    crowd(acme, 60)
    first, second = submit(acme, adam), submit(acme, adam, Verb.CREATE_BACKUPS)
    order = []
    while run_batch(acme.pk, 25).turn is Turn.WORKED:
        order.append((fresh(acme, first).state, fresh(acme, second).state))
    assert order == sorted(order, key=lambda pair: (pair[0] == "completed", pair[1] == "completed"))
    assert ("running", "running") not in order
    assert fresh(acme, first).ended_at <= fresh(acme, second).started_at
    assert (fresh(acme, second).started_at - fresh(acme, first).ended_at).total_seconds() < 10


@pytest.mark.spec("AC-TSK-2")
def test_a_deferred_task_does_not_start_before_its_time_but_after_it_even_if_nobody_was_there(acme, adam, rings):
    from personalization.tasks.ledger import ring_runnable_tasks

    crowd(acme, 2)
    task = submit(acme, adam, run_after=timezone.now() + datetime.timedelta(hours=2))
    run(acme)
    ring_runnable_tasks()
    assert fresh(acme, task).state == TaskState.WAITING
    assert not rings
    with acme.context():  # the time comes while no worker runs
        Task.objects.update(run_after=timezone.now() - datetime.timedelta(minutes=5))
    ring_runnable_tasks()
    assert rings == [(str(acme.pk), 0)]
    run(acme)
    assert fresh(acme, task).state == TaskState.COMPLETED


@pytest.mark.spec("AC-TSK-3")
def test_a_deferred_task_does_not_hold_up_later_ones(acme, adam):
    crowd(acme, 2)
    deferred = submit(acme, adam, run_after=timezone.now() + datetime.timedelta(hours=2))
    later = submit(acme, adam)
    run(acme)
    assert (fresh(acme, deferred).state, fresh(acme, later).state) == ("waiting", "completed")


@pytest.mark.spec("AC-TSK-4")
def test_a_paused_task_stops_after_its_batch_and_goes_on_with_the_next_user(acme, adam):
    crowd(acme, 60)
    task = submit(acme, adam)
    run_batch(acme.pk, 25)
    with acme.context():
        actions.pause_task(task=task, by=factories.actor(adam))
    run(acme)
    assert [item.state for item in items(acme, task)] == [1] * 25 + [0] * 35
    with acme.context():
        actions.resume_task(task=task, by=factories.actor(adam))
    run(acme)
    assert fresh(acme, task).succeeded == 60
    assert {p.version for p in profiles(acme)} == {2}


@pytest.mark.spec("AC-TSK-5")
def test_cancel_is_final_and_tells_the_counters_so_far(acme, adam):
    crowd(acme, 60)
    task = submit(acme, adam)
    run_batch(acme.pk, 25)
    with acme.context():
        actions.cancel_task(task=task, by=factories.actor(adam))
    run(acme)
    ended = fresh(acme, task)
    assert (ended.state, ended.done, ended.succeeded) == ("canceled", 25, 25)
    assert [item.state for item in items(acme, task)] == [1] * 25 + [5] * 35
    [event] = events(acme, "task.canceled")
    assert (event.labels["left"], event.labels["succeeded"], event.labels["selected"]) == (35, 25, 60)
    for verb in (actions.pause_task, actions.resume_task, actions.cancel_task, actions.retry_failed, actions.start_now):
        with acme.context(), pytest.raises(actions.steering.Conflict):
            verb(task=task, by=factories.actor(adam))


def test_each_tenant_has_its_own_queue(acme, globex, adam, charlie):
    crowd(acme, 2)
    crowd(globex, 2)
    ours, theirs = submit(acme, adam), submit(globex, charlie)
    run(globex)
    assert (fresh(acme, ours).state, fresh(globex, theirs).state) == ("runnable", "completed")
    assert (ours.number, theirs.number) == (1, 1)


def test_a_suspended_tenant_waits(acme, adam):
    crowd(acme, 1)
    task = submit(acme, adam)
    acme.tenant.status = "suspended"
    acme.tenant.save()
    run(acme)
    assert fresh(acme, task).state == TaskState.RUNNABLE


def test_batches_grow_while_they_are_fast_and_shrink_when_they_are_slow():
    assert next_size(25, 0.1) == 50
    assert next_size(400, 0.1) == 800
    assert next_size(800, 0.1) == 1_000
    assert next_size(400, 0.7) == 400
    assert next_size(400, 1.1) == 200
    assert next_size(25, 9.0) == 25


@pytest.mark.parametrize(("groups", "size"), [(0, 1_000), (10, 1_000), (40, 250), (1_000, 25)])
def test_a_first_batch_is_the_smaller_the_more_settings_groups_there_are(acme, groups, size):
    with acme.context():
        SettingsGroup.objects.all().delete()
        SettingsGroup.objects.bulk_create(
            SettingsGroup(tenant=acme.tenant, kind="application", name=f"App {n}", name_key=f"app {n}")
            for n in range(groups)
        )
        assert first_size(acme.pk) == size


@pytest.mark.spec("AC-TSK-8")
@pytest.mark.parametrize(
    ("selected", "succeeded", "partial", "state"),
    [
        (100, 49, 0, "warning"),
        (100, 50, 0, "completed"),
        (100, 0, 50, "completed"),
        (0, 0, 0, "completed"),
        (3, 0, 0, "failed"),
    ],
)
def test_half_of_the_users_decide_how_a_task_ends(selected, succeeded, partial, state):
    assert verdict(Task(selected=selected, succeeded=succeeded, partial=partial)) == state


@pytest.mark.spec("AC-TSK-8")
def test_a_task_without_users_ends_well(acme, adam):
    task = submit(acme, adam)
    run(acme)
    ended = fresh(acme, task)
    assert (ended.state, ended.selected) == ("completed", 0)
    assert events(acme, "task.completed")[0].outcome == EventOutcome.OK
