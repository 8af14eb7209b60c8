"""Users of a task that fail: tried again, alone, and retried by hand."""

import datetime
from dataclasses import replace

import pytest
from django.db import connection
from django.utils import timezone

from personalization.actions import tasks as actions
from personalization.models import ItemState, SettingsProfile, Verb
from personalization.runner import batch, run_batch, run_tenant, steps
from tests import factories
from tests.ledger.crowd import (
    backups,
    break_user,
    crowd,
    events,
    fresh,
    items,
    let_pauses_pass,
    operation,
    profiles,
    run,
    submit,
)

pytestmark = pytest.mark.django_db


@pytest.mark.spec("AC-TSK-9")
def test_a_bad_user_is_tried_three_times_with_growing_pauses_and_fails_alone(acme, adam, monkeypatch):
    monkeypatch.setattr(batch, "FIRST_PAUSE", batch.FIRST_PAUSE * 30)  # no slow machine sees it pass by
    people = crowd(acme, 30).users
    break_user(acme, people[7])
    task = submit(acme, adam)
    pauses = []
    while fresh(acme, task).state not in ("completed", "failed"):
        run_tenant(acme.pk)
        bad = items(acme, task)[7]
        if bad.retry_after:
            pauses.append((bad.retry_after - timezone.now()).total_seconds())
            let_pauses_pass(acme)
    ended = fresh(acme, task)
    assert (ended.succeeded, ended.failed, ended.retries, ended.done) == (29, 1, 2, 30)
    assert (bad.state, bad.attempts, bad.error) == (ItemState.FAILED, 3, "DataError")
    assert len(pauses) == 2
    assert pauses[1] > 2 * pauses[0] > 0
    assert len(backups(acme, origin="before-change")) == 58
    assert len(events(acme, "user.changed")) == 29


def test_the_error_of_a_user_holds_no_value_of_the_data(acme, adam):
    people = crowd(acme, 1).users
    break_user(acme, people[0])
    task = submit(acme, adam)
    run(acme)
    assert items(acme, task)[0].error == "DataError"


def test_steps_before_a_failing_one_stay_only_at_the_last_try(acme, adam):
    people = crowd(acme, 2).users
    break_user(acme, people[0])
    until = timezone.now() - datetime.timedelta(days=5)
    steps = [Verb.CREATE_BACKUPS, Verb.CREATE_BACKUPS, operation(Verb.RESTORE_NOT_LATER, not_later_than=until)]
    task = submit(acme, adam, *steps, Verb.CREATE_BACKUPS)
    run_batch(acme.pk, 25)
    broken, _ = items(acme, task)
    assert not [b for b in backups(acme, origin="task") if b.profile_id in own_profiles(acme, people[0])]
    run(acme)
    broken, whole = items(acme, task)
    assert (broken.state, broken.applied, broken.changed, broken.error) == (ItemState.PARTIAL, 2, 4, "DataError")
    assert (whole.state, whole.applied) == (ItemState.SUCCEEDED, 4)
    assert fresh(acme, task).partial == 1
    with acme.context():  # the fault is found and mended
        SettingsProfile.objects.filter(managed_user_id=people[0]).update(version=1)
        actions.retry_failed(task=task, by=factories.actor(adam))
    run(acme)
    broken, _ = items(acme, task)
    assert (broken.state, broken.applied, broken.changed) == (ItemState.SUCCEEDED, 4, 8)
    mine = [b for b in backups(acme, origin="task") if b.profile_id in own_profiles(acme, people[0])]
    assert len(mine) == 6
    ended = fresh(acme, task)
    assert (ended.state, ended.done, ended.succeeded, ended.partial) == ("completed", 2, 2, 0)


def own_profiles(world, user):
    return {p.pk for p in profiles(world) if p.managed_user_id == user}


def test_retry_touches_only_the_failed_users(acme, adam):
    people = crowd(acme, 4).users
    break_user(acme, people[2])
    task = submit(acme, adam)
    run(acme)
    with acme.context():
        SettingsProfile.objects.filter(managed_user_id=people[2]).update(version=1)
        actions.retry_failed(task=task, by=factories.actor(adam))
    assert [item.state for item in items(acme, task)] == [1, 1, 0, 1]
    run(acme)
    ended = fresh(acme, task)
    assert (ended.state, ended.succeeded, ended.failed, ended.done) == ("completed", 4, 0, 4)
    assert {p.version for p in profiles(acme)} == {2}
    assert events(acme, "task.retried")[0].labels["retried"] == 1


def test_a_reference_that_only_the_commit_would_refuse_fails_the_one_user(acme, adam, monkeypatch):
    people = crowd(acme, 3, groups=1).users
    bad = list(own_profiles(acme, people[1]))
    restore = steps.STEPS[Verb.RESTORE_LATEST]

    def broken(step):
        with connection.cursor() as cursor:  # a snapshot that is not there: the foreign key is deferred
            cursor.execute(
                "UPDATE personalization_settingsprofile SET snapshot_id = roamkeep_uuid7() WHERE id = ANY(%s)",
                [bad if people[1] in step.users else []],
            )
        return restore(replace(step, users=()))

    monkeypatch.setitem(steps.STEPS, Verb.RESTORE_LATEST, broken)
    task = submit(acme, adam)
    run(acme)
    assert [item.state for item in items(acme, task)] == [1, 3, 1]
    assert items(acme, task)[1].error == "IntegrityError"


def test_an_event_that_cannot_be_written_undoes_the_batch(acme, adam, monkeypatch):
    from personalization.runner import results

    crowd(acme, 2)
    task = submit(acme, adam)

    def unwritable(*args, **kwargs):
        raise RuntimeError("the audit trail is not to be had")

    monkeypatch.setattr(results, "record_rows", unwritable)
    with pytest.raises(RuntimeError):
        run_tenant(acme.pk)
    assert {p.version for p in profiles(acme)} == {1}
    assert fresh(acme, task).done == 0
    assert [item.state for item in items(acme, task)] == [0, 0]
