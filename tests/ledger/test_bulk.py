"""The verbs of tasks on many profiles at once: the same choice as the moves of one user, counted per user."""

import datetime
import threading
import time
from uuid import UUID

import pytest
from django.db import connection
from django.utils import timezone

from config.identifiers import uuid7, uuid_array
from personalization import moves
from personalization.models import Backup, SettingsProfile
from tests.ledger.crowd import backups, crowd, profiles, states
from tests.ledger.test_concurrency import WAIT, thread

TASK = uuid7()


@pytest.fixture
def two(acme):
    """Two users with two profiles each, whose nightly backups 1 and 2 are 10 and 20 days old."""
    return crowd(acme, 2, groups=2, backups=2).users


def hold(world, users, settings_group_ids=None):
    return moves.hold_users(tenant_id=world.pk, user_ids=users, settings_group_ids=settings_group_ids)


def restore(world, users, **options):
    """Return {user: profiles changed} of those who are whole, {user: None} of those of whom another holds some."""
    arguments = {"settings_group_ids": None, "not_later_than": None, "created_by": "adam", "task_id": TASK} | options
    found = moves.restore_many(tenant_id=world.pk, user_ids=users, **arguments)
    assert not any(row.changed for row in found.values() if not row.is_whole)
    return {user: row.changed if row.is_whole else None for user, row in found.items()}


def delete(world, profile_ids, **options):
    arguments = {"settings_group_ids": None, "age_days": 5, "include_protected": False, "task_id": TASK} | options
    return moves.delete_older_many(tenant_id=world.pk, profiles=uuid_array(profile_ids), **arguments)


def back_up(world, profile_ids, **options):
    arguments = {"settings_group_ids": None, "created_by": "adam", "name": "Before the move", "task_id": TASK} | options
    return moves.back_up_many(tenant_id=world.pk, profiles=uuid_array(profile_ids), **arguments)


def ids(world):
    return [profile.pk for profile in profiles(world)]


# --- holding --------------------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_users_are_held_with_the_profiles_of_the_chosen_settings_groups(acme, two):
    rows = profiles(acme)
    with acme.context():
        every = hold(acme, [*two, uuid7()])
        some = hold(acme, two, [rows[0].settings_group_id])
        none = hold(acme, two, [])
    assert {user: set(held.ids) for user, held in every.items()} == {
        user: {p.pk for p in rows if p.managed_user_id == user} for user in two
    }
    assert all(held.is_whole for held in every.values())
    assert {user: held.ids for user, held in some.items()} == {two[0]: [rows[0].pk], two[1]: [rows[2].pk]}
    assert none == {}
    assert {UUID(text) for text in moves.all_profiles(every.values())[1:-1].split(",")} == {p.pk for p in rows}
    assert moves.all_profiles([]) == moves.all_profiles([moves.Held("{}", False)]) == "{}"


@pytest.mark.django_db
def test_users_of_another_tenant_are_not_held(acme, globex, two):
    with globex.context():
        assert hold(globex, two) == {}


@pytest.mark.django_db(transaction=True)
def test_a_user_with_a_profile_that_somebody_holds_is_not_whole(acme):
    users = crowd(acme, 3, groups=2).users
    rows = profiles(acme)
    held, release = threading.Event(), threading.Event()

    def occupy():
        with acme.context():
            moves.lock_profiles(tenant_id=acme.pk, profile_ids=[rows[0].pk, rows[2].pk, rows[3].pk])
            held.set()
            release.wait(WAIT)

    with thread(occupy):
        assert held.wait(WAIT)
        with acme.context():
            found = hold(acme, users)
        release.set()
    assert found[users[0]] == moves.Held("{" + str(rows[1].pk) + "}", False)
    assert found[users[1]] == moves.Held("{}", False)
    assert found[users[2]].is_whole
    assert set(found[users[2]].ids) == {rows[4].pk, rows[5].pk}


# --- create ---------------------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_every_profile_with_settings_gets_one_backup(acme, two):
    rows = profiles(acme)
    with acme.context():
        SettingsProfile.objects.filter(pk__in=[rows[0].pk, rows[2].pk, rows[3].pk]).update(snapshot=None)
        assert back_up(acme, ids(acme)) == {two[0]: 1}
    [made] = backups(acme, origin="task")
    assert (made.profile_id, made.snapshot_id, made.name) == (rows[1].pk, rows[1].snapshot_id, "Before the move")
    assert (made.created_by, made.task_id, made.version, made.deleted_at) == ("adam", TASK, 1, None)


@pytest.mark.django_db
def test_each_verb_reaches_the_chosen_settings_groups_only(acme, two):
    rows = profiles(acme)
    only = {"settings_group_ids": [rows[0].settings_group_id]}
    first = {rows[0].pk, rows[2].pk}
    with acme.context():
        assert back_up(acme, ids(acme), **only) == dict.fromkeys(two, 1)
        assert delete(acme, ids(acme), **only, age_days=15) == {}  # replaced ten days ago
        assert delete(acme, ids(acme), **only) == dict.fromkeys(two, 1)
        assert restore(acme, two, **only) == dict.fromkeys(two, 0)  # the task's own backup is the newest
        assert restore(acme, two, settings_group_ids=[]) == {}
        assert restore(acme, two) == dict.fromkeys(two, 1)
    assert {b.profile_id for b in backups(acme, origin="task")} == first
    assert {b.profile_id for b in backups(acme, deleted_at__isnull=False)} == first
    assert {pk for pk, state in states(acme).items() if state == 1} == {p.pk for p in rows} - first


# --- restore --------------------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_a_restore_keeps_what_it_replaces_and_writes_only_what_changes(acme, two):
    rows = profiles(acme)
    with acme.context():
        assert restore(acme, two[:1]) == {two[0]: 2}
        assert restore(acme, two) == {two[0]: 0, two[1]: 2}
    assert set(states(acme).values()) == {1}
    assert {p.version for p in profiles(acme)} == {2}
    kept = backups(acme, origin="before-change")
    assert {b.profile_id for b in kept} == {p.pk for p in rows}
    assert len(kept) == 4
    assert {(b.snapshot_id, b.made_version, b.task_id, b.created_by) for b in kept} == {
        (rows[0].snapshot_id, 2, TASK, "adam")
    }


@pytest.mark.django_db
def test_a_profile_without_settings_is_restored_and_its_emptiness_kept(acme, two):
    rows = profiles(acme)
    with acme.context():
        SettingsProfile.objects.filter(pk=rows[0].pk).update(snapshot=None)
        done = restore(acme, two)
        [kept] = Backup.objects.select_related("snapshot").filter(profile_id=rows[0].pk, origin="before-change")
        assert (kept.snapshot.value_count, kept.snapshot.file_count, kept.made_version) == (0, 0, 2)
        moves.undo_change(tenant_id=acme.pk, before_backup_ids=[kept.pk], created_by="adam")
    assert done == dict.fromkeys(two, 2)
    assert profiles(acme)[0].snapshot_id is None


@pytest.mark.django_db
def test_restoring_a_backup_of_emptiness_leaves_nothing_stored(acme, two):
    rows = profiles(acme)
    with acme.context():
        SettingsProfile.objects.filter(pk=rows[0].pk).update(snapshot=None)
        hold(acme, two)  # there is a snapshot of nothing now
        empty = SettingsProfile.objects.get(pk=rows[0].pk)
        moves.restore(tenant_id=acme.pk, pairs=[(empty.pk, numbered(acme, empty, 1))], created_by="bob")
        nothing = Backup.objects.get(profile_id=empty.pk, origin="before-change").snapshot_id
        Backup.objects.create(
            tenant=acme.tenant, profile=empty, snapshot_id=nothing, origin="manual", created_at=timezone.now()
        )
        assert restore(acme, two[:1]) == {two[0]: 2}
        assert restore(acme, two[:1]) == {two[0]: 0}
    assert profiles(acme)[0].snapshot_id is None


@pytest.mark.django_db
def test_not_later_than_includes_its_moment_and_leaves_out_who_has_none(acme, two):
    row = profiles(acme)[0]
    with acme.context():
        moment = Backup.objects.get(pk=numbered(acme, row, 2)).created_at
        Backup.objects.filter(profile__managed_user_id=two[1], created_at=moment).delete()
        assert restore(acme, two, not_later_than=moment - datetime.timedelta(microseconds=1)) == {}
        assert restore(acme, two, not_later_than=moment) == {two[0]: 2}
    assert [states(acme)[p.pk] for p in profiles(acme)] == [2, 2, 0, 0]


@pytest.mark.django_db
def test_a_deleted_backup_and_a_safety_copy_are_not_the_newest(acme, two):
    row = profiles(acme)[0]
    with acme.context():
        Backup.objects.filter(pk=numbered(acme, row, 1)).update(deleted_at=timezone.now())
        for origin in ("before-change", "stale-upload"):
            Backup.objects.create(
                tenant=acme.tenant, profile=row, snapshot_id=row.snapshot_id, origin=origin, created_at=timezone.now()
            )
        assert restore(acme, two[:1]) == {two[0]: 2}
    assert states(acme)[row.pk] == 2


@pytest.mark.django_db
def test_profiles_of_another_tenant_are_not_touched(acme, globex, two):
    mine = ids(acme)
    with globex.context():
        assert back_up(globex, mine) == restore(globex, two) == delete(globex, mine) == {}
    before = (len(backups(acme)), set(states(acme).values()))
    with acme.context():  # nor where the caller names the wrong tenant
        assert back_up(globex, mine) == restore(globex, two) == delete(globex, mine) == {}
    assert (len(backups(acme)), set(states(acme).values())) == before == (8, {0})


@pytest.mark.django_db(transaction=True)
def test_a_user_of_whom_somebody_holds_what_would_change_is_left_whole(acme):
    users = crowd(acme, 3, groups=2).users
    rows = profiles(acme)
    held, release = threading.Event(), threading.Event()

    def occupy():
        with acme.context():
            moves.lock_profiles(tenant_id=acme.pk, profile_ids=[rows[0].pk])
            held.set()
            release.wait(WAIT)

    with thread(occupy):
        assert held.wait(WAIT)
        with acme.context():
            done = restore(acme, users)
        release.set()
    assert done == {users[0]: None, users[1]: 2, users[2]: 2}
    assert {p.version for p in profiles(acme) if p.managed_user_id == users[0]} == {1}
    assert {b.profile_id for b in backups(acme, origin="before-change")} == {p.pk for p in rows[2:]}
    with acme.context():
        assert restore(acme, users) == {users[0]: 2, users[1]: 0, users[2]: 0}


# --- delete ---------------------------------------------------------------------------------------------------------
@pytest.mark.django_db
@pytest.mark.parametrize("include_protected", [False, True])
def test_protected_backups_are_deleted_only_on_request(acme, two, include_protected):
    row = profiles(acme)[0]
    with acme.context():
        kept = numbered(acme, row, 2)
        moves.protect(tenant_id=acme.pk, backup_ids=[kept], until=timezone.now() + datetime.timedelta(days=1))
        counts = delete(acme, ids(acme), include_protected=include_protected)
    assert counts == {two[0]: 2 if include_protected else 1, two[1]: 2}
    gone = backups(acme, deleted_at__isnull=False)
    assert (kept in {b.pk for b in gone}) is include_protected
    assert {(b.deleted_task_id, b.task_id) for b in gone} == {(TASK, None)}


@pytest.mark.django_db
def test_deleting_by_age_chooses_what_the_move_of_one_user_chooses(acme, two):
    crowd(acme, 3, groups=2, backups=4, prefix="w")
    with acme.context():
        rows = ids(acme)
        for age, row in enumerate(profiles(acme)[::2], 10):
            common = {"tenant": acme.tenant, "profile": row, "snapshot_id": row.snapshot_id, "origin": "manual"}
            Backup.objects.create(**common, created_at=timezone.now() - datetime.timedelta(days=2 * age))
        for days in (45, 25, 15, 5):
            old = moves.backups_older_than(tenant_id=acme.pk, profile_ids=rows, age_days=days)
            counts = delete(acme, rows, age_days=days)
            assert sum(counts.values()) == len(old)
            assert set(old) <= {b.pk for b in Backup.objects.filter(deleted_task_id=TASK)}
        assert delete(acme, rows) == {}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("change", ["protect", "delete"])
def test_a_backup_that_somebody_protects_or_deletes_meanwhile_is_theirs(acme, two, change):
    rows = profiles(acme)
    wanted = numbered(acme, rows[0], 2)
    held, release = threading.Event(), threading.Event()

    def meddle():
        with acme.context():
            if change == "protect":
                tomorrow = timezone.now() + datetime.timedelta(days=1)
                assert moves.protect(tenant_id=acme.pk, backup_ids=[wanted], until=tomorrow)
            else:
                assert moves.delete_backups(tenant_id=acme.pk, backup_ids=[wanted])
            held.set()
            assert release.wait(WAIT)

    def clean_up():
        with acme.context():
            return delete(acme, ids(acme))

    with thread(meddle):
        assert held.wait(WAIT)
        with thread(clean_up) as counts:
            wait_for_a_row()
            assert not counts
            release.set()
    assert counts == [{two[0]: 1, two[1]: 2}]
    [row] = backups(acme, pk=wanted)
    assert row.deleted_task_id is None
    assert (row.deleted_at is None) is (change == "protect")


def wait_for_a_row():
    """Wait until a transaction of this database waits for a row that another one changes."""
    deadline = time.monotonic() + WAIT
    with connection.cursor() as cursor:
        while time.monotonic() < deadline:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            if cursor.fetchone()[0]:
                return
            time.sleep(0.02)
    raise AssertionError("nobody waits")


def numbered(world, profile, number):
    """Return the id of the backup of a profile that holds "state <number>"."""
    with world.context():
        newest_first = Backup.objects.filter(profile_id=profile.pk, origin="nightly").order_by("-created_at")
        return newest_first.values_list("pk", flat=True)[number - 1]
