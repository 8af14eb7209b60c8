"""Moves of references: only what changes is written, what it replaces is kept, no other profile is touched."""

import datetime

import pytest
from django.utils import timezone

from config.identifiers import uuid7
from personalization import moves
from personalization.models import Backup, Origin, SettingsProfile
from tests.ledger.crowd import backups, crowd, profiles, states

pytestmark = pytest.mark.django_db


@pytest.fixture
def four(acme):
    """Four profiles of two users, in the order of users, with two nightly backups each."""
    crowd(acme, 2, groups=2, backups=2)
    return profiles(acme)


def numbered(world, profile, number):
    """The backup of a profile that holds "state <number>"."""
    return sorted(backups(world, profile_id=profile.pk, origin="nightly"), key=lambda b: -b.created_at.timestamp())[
        number - 1
    ]


def pair(world, profile, number):
    return profile.pk, numbered(world, profile, number).pk


def test_a_backup_points_to_the_current_state_and_a_profile_without_one_gives_no_row(acme, four):
    with acme.context():
        SettingsProfile.objects.filter(pk=four[1].pk).update(snapshot=None)
        made = moves.back_up(
            tenant_id=acme.pk,
            profile_ids=[p.pk for p in four[:3]],
            origin=Origin.MANUAL,
            created_by="bob",
            comment="INC-1",
        )
        assert {row.profile_id: row.snapshot_id for row in made} == {p.pk: p.snapshot_id for p in (four[0], four[2])}
        row = Backup.objects.get(pk=made[0].backup_id)
    assert (row.origin, row.created_by, row.comment, row.task_id, row.tenant_id) == (
        "manual",
        "bob",
        "INC-1",
        None,
        acme.pk,
    )


def test_a_profile_named_twice_is_backed_up_once(acme, four):
    with acme.context():
        made = moves.back_up(tenant_id=acme.pk, profile_ids=[four[0].pk] * 2, origin=Origin.MANUAL, created_by="bob")
    assert len(made) == 1


def test_restore_keeps_what_it_replaces_and_says_which_version_it_made(acme, four):
    with acme.context():
        restored = moves.restore(tenant_id=acme.pk, pairs=[pair(acme, p, 2) for p in four[:3]], created_by="bob")
        before = {b.pk: b for b in Backup.objects.filter(origin="before-change")}
    assert {row.profile_id for row in restored} == {p.pk for p in four[:3]}
    for row in restored:
        kept = before[row.before_backup_id]
        assert (kept.profile_id, kept.snapshot_id, kept.made_version) == (row.profile_id, four[0].snapshot_id, 2)
        assert row.made_version == 2
    assert list(states(acme).values()).count(2) == 3
    assert states(acme)[four[3].pk] == 0


def test_restoring_what_is_current_writes_nothing(acme, four):
    with acme.context():
        moves.restore(tenant_id=acme.pk, pairs=[pair(acme, four[0], 1)], created_by="bob")
        again = moves.restore(tenant_id=acme.pk, pairs=[pair(acme, four[0], 1)], created_by="bob")
    assert again == []
    assert profiles(acme)[0].version == 2
    assert len(backups(acme, origin="before-change")) == 1


def test_a_deleted_backup_and_one_of_another_profile_are_not_restored(acme, four):
    gone, foreign = numbered(acme, four[0], 1), numbered(acme, four[2], 1)
    with acme.context():
        moves.delete_backups(tenant_id=acme.pk, backup_ids=[gone.pk])
        pairs = [(four[0].pk, gone.pk), (four[1].pk, foreign.pk)]
        assert moves.restore(tenant_id=acme.pk, pairs=pairs, created_by="bob") == []
    assert {p.version for p in profiles(acme)} == {1}


def test_nothing_of_another_tenant_is_moved(acme, globex, four):
    with globex.context():
        assert moves.back_up(tenant_id=globex.pk, profile_ids=[four[0].pk], origin="manual", created_by="x") == []
        assert moves.restore(tenant_id=globex.pk, pairs=[pair(acme, four[0], 1)], created_by="x") == []
        assert moves.delete_backups(tenant_id=globex.pk, backup_ids=[numbered(acme, four[0], 1).pk]) == []
        assert moves.lock_profiles(tenant_id=globex.pk, profile_ids=[four[0].pk]) == []


def test_clear_takes_the_current_settings_away_and_undo_brings_them_back(acme, four):
    with acme.context():
        [cleared] = moves.clear(tenant_id=acme.pk, profile_ids=[four[0].pk], created_by="bob")
    assert profiles(acme)[0].snapshot_id is None
    with acme.context():
        moves.undo_change(tenant_id=acme.pk, before_backup_ids=[cleared.before_backup_id], created_by="bob")
    assert profiles(acme)[0].snapshot_id == four[0].snapshot_id
    assert profiles(acme)[0].version == 3


def test_undo_of_a_restore_onto_nothing_leaves_nothing_stored(acme, four):
    with acme.context():
        moves.clear(tenant_id=acme.pk, profile_ids=[four[0].pk], created_by="bob")
        assert moves.clear(tenant_id=acme.pk, profile_ids=[four[0].pk], created_by="bob") == []
        [restored] = moves.restore(tenant_id=acme.pk, pairs=[pair(acme, four[0], 2)], created_by="bob")
        kept = Backup.objects.select_related("snapshot").get(pk=restored.before_backup_id)
        assert (kept.snapshot.value_count, kept.snapshot.file_count) == (0, 0)
        moves.undo_change(tenant_id=acme.pk, before_backup_ids=[kept.pk], created_by="bob")
    assert profiles(acme)[0].snapshot_id is None


def test_undo_is_refused_after_another_change(acme, four):
    with acme.context():
        [first] = moves.restore(tenant_id=acme.pk, pairs=[pair(acme, four[0], 1)], created_by="bob")
        [second] = moves.restore(tenant_id=acme.pk, pairs=[pair(acme, four[0], 2)], created_by="bob")
        assert not moves.undo_change(tenant_id=acme.pk, before_backup_ids=[first.before_backup_id], created_by="bob")
        assert moves.undo_change(tenant_id=acme.pk, before_backup_ids=[second.before_backup_id], created_by="bob")
    assert states(acme)[four[0].pk] == 1


def test_an_undo_can_be_undone(acme, four):
    with acme.context():
        [first] = moves.restore(tenant_id=acme.pk, pairs=[pair(acme, four[0], 2)], created_by="bob")
        [undone] = moves.undo_change(tenant_id=acme.pk, before_backup_ids=[first.before_backup_id], created_by="bob")
        moves.undo_change(tenant_id=acme.pk, before_backup_ids=[undone.before_backup_id], created_by="bob")
    assert states(acme)[four[0].pk] == 2


def test_the_newest_backup_is_no_safety_copy_and_not_deleted(acme, four):
    profile = four[0]
    with acme.context():
        moves.restore(tenant_id=acme.pk, pairs=[pair(acme, profile, 2)], created_by="bob")
        Backup.objects.create(
            tenant=acme.tenant,
            profile=profile,
            snapshot=profile.snapshot,
            origin="stale-upload",
            created_at=timezone.now(),
        )
        newest = moves.newest_backups(tenant_id=acme.pk, profile_ids=[p.pk for p in four])
        nightly = sorted(backups(acme, profile_id=profile.pk, origin="nightly"), key=lambda b: b.created_at)
        assert newest[profile.pk] == nightly[-1].pk
        moves.delete_backups(tenant_id=acme.pk, backup_ids=[nightly[-1].pk])
        assert moves.newest_backups(tenant_id=acme.pk, profile_ids=[profile.pk]) == {profile.pk: nightly[0].pk}
        moves.delete_backups(tenant_id=acme.pk, backup_ids=[nightly[0].pk])
        assert moves.newest_backups(tenant_id=acme.pk, profile_ids=[profile.pk]) == {}


def test_not_later_than_is_inclusive(acme, four):
    wanted = numbered(acme, four[0], 2)
    with acme.context():
        found = moves.newest_backups(tenant_id=acme.pk, profile_ids=[four[0].pk], not_later_than=wanted.created_at)
        earlier = wanted.created_at - datetime.timedelta(microseconds=1)
        assert moves.newest_backups(tenant_id=acme.pk, profile_ids=[four[0].pk], not_later_than=earlier) == {}
    assert found == {four[0].pk: wanted.pk}


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        # (origin, age in days) of the backups of one profile -> ages of those older than 30 days (decision 12)
        ([("nightly", 90)], []),
        ([("nightly", 90), ("nightly", 29)], []),
        ([("nightly", 90), ("nightly", 31)], [90]),
        ([("nightly", 90), ("manual", 31)], [90, 31]),
        ([("nightly", 90), ("manual", 5)], []),
        ([("manual", 31)], [31]),
        ([("manual", 29)], []),
        ([("task", 40), ("before-change", 35), ("stale-upload", 32)], [40, 35, 32]),
        ([("nightly", 90), ("nightly", 60), ("nightly", 40), ("nightly", 1)], [90, 60]),
    ],
)
def test_age_of_a_nightly_backup_runs_from_its_replacement(acme, made, expected):
    crowd(acme, 1, groups=1, backups=0)
    [profile] = profiles(acme)
    now = timezone.now()
    with acme.context():
        ages = {
            Backup.objects.create(
                tenant=acme.tenant,
                profile=profile,
                snapshot_id=profile.snapshot_id,
                origin=origin,
                created_at=now - datetime.timedelta(days=days),
            ).pk: days
            for origin, days in made
        }
        old = moves.backups_older_than(tenant_id=acme.pk, profile_ids=[profile.pk], age_days=30)
    assert sorted(ages[pk] for pk in old) == sorted(expected)
    assert set(old.values()) <= {profile.pk}


def test_a_deleted_backup_replaces_nothing(acme, four):
    profile = four[0]
    with acme.context():
        assert moves.backups_older_than(tenant_id=acme.pk, profile_ids=[profile.pk], age_days=5)
        moves.delete_backups(tenant_id=acme.pk, backup_ids=[numbered(acme, profile, 1).pk])
        assert not moves.backups_older_than(tenant_id=acme.pk, profile_ids=[profile.pk], age_days=5)


def test_a_protected_backup_is_deleted_only_on_request_and_a_past_protection_is_none(acme, four):
    kept, past = numbered(acme, four[0], 1).pk, numbered(acme, four[0], 2).pk
    tomorrow = timezone.now() + datetime.timedelta(days=1)
    with acme.context():
        assert moves.protect(tenant_id=acme.pk, backup_ids=[kept], until=tomorrow) == [kept]
        assert moves.protect(tenant_id=acme.pk, backup_ids=[kept], until=tomorrow) == []
        moves.protect(tenant_id=acme.pk, backup_ids=[past], until=timezone.now() - datetime.timedelta(seconds=1))
        assert moves.delete_backups(tenant_id=acme.pk, backup_ids=[kept, past]) == [past]
        assert moves.delete_backups(tenant_id=acme.pk, backup_ids=[kept], include_protected=True) == [kept]
        assert moves.delete_backups(tenant_id=acme.pk, backup_ids=[kept], include_protected=True) == []


def test_protection_can_be_taken_away(acme, four):
    pk = numbered(acme, four[0], 1).pk
    with acme.context():
        assert moves.unprotect(tenant_id=acme.pk, backup_ids=[pk]) == []
        moves.protect(tenant_id=acme.pk, backup_ids=[pk], until=timezone.now() + datetime.timedelta(days=1))
        assert moves.unprotect(tenant_id=acme.pk, backup_ids=[pk]) == [pk]
        assert Backup.objects.get(pk=pk).protected_until is None


def test_a_deleted_backup_comes_back_within_30_days(acme, four):
    late, soon = numbered(acme, four[0], 1).pk, numbered(acme, four[0], 2).pk
    with acme.context():
        moves.delete_backups(tenant_id=acme.pk, backup_ids=[late, soon])
        Backup.objects.filter(pk=late).update(deleted_at=timezone.now() - datetime.timedelta(days=30, seconds=1))
        Backup.objects.filter(pk=soon).update(deleted_at=timezone.now() - datetime.timedelta(days=29))
        assert moves.bring_back(tenant_id=acme.pk, backup_ids=[late, soon]) == [soon]
        assert moves.bring_back(tenant_id=acme.pk, backup_ids=[soon]) == []
        assert Backup.objects.get(pk=soon).deleted_at is None


def test_every_write_to_a_backup_raises_its_version(acme, four):
    pk = numbered(acme, four[0], 1).pk
    with acme.context():
        moves.protect(tenant_id=acme.pk, backup_ids=[pk], until=timezone.now() + datetime.timedelta(days=1))
        moves.unprotect(tenant_id=acme.pk, backup_ids=[pk])
        moves.delete_backups(tenant_id=acme.pk, backup_ids=[pk])
        moves.bring_back(tenant_id=acme.pk, backup_ids=[pk])
        assert Backup.objects.get(pk=pk).version == 5


def test_locks_reach_the_chosen_settings_groups_of_the_chosen_users(acme, four):
    with acme.context():
        user, group = four[0].managed_user_id, four[0].settings_group_id
        held = moves.lock_profiles(tenant_id=acme.pk, user_ids=[user], settings_group_ids=[group])
        assert held == [(four[0].pk, user, group)]


def test_effects_of_several_steps_lead_back_to_the_state_before_the_first(acme, four):
    task = uuid7()
    common = {"tenant_id": acme.pk, "created_by": "bob", "task_id": task}
    with acme.context():
        [first] = moves.restore(pairs=[pair(acme, four[0], 1)], **common)
        moves.restore(pairs=[pair(acme, four[0], 2)], **common)
        moves.restore(pairs=[pair(acme, four[1], 1)], **common)
        moves.restore(tenant_id=acme.pk, pairs=[pair(acme, four[1], 2)], created_by="bob")  # somebody else, later
        left = moves.effects_of_task(tenant_id=acme.pk, task_id=task, profile_ids=[p.pk for p in four])
    assert left.before == {four[0].pk: first.before_backup_id, four[1].pk: None}


def test_the_way_back_ends_where_somebody_else_changed_the_profile_between_two_steps(acme, four):
    task = uuid7()
    common = {"tenant_id": acme.pk, "created_by": "bob", "task_id": task}
    with acme.context():
        moves.restore(pairs=[pair(acme, four[0], 1)], **common)
        moves.restore(tenant_id=acme.pk, pairs=[pair(acme, four[0], 2)], created_by="bob")
        nightly = backups(acme, profile_id=four[0].pk, origin="nightly")
        [second] = moves.restore(pairs=[(four[0].pk, nightly[-1].pk)], **common)
        left = moves.effects_of_task(tenant_id=acme.pk, task_id=task, profile_ids=[four[0].pk])
    assert left.before == {four[0].pk: second.before_backup_id}
