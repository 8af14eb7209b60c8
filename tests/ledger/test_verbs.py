"""What the verbs of a task do to the users: backups made, restored and deleted."""

import datetime

import pytest
from django.utils import timezone

from personalization.models import Backup, SettingsProfile, TaskState, Verb
from personalization.outcomes import Outcome
from tests.ledger.crowd import (
    backups,
    crowd,
    events,
    fresh,
    operation,
    outcomes,
    profiles,
    run,
    settings_groups,
    states,
    submit,
)

pytestmark = pytest.mark.django_db


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
