"""Undo of a whole task (decision 14): each user's state comes back wherever nothing has changed since."""

import datetime
import re

import pytest
from django.utils import timezone

from config.errors import Conflict
from personalization import moves
from personalization.actions import tasks as actions
from personalization.models import Backup, SettingsProfile, TaskState, Verb
from personalization.outcomes import Outcome, outcome_text
from personalization.runner import run_batch
from tests import factories
from tests.ledger.crowd import backups, crowd, events, fresh, items, operation, profiles, run, states, submit

pytestmark = pytest.mark.django_db


def undo(world, member, task):
    with world.context():
        return actions.undo_task(task=task, by=factories.actor(member))


def restore_older():
    return operation(Verb.RESTORE_NOT_LATER, not_later_than=timezone.now() - datetime.timedelta(days=15))


def test_undo_of_a_restore_brings_every_state_back(acme, adam):
    crowd(acme, 3)
    task = submit(acme, adam)
    run(acme)
    assert set(states(acme).values()) == {1}
    inverse = undo(acme, adam, task)
    assert (inverse.number, inverse.undo_of_id, inverse.selected) == (2, task.pk, 3)
    run(acme)
    assert set(states(acme).values()) == {0}
    assert {p.version for p in profiles(acme)} == {3}
    assert [item.outcome for item in items(acme, inverse)] == [Outcome.UNDONE] * 3
    assert fresh(acme, inverse).state == TaskState.COMPLETED


def test_undo_skips_and_lists_whoever_changed_since(acme, adam):
    people = crowd(acme, 3).users
    task = submit(acme, adam)
    run(acme)
    changed_whole = [p.pk for p in profiles(acme) if p.managed_user_id == people[0]]
    changed_partly = [p.pk for p in profiles(acme) if p.managed_user_id == people[1]][:1]
    with acme.context():
        moves.clear(tenant_id=acme.pk, profile_ids=[*changed_whole, *changed_partly], created_by="user")
    inverse = undo(acme, adam, task)
    run(acme)
    rows = items(acme, inverse)
    assert [row.outcome for row in rows] == [Outcome.CHANGED_SINCE, Outcome.PARTLY_UNDONE, Outcome.UNDONE]
    assert [row.changed for row in rows] == [0, 1, 2]
    assert sorted(states(acme).values(), key=str) == [0, 0, 0, None, None, None]
    assert len([e for e in events(acme, "user.changed") if e.task_id == inverse.pk]) == 2


def test_whom_an_undo_skipped_is_found_among_the_results(acme, adam, sign_in):
    people = crowd(acme, 3).users
    task = submit(acme, adam)
    run(acme)
    with acme.context():
        whole = [p.pk for p in profiles(acme) if p.managed_user_id == people[1]]
        moves.clear(tenant_id=acme.pk, profile_ids=whole, created_by="user")
    inverse = undo(acme, adam, task)
    run(acme)
    skipped = [item for item in items(acme, inverse) if item.outcome == Outcome.CHANGED_SINCE]
    told = sign_in(adam).get(acme.url(f"tasks/{inverse.pk}/")).content.decode()
    assert re.findall(r'href="[^"]*\?outcome=([\w-]+)">([^<]+)<', told) == [("changed-since", "1 user")]
    assert "?outcome=" not in sign_in(adam).get(acme.url(f"tasks/{task.pk}/")).content.decode()
    answer = sign_in(adam).get(acme.url(f"tasks/{inverse.pk}/"), {"outcome": Outcome.CHANGED_SINCE.value})
    shown = re.findall(r'<th scope="row"><a href="[^"]+">([^<]+)</a>', answer.content.decode())
    assert shown == [item.user_label for item in skipped] and len(shown) == 1
    refused = sign_in(adam).get(acme.url(f"tasks/{inverse.pk}/"), {"outcome": "nonsense"})
    assert refused.status_code == 422


def test_undo_of_deletions_brings_the_backups_back(acme, adam):
    crowd(acme, 2, backups=3)
    task = submit(acme, adam, operation(Verb.DELETE_OLDER, age_days=5))
    run(acme)
    assert len(backups(acme, deleted_at=None)) == 4
    undo(acme, adam, task)
    run(acme)
    assert len(backups(acme, deleted_at=None)) == 12


def test_undo_of_new_backups_deletes_those_of_the_task_and_keeps_protected_ones(acme, adam):
    crowd(acme, 2, backups=1)
    task = submit(acme, adam, Verb.CREATE_BACKUPS)
    run(acme)
    kept = backups(acme, origin="task")[0]
    with acme.context():
        moves.protect(tenant_id=acme.pk, backup_ids=[kept.pk], until=timezone.now() + datetime.timedelta(days=1))
    undo(acme, adam, task)
    run(acme)
    assert [b.pk for b in backups(acme, origin="task", deleted_at=None)] == [kept.pk]
    assert len(backups(acme, origin="nightly", deleted_at=None)) == 4


def test_undo_of_several_steps_goes_back_behind_the_first(acme, adam):
    crowd(acme, 2, backups=2)
    task = submit(acme, adam, Verb.RESTORE_LATEST, restore_older())
    run(acme)
    assert set(states(acme).values()) == {2}
    undo(acme, adam, task)
    run(acme)
    assert set(states(acme).values()) == {0}


def test_undo_says_that_the_rest_changed_or_lost_its_backup(acme, adam):
    crowd(acme, 2)
    task = submit(acme, adam)
    run(acme)
    mine = [p.pk for p in profiles(acme)]
    kept = {b.profile_id: b.pk for b in backups(acme, origin="before-change")}
    with acme.context():
        moves.delete_backups(tenant_id=acme.pk, backup_ids=[kept[pk] for pk in mine[:3]])
    inverse = undo(acme, adam, task)
    run(acme)
    assert [(row.changed, outcome_text(row.outcome)) for row in items(acme, inverse)] == [
        (0, "Skipped: changed since, or the backup is gone"),
        (1, "Partly put back: the rest changed since, or its backup is gone"),
    ]
    assert [states(acme)[pk] for pk in mine] == [1, 1, 1, 0]


def test_undo_of_several_steps_stops_at_none_of_them_where_the_first_backup_is_gone(acme, adam):
    crowd(acme, 1, groups=1, backups=2)
    task = submit(acme, adam, Verb.RESTORE_LATEST, restore_older())
    run(acme)
    first = min(backups(acme, origin="before-change"), key=lambda b: b.made_version)
    with acme.context():
        moves.delete_backups(tenant_id=acme.pk, backup_ids=[first.pk])
    inverse = undo(acme, adam, task)
    run(acme)
    assert items(acme, inverse)[0].outcome == Outcome.CHANGED_SINCE
    assert set(states(acme).values()) == {2}


def test_undo_of_steps_that_led_back_themselves_says_that_it_was_the_same_already(acme, adam):
    crowd(acme, 1, groups=1, backups=2)
    with acme.context():
        older = Backup.objects.order_by("created_at").first()
        SettingsProfile.objects.update(snapshot_id=older.snapshot_id)
    task = submit(acme, adam, Verb.RESTORE_LATEST, restore_older())
    run(acme)
    assert [p.version for p in profiles(acme)] == [3]
    inverse = undo(acme, adam, task)
    run(acme)
    assert items(acme, inverse)[0].outcome == Outcome.ALREADY_SO
    assert set(states(acme).values()) == {2}


def test_undo_of_a_canceled_task_reaches_those_who_were_done(acme, adam):
    crowd(acme, 40)
    task = submit(acme, adam)
    run_batch(acme.pk, 25)
    with acme.context():
        actions.cancel_task(task=task, by=factories.actor(adam))
    inverse = undo(acme, adam, task)
    assert inverse.selected == 25
    run(acme)
    assert set(states(acme).values()) == {0}


def test_a_task_is_undone_once_and_an_undo_not_at_all(acme, adam):
    crowd(acme, 2)
    task = submit(acme, adam)
    run(acme)
    inverse = undo(acme, adam, task)
    with pytest.raises(Conflict):
        undo(acme, adam, task)
    run(acme)
    for row in (task, inverse):
        with pytest.raises(Conflict):
            undo(acme, adam, fresh(acme, row))
    with acme.context(), pytest.raises(Conflict):
        actions.retry_failed(task=task, by=factories.actor(adam))


def test_after_a_canceled_undo_there_may_be_another(acme, adam):
    crowd(acme, 2)
    task = submit(acme, adam)
    run(acme)
    first = undo(acme, adam, task)
    with acme.context():
        actions.cancel_task(task=first, by=factories.actor(adam))
    undo(acme, adam, task)
    run(acme)
    assert set(states(acme).values()) == {0}


@pytest.mark.parametrize("state", ["runnable", "running", "paused"])
def test_a_task_that_has_not_ended_cannot_be_undone(acme, adam, state):
    crowd(acme, 40)
    task = submit(acme, adam)
    if state != "runnable":
        run_batch(acme.pk, 25)
    if state == "paused":
        with acme.context():
            actions.pause_task(task=task, by=factories.actor(adam))
    assert fresh(acme, task).state == state
    with pytest.raises(Conflict):
        undo(acme, adam, task)


def test_a_task_that_changed_nothing_offers_no_undo(acme, adam):
    crowd(acme, 2, backups=0)
    task = submit(acme, adam)
    run(acme)
    with acme.context():
        assert not actions.may_undo(fresh(acme, task))
