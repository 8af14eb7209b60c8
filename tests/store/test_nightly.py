"""The nightly run: what it writes, what it removes, and when."""

from datetime import UTC, date, datetime, timedelta
from unittest import mock

import pytest
import time_machine
from django.utils import timezone

from accounts.models import Tenant
from audit.models import Event
from config.tenancy import tenant_context
from personalization import moves, store
from personalization.actions import nightly as action
from personalization.actions.backups import FOR_EVER
from personalization.actions.nightly import nightly
from personalization.models import Backup, Blob, NightlyRun, Origin, SettingsProfile, Snapshot
from personalization.tasks.nightly import day_due, run_nightly
from tests import factories
from tests.store.conftest import file, outdate, sz

DAYS = [date(2026, 3, day) for day in range(1, 29)]


def change(profile, text):
    """Point the profile to a state that holds this text."""
    snapshot = store.put_snapshot(tenant_id=profile.tenant_id, items=[sz("a", text)])
    SettingsProfile.objects.filter(pk=profile.pk).update(snapshot=snapshot)


def backup(profile, text, days_ago, origin=Origin.NIGHTLY, **columns):
    snapshot = store.put_snapshot(tenant_id=profile.tenant_id, items=[sz("a", text)])
    return Backup.objects.create(
        tenant_id=profile.tenant_id, profile=profile, snapshot=snapshot, origin=origin,
        created_at=timezone.now() - timedelta(days=days_ago), **columns,
    )  # fmt: skip


@pytest.fixture
def profiles(acme, anna):
    """Three of anna's profiles, each with a state; inside acme's context while the test runs."""
    with acme.context():
        rows = [
            SettingsProfile.objects.create(
                tenant=acme.tenant, managed_user=anna, settings_group=factories.settings_group(acme, name),
                snapshot=store.put_snapshot(tenant_id=acme.pk, items=[sz("a", name)]), saved_at=timezone.now(),
            )
            for name in ("Editor", "Mail", "Browser")
        ]  # fmt: skip
        yield rows


def texts(profile):
    """The states of the profile's backups, oldest first."""
    rows = (
        Backup.objects.filter(profile=profile, deleted_at=None).select_related("snapshot").order_by("created_at", "id")
    )
    return [list(store.read_items(row.snapshot))[0].data.decode("utf-16-le").rstrip("\0") for row in rows]


@pytest.mark.django_db
@pytest.mark.spec("AC-BGS-1")
def test_one_backup_per_changed_profile_none_for_unchanged_ones_and_one_event_with_counts(acme, profiles):
    first = nightly(tenant_id=acme.pk, day=DAYS[0])
    assert (first.backups, first.unchanged) == (3, 0)
    change(profiles[0], "changed")
    second = nightly(tenant_id=acme.pk, day=DAYS[1])
    assert (second.backups, second.unchanged) == (1, 2)
    assert [texts(profile) for profile in profiles] == [["Editor", "changed"], ["Mail"], ["Browser"]]
    assert set(Backup.objects.values_list("origin", flat=True)) == {Origin.NIGHTLY}
    events = Event.objects.filter(verb="nightly.completed").order_by("id")
    assert [(event.labels["backups"], event.labels["unchanged"]) for event in events] == [(3, 0), (1, 2)]


@pytest.mark.django_db
def test_a_profile_with_nothing_stored_gets_no_backup(acme, profiles):
    moves.clear(tenant_id=acme.pk, profile_ids=[profiles[0].pk], created_by="bob")
    assert nightly(tenant_id=acme.pk, day=DAYS[0]).backups == 2


@pytest.mark.django_db
def test_safety_copies_are_not_taken_for_what_is_current(acme, profiles):
    backup(profiles[0], "Editor", 0.1, Origin.STALE_UPLOAD)
    nightly(tenant_id=acme.pk, day=DAYS[0])
    backup(profiles[1], "refused", 0, Origin.STALE_UPLOAD)
    assert nightly(tenant_id=acme.pk, day=DAYS[1]).backups == 0
    assert Backup.objects.filter(profile=profiles[0], origin=Origin.NIGHTLY).count() == 1


@pytest.mark.django_db
def test_the_run_of_a_day_is_done_once(acme, profiles):
    assert nightly(tenant_id=acme.pk, day=DAYS[0])
    change(profiles[0], "changed")
    assert nightly(tenant_id=acme.pk, day=DAYS[0]) is None
    assert NightlyRun.objects.count() == Event.objects.filter(verb="nightly.completed").count() == 1


@pytest.mark.django_db
def test_a_run_that_was_cut_off_goes_on_and_writes_nothing_twice(acme, profiles):
    with mock.patch.object(action, "BATCH", 2):
        with mock.patch.object(action, "_finish", side_effect=RuntimeError), pytest.raises(RuntimeError):
            nightly(tenant_id=acme.pk, day=DAYS[0])
        run = nightly(tenant_id=acme.pk, day=DAYS[0])
    assert run.ended_at
    assert Backup.objects.count() == 3
    assert Event.objects.filter(verb="nightly.completed").count() == 1


@pytest.mark.django_db
@pytest.mark.spec("AC-SBK-8")
def test_the_sixth_nightly_backup_removes_the_oldest_unprotected_one(acme, profiles):
    mine = profiles[0]
    backup(mine, "golden", 20, protected_until=FOR_EVER)
    for number in range(4):
        backup(mine, str(number), 10 - number)
    backup(mine, "by hand", 8.5, Origin.MANUAL)
    assert nightly(tenant_id=acme.pk, day=DAYS[0]).removed == 0
    change(mine, "last")
    run = nightly(tenant_id=acme.pk, day=DAYS[1])
    assert (run.backups, run.removed) == (1, 1)
    assert texts(mine) == ["golden", "1", "by hand", "2", "3", "Editor", "last"]


@pytest.mark.django_db
def test_a_protection_that_has_ended_counts_no_more(acme, profiles):
    for number in range(6):
        backup(profiles[0], str(number), 10 - number, protected_until=timezone.now() - timedelta(days=1))
    backup(profiles[0], "Editor", 1)
    assert nightly(tenant_id=acme.pk, day=DAYS[0]).removed == 2


@pytest.mark.django_db
def test_safety_copies_go_after_thirty_days_and_rows_made_by_hand_stay(acme, profiles):
    for origin in (Origin.BEFORE_CHANGE, Origin.STALE_UPLOAD):
        backup(profiles[0], f"young {origin}", 29, origin)
        backup(profiles[0], f"old {origin}", 31, origin)
        backup(profiles[0], f"protected {origin}", 31, origin, protected_until=FOR_EVER)
    backup(profiles[0], "by hand", 400, Origin.MANUAL)
    backup(profiles[0], "by task", 400, Origin.TASK)
    assert nightly(tenant_id=acme.pk, day=DAYS[0]).removed == 2
    assert not any(text.startswith("old") for text in texts(profiles[0]))
    assert len(texts(profiles[0])) == 7


@pytest.mark.django_db
def test_deleted_backups_are_purged_after_thirty_days(acme, profiles):
    for days in (29, 31):
        backup(profiles[0], "gone", 50, Origin.MANUAL, deleted_at=timezone.now() - timedelta(days=days))
    assert nightly(tenant_id=acme.pk, day=DAYS[0]).purged == 1
    assert Backup.objects.filter(deleted_at__isnull=False).count() == 1


@pytest.mark.django_db
def test_deleted_rows_do_not_use_up_the_number_that_is_kept(acme, profiles):
    for number in range(4):
        backup(profiles[0], str(number), 10 - number)
        backup(profiles[0], f"gone {number}", 5, deleted_at=timezone.now())
    backup(profiles[0], "Editor", 1)
    assert nightly(tenant_id=acme.pk, day=DAYS[0]).removed == 0


@pytest.mark.django_db
@pytest.mark.spec("AC-BGS-3")
def test_what_the_removed_rows_alone_needed_is_collected_a_day_later(acme, profiles):
    snapshot = store.put_snapshot(tenant_id=acme.pk, items=[file("big", b"b" * 5000)])
    Backup.objects.create(
        tenant=acme.tenant, profile=profiles[0], snapshot=snapshot, origin=Origin.MANUAL,
        created_at=timezone.now(), deleted_at=timezone.now() - timedelta(days=31),
    )  # fmt: skip
    outdate(acme.pk)
    run = nightly(tenant_id=acme.pk, day=DAYS[0])
    assert (run.purged, run.snapshots) == (1, 0)  # somebody might just be restoring it
    outdate(acme.pk)
    run = nightly(tenant_id=acme.pk, day=DAYS[1])
    assert (run.snapshots, run.blobs) == (1, 1)
    assert (Snapshot.objects.count(), Blob.objects.count()) == (3, 0)


@pytest.mark.django_db
def test_the_run_of_one_tenant_does_not_touch_another(acme, globex, profiles):
    assert nightly(tenant_id=globex.pk, day=DAYS[0]).backups == 0
    assert not Backup.objects.exists()


@pytest.mark.django_db
def test_the_number_of_statements_does_not_grow_with_the_profiles(acme, anna, profiles, django_assert_max_num_queries):
    group = factories.settings_group(acme, "Many")
    SettingsProfile.objects.bulk_create(
        SettingsProfile(
            tenant=acme.tenant, managed_user=anna, settings_group=group, variant=str(number),
            snapshot=profiles[0].snapshot, saved_at=timezone.now(),
        )
        for number in range(300)
    )  # fmt: skip
    with django_assert_max_num_queries(45):
        assert nightly(tenant_id=acme.pk, day=DAYS[0]).backups == 303


# --- when -------------------------------------------------------------------------------------------------------------


def hourly(start, hours, minute):
    """The moments at which a beat that began at `minute` past rings."""
    return [start + timedelta(hours=hour, minutes=minute) for hour in range(hours)]


@pytest.mark.spec("AC-BGS-4")
@pytest.mark.parametrize("minute", [0, 1, 29, 59])
@pytest.mark.parametrize(
    ("zone", "change"),
    [
        ("Europe/Berlin", datetime(2026, 3, 28, tzinfo=UTC)),  # 02:00 becomes 03:00
        ("Europe/Berlin", datetime(2026, 10, 24, tzinfo=UTC)),  # 03:00 becomes 02:00
        ("Europe/London", datetime(2026, 3, 28, tzinfo=UTC)),  # 01:00 does not exist
        ("Europe/London", datetime(2026, 10, 24, tzinfo=UTC)),  # 01:00 comes twice
        ("America/Havana", datetime(2026, 3, 7, tzinfo=UTC)),  # midnight does not exist
        ("America/Havana", datetime(2026, 10, 31, tzinfo=UTC)),  # midnight comes twice
        ("Australia/Lord_Howe", datetime(2026, 10, 3, tzinfo=UTC)),  # half an hour
        ("Asia/Kathmandu", datetime(2026, 5, 1, tzinfo=UTC)),
        ("no such zone", datetime(2026, 5, 1, tzinfo=UTC)),
    ],
)
def test_a_change_of_the_clock_neither_skips_nor_doubles_the_run(zone, change, minute):
    tenant = Tenant(time_zone=zone)
    begun = {}
    for moment in hourly(change - timedelta(days=1), 24 * 4, minute):
        day = day_due(tenant, moment)
        if day:
            begun.setdefault(day, moment)
    days = sorted(begun)
    assert days == [days[0] + timedelta(days=number) for number in range(len(days))]
    assert len(days) in (4, 5)
    gaps = [after - before for before, after in zip(list(begun.values())[1:], list(begun.values())[2:], strict=False)]
    assert all(timedelta(hours=22) <= gap <= timedelta(hours=26) for gap in gaps)


@pytest.mark.django_db
@pytest.mark.spec("AC-BGS-4")
def test_the_hourly_task_runs_every_active_tenant_once_a_day(acme, globex):
    Tenant.objects.filter(pk=globex.pk).update(time_zone="America/New_York")
    idle = Tenant.objects.create(slug="idle", name="Idle", status=Tenant.Status.SUSPENDED)
    seen = []
    for hour in range(24):
        with time_machine.travel(datetime(2026, 6, 1, hour, 5, tzinfo=UTC), tick=False):
            run_nightly()
        seen.append([_runs(tenant) for tenant in (acme.tenant, globex.tenant, idle)])
    # Berlin is at 02:05 of the first of June when the test begins and at 01:05 of the second when it ends; New York is
    # in the evening of the last of May, and at 01:05 of the first of June five hours later.
    assert [runs for runs, _, _ in seen] == [1] * 23 + [2]
    assert [runs for _, runs, _ in seen] == [1] * 5 + [2] * 19
    assert {runs for _, _, runs in seen} == {0}


def _runs(tenant):
    with tenant_context(tenant.pk):
        return NightlyRun.objects.count()


@pytest.mark.django_db
def test_one_tenants_trouble_does_not_stop_the_others(acme, globex, monkeypatch):
    called = []

    def fails_first(*, tenant_id, day):
        called.append(tenant_id)
        if len(called) == 1:
            raise RuntimeError

    monkeypatch.setattr("personalization.tasks.nightly.nightly", fails_first)
    monkeypatch.setattr("personalization.tasks.nightly.day_due", lambda tenant, now: DAYS[0])
    run_nightly()
    assert set(called) == {acme.pk, globex.pk}


def test_the_beat_rings_the_task_by_its_name():
    from config.celery import app

    app.loader.import_default_modules()
    entry = app.conf.beat_schedule["nightly"]
    assert entry["task"] in app.tasks
    assert entry["schedule"] <= 3600
