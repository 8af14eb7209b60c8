"""What a task leaves behind: its events, its counters and its items."""

import pytest
from django.utils import timezone

from personalization.models import Backup, ItemState, ManagedUser, TaskItem
from tests.ledger.crowd import backups, break_user, crowd, events, fresh, items, run, submit

pytestmark = pytest.mark.django_db


def test_a_task_writes_submitted_started_completed_and_one_event_per_changed_user(acme, adam):
    people = crowd(acme, 3).users
    with acme.context():
        Backup.objects.filter(profile__managed_user_id=people[0]).update(deleted_at=timezone.now())
    task = submit(acme, adam, name="Roll back")
    run(acme)
    [submitted], [started], [completed] = (
        events(acme, f"task.{word}") for word in ("submitted", "started", "completed")
    )
    changed = events(acme, "user.changed")
    assert {e.subject_id for e in changed} == set(people[1:])
    assert {(e.group_id, e.task_id, e.channel, e.actor_id) for e in changed} == {
        (acme.finance, task.pk, "worker", adam.pk)
    }
    assert changed[0].labels["user"] == "FIN\\u00002"
    assert changed[0].labels["changed"] == 2
    five = {"selected": 3, "succeeded": 3, "partial": 0, "failed": 0, "retries": 0}
    assert completed.labels | five == completed.labels
    assert submitted.labels["groups"] == ["Finance"]
    assert {e.group_id for e in (submitted, started, completed)} == {acme.finance}
    assert started.labels["number"] == 1


def test_the_counters_of_a_task_are_the_sums_of_its_items(acme, adam):
    people = crowd(acme, 40).users
    break_user(acme, people[3])
    with acme.context():
        ManagedUser.objects.filter(pk__in=people[10:15]).update(group_id=acme.sales)
        ManagedUser.objects.filter(pk=people[20]).delete()
    task = submit(acme, adam, users=people)
    run(acme)
    ended, rows = fresh(acme, task), items(acme, task)
    tally = {state: sum(item.state == state for item in rows) for state in ItemState}
    assert (ended.succeeded, ended.partial, ended.failed, ended.denied) == tuple(tally[s] for s in (1, 2, 3, 4))
    assert ended.changed == sum(item.changed for item in rows) == len(backups(acme, origin="before-change"))
    assert ended.selected == len(rows) == ended.done


def test_the_ledger_refuses_a_second_item_of_one_user(acme, adam):
    crowd(acme, 1)
    task = submit(acme, adam)
    [item] = items(acme, task)
    with acme.context(), pytest.raises(Exception, match="taskitem_once"):
        TaskItem.objects.create(
            tenant_id=acme.pk,
            task_id=task.pk,
            managed_user_id=item.managed_user_id,
            group_id=item.group_id,
            user_label="",
        )
