"""The runner: order of the queue, batches, rights, failures, counters, events."""

import datetime
from dataclasses import replace

import pytest
from django.db import connection
from django.utils import timezone

from audit.models import Outcome as EventOutcome
from personalization.actions import tasks as actions
from personalization.models import Backup, ItemState, ManagedUser, SettingsProfile, Task, TaskItem, TaskState, Verb
from personalization.outcomes import Outcome
from personalization.runner import Turn, batch, run_batch, run_tenant, steps
from personalization.runner.queue import next_size, verdict
from tests import factories
from tests.ledger.crowd import (
    backups,
    crowd,
    events,
    fresh,
    items,
    let_pauses_pass,
    operation,
    profiles,
    run,
    settings_groups,
    states,
    submit,
)

pytestmark = pytest.mark.django_db


def outcomes(world, task):
    return [item.outcome for item in items(world, task)]


# --- what the verbs do ------------------------------------------------------------------------------------------------


def test_create_backups_writes_one_backup_of_every_profile_with_the_name_of_the_task(acme, adam):
    crowd(acme, 3, backups=0)
    task = submit(acme, adam, Verb.CREATE_BACKUPS, name="Before the roll-out")
    run(acme)
    made = backups(acme)
    assert len(made) == 6
    assert {(b.origin, b.name, b.created_by, b.task_id) for b in made} == {
        ("task", "Before the roll-out", "Adam Ahrens", task.pk)
    }
    assert {b.snapshot_id for b in made} == {p.snapshot_id for p in profiles(acme)}
    ended = fresh(acme, task)
    assert (ended.state, ended.selected, ended.done, ended.succeeded, ended.changed) == ("completed", 3, 3, 3, 6)
    assert outcomes(acme, task) == [Outcome.BACKED_UP] * 3


def test_a_user_without_settings_has_nothing_to_back_up(acme, adam):
    crowd(acme, 1, backups=0)
    with acme.context():
        SettingsProfile.objects.update(snapshot=None)
    task = submit(acme, adam, Verb.CREATE_BACKUPS)
    run(acme)
    assert outcomes(acme, task) == [Outcome.NOTHING_TO_BACK_UP]
    assert not backups(acme)


def test_restore_latest_points_every_profile_to_its_newest_backup(acme, adam):
    crowd(acme, 3, backups=2)
    task = submit(acme, adam, Verb.RESTORE_LATEST)
    run(acme)
    assert set(states(acme).values()) == {1}
    assert {p.version for p in profiles(acme)} == {2}
    kept = backups(acme, origin="before-change")
    assert len(kept) == 6
    assert {(b.made_version, b.task_id) for b in kept} == {(2, task.pk)}
    assert outcomes(acme, task) == [Outcome.RESTORED] * 3


def test_a_second_restore_finds_nothing_to_change(acme, adam):
    crowd(acme, 2, backups=2)
    submit(acme, adam, Verb.RESTORE_LATEST)
    run(acme)
    task = submit(acme, adam, Verb.RESTORE_LATEST)
    run(acme)
    assert outcomes(acme, task) == [Outcome.ALREADY_SO] * 2
    assert set(states(acme).values()) == {1}
    assert fresh(acme, task).changed == 0
    assert len(events(acme, "user.changed")) == 2


@pytest.mark.spec("AC-MBK-8")
def test_a_user_without_a_backup_has_nothing_to_restore_and_keeps_the_settings(acme, adam):
    crowd(acme, 2, backups=0)
    task = submit(acme, adam, Verb.RESTORE_LATEST)
    run(acme)
    assert outcomes(acme, task) == [Outcome.NOTHING_TO_RESTORE] * 2
    assert set(states(acme).values()) == {0}
    assert {p.version for p in profiles(acme)} == {1}
    assert fresh(acme, task).state == TaskState.COMPLETED


def test_restore_not_later_takes_the_newest_backup_up_to_the_time(acme, adam):
    crowd(acme, 2, backups=3)
    until = timezone.now() - datetime.timedelta(days=15)
    submit(acme, adam, operation(Verb.RESTORE_NOT_LATER, not_later_than=until))
    run(acme)
    assert set(states(acme).values()) == {2}


@pytest.mark.spec("AC-MBK-1")
def test_delete_older_counts_the_age_when_it_runs_in_days_of_24_hours_and_in_own_groups_only(acme, adam):
    crowd(acme, 1, groups=1, backups=0)
    crowd(acme, 1, groups=1, backups=0, group=acme.sales, prefix="s")
    now = timezone.now()

    def backup(name, hours):
        at = now - datetime.timedelta(hours=hours)
        for row in profiles(acme):
            with acme.context():
                Backup.objects.create(
                    tenant=acme.tenant, profile=row, snapshot=row.snapshot, origin="manual", name=name, created_at=at
                )

    backup("older", 30 * 24 + 0.01)
    backup("younger", 30 * 24 - 1)
    task = submit(acme, adam, operation(Verb.DELETE_OLDER, age_days=30))
    backup("older when it runs", 30 * 24 + 0.02)
    run(acme)
    gone = backups(acme, deleted_at__isnull=False)
    assert {b.name for b in gone} == {"older", "older when it runs"}
    with acme.context():
        mine = SettingsProfile.objects.filter(managed_user__group_id=acme.finance)
        assert {b.profile_id for b in gone} == set(mine.values_list("pk", flat=True))
    assert outcomes(acme, task) == [Outcome.DELETED]


@pytest.mark.spec("AC-MBK-1")
def test_both_kinds_or_one_kind_are_deleted_as_chosen(acme, adam):
    crowd(acme, 1, groups=2, backups=2)
    submit(acme, adam, operation(Verb.DELETE_OLDER, kinds=("windows",), age_days=5))
    run(acme)
    with acme.context():
        gone = Backup.objects.filter(deleted_at__isnull=False).values_list("profile__settings_group__kind", flat=True)
        assert set(gone) == {"windows"}
    submit(acme, adam, operation(Verb.DELETE_OLDER, age_days=5))
    run(acme)
    # Of each profile's two nightly backups the newest never ages; the other was replaced 10 days ago.
    assert len(backups(acme, deleted_at__isnull=False)) == 2


@pytest.mark.spec("AC-MBK-2")
def test_protected_backups_are_deleted_only_where_the_task_says_so_and_the_event_tells_it(acme, adam):
    crowd(acme, 1, groups=1, backups=3)
    with acme.context():
        Backup.objects.update(protected_until=timezone.now() + datetime.timedelta(days=1))
    first = submit(acme, adam, operation(Verb.DELETE_OLDER, age_days=5))
    run(acme)
    assert not backups(acme, deleted_at__isnull=False)
    assert outcomes(acme, first) == [Outcome.NOTHING_TO_DELETE]
    submit(acme, adam, operation(Verb.DELETE_OLDER, age_days=5, include_protected=True))
    run(acme)
    assert len(backups(acme, deleted_at__isnull=False)) == 2
    assert [e.labels["outcome"] for e in events(acme, "user.changed")] == [Outcome.DELETED_PROTECTED_TOO]


@pytest.mark.spec("AC-MBK-7")
def test_overlapping_deletes_both_end_well_and_the_second_finds_them_gone(acme, adam, alice):
    crowd(acme, 3, backups=3)
    first = submit(acme, adam, operation(Verb.DELETE_OLDER, age_days=5))
    second = submit(acme, alice, operation(Verb.DELETE_OLDER, age_days=5))
    run(acme)
    first, second = fresh(acme, first), fresh(acme, second)
    assert (first.state, first.succeeded, first.changed) == ("completed", 3, 12)
    assert (second.state, second.succeeded, second.changed) == ("completed", 3, 0)
    assert outcomes(acme, second) == [Outcome.NOTHING_TO_DELETE] * 3


def test_several_steps_of_one_task_are_applied_to_each_user_in_their_order(acme, adam):
    crowd(acme, 4, groups=3, backups=3)
    task = submit(acme, adam, Verb.CREATE_BACKUPS, operation(Verb.DELETE_OLDER, age_days=5))
    run(acme)
    ended = fresh(acme, task)
    assert (ended.number, ended.selected, ended.succeeded) == (1, 4, 4)
    assert len(backups(acme, origin="task")) == 12
    # The new backup replaced the newest nightly one, which is young since: it stays.
    assert len(backups(acme, deleted_at__isnull=False)) == 24
    assert len(events(acme, "user.changed")) == 4


def test_only_the_chosen_settings_groups_are_touched(acme, adam):
    crowd(acme, 2, groups=3, backups=1)
    chosen = settings_groups(acme)[1]
    submit(acme, adam, operation(Verb.RESTORE_LATEST, kinds=(), settings_groups=(chosen.pk,)))
    run(acme)
    assert [p.settings_group_id == chosen.pk for p in profiles(acme)] == [p.version == 2 for p in profiles(acme)]


# --- the queue --------------------------------------------------------------------------------------------------------


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
    assert next_size(400, 0.1) == 500
    assert next_size(400, 0.7) == 400
    assert next_size(400, 1.1) == 200
    assert next_size(25, 9.0) == 25


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


# --- rights -----------------------------------------------------------------------------------------------------------


def test_users_whom_the_creator_lost_meanwhile_end_as_not_authorised(acme, adam):
    crowd(acme, 60)
    task = submit(acme, adam)
    run_batch(acme.pk, 25)
    with acme.context():
        connection.cursor().execute("DELETE FROM personalization_personalizationgroupusergrant")
        connection.cursor().execute("DELETE FROM roles_roleassignment WHERE membership_id = %s", [adam.pk])
    run(acme)
    ended = fresh(acme, task)
    assert (ended.succeeded, ended.denied, ended.done, ended.state) == (25, 35, 60, "warning")
    assert sum(p.version == 2 for p in profiles(acme)) == 50
    assert outcomes(acme, task)[25:] == [Outcome.DENIED] * 35


def test_a_user_who_moved_into_another_group_is_not_touched(acme, adam):
    people = crowd(acme, 3).users
    task = submit(acme, adam)
    with acme.context():
        ManagedUser.objects.filter(pk=people[1]).update(group_id=acme.sales)
    run(acme)
    assert [item.state for item in items(acme, task)] == [1, 4, 1]
    assert items(acme, task)[1].group_id == acme.sales


@pytest.mark.parametrize("lost", ["is_active", "user.is_active", "user.locked_at"])
def test_a_creator_who_may_not_sign_in_any_more_does_nothing(acme, adam, lost):
    crowd(acme, 2)
    task = submit(acme, adam)
    with acme.context():
        if lost == "is_active":
            type(adam).objects.filter(pk=adam.pk).update(is_active=False)
        else:
            value = timezone.now() if lost == "user.locked_at" else False
            type(adam.user).objects.filter(pk=adam.user_id).update(**{lost.split(".")[1]: value})
    run(acme)
    assert fresh(acme, task).denied == 2
    assert {p.version for p in profiles(acme)} == {1}


def test_a_user_who_was_deleted_meanwhile_fails_alone(acme, adam):
    people = crowd(acme, 3).users
    task = submit(acme, adam)
    with acme.context():
        ManagedUser.objects.filter(pk=people[0]).delete()
    run(acme)
    assert [(item.state, item.outcome) for item in items(acme, task)] == [(3, "gone"), (1, "restored"), (1, "restored")]


# --- failures ---------------------------------------------------------------------------------------------------------

LAST_VERSION = 2**63 - 1  # one more does not fit: the change of this profile fails, in the database itself


def break_user(world, user):
    with world.context():
        SettingsProfile.objects.filter(managed_user_id=user).update(version=LAST_VERSION)


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


# --- the trail --------------------------------------------------------------------------------------------------------


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
