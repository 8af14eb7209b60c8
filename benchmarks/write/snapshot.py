"""B4: the nightly backup of all users through its Celery task, beside loops, file backups and the bare statement."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from django.db.models import F, OuterRef, Subquery
from django.utils import timezone

from accounts.models import Tenant
from benchmarks.counters import wal_bytes
from benchmarks.fixtures import Bench
from benchmarks.frame import Ratio, Result, Samples, at_least, at_most, benchmark, race, ratio_of
from benchmarks.write import files
from benchmarks.write.stand import POLL, Base, bare, row_of, same, settled, worker
from benchmarks.write.tasks import BAR, fixture
from config.celery import app
from config.tenancy import tenant_context
from personalization.models import Backup, NightlyRun, SettingsProfile
from personalization.tasks.nightly import day_due

PART = 1_000  # profiles of the peers that go through the ORM
ZONES = ("Europe/Berlin", "Pacific/Kiritimati", "America/Los_Angeles")  # in one of them it is past one o'clock


@benchmark("B4")
def snapshot(bench: Bench) -> Iterable[Result]:
    """One night with 5 % of the profiles changed, and one with all of them."""
    with worker():
        for changed in (5, 100):
            tenant = fixture(bench, changed, "nightly")
            with settled(tenant) as base:
                yield _night(bench, base, changed)


def night(tenant: Tenant) -> None:
    """Let the worker do the nightly run and wait until it is done."""
    app.send_task("personalization.run_nightly")
    deadline = time.monotonic() + 900
    while time.monotonic() < deadline:
        with tenant_context(tenant.pk):
            if NightlyRun.objects.filter(tenant=tenant, ended_at__isnull=False).exists():
                return
        time.sleep(POLL)
    raise TimeoutError("the nightly run has not come to its end")


def only(tenant: Tenant) -> None:
    """Make the night due for this tenant and done for every other one."""
    for zone in ZONES:
        Tenant.objects.filter(pk=tenant.pk).update(time_zone=zone)
        tenant.time_zone = zone
        if day_due(tenant, timezone.now()):
            break
    for other in Tenant.objects.exclude(pk=tenant.pk):
        now = timezone.now()
        with tenant_context(other.pk):
            day = day_due(other, now)
            if day:
                done = {"started_at": now, "ended_at": now}
                NightlyRun.objects.update_or_create(tenant=other, day=day, defaults=done)


def _night(bench: Bench, base: Base, changed: int) -> Result:
    tenant = base.tenant
    only(tenant)
    profiles, due = row_of(
        f"SELECT count(*), count(*) FILTER (WHERE p.snapshot_id <> b.snapshot_id) FROM {base.mark}_settingsprofile p "
        f"JOIN (SELECT DISTINCT ON (profile_id) profile_id, snapshot_id FROM {base.mark}_backup "
        "ORDER BY profile_id, created_at DESC, id DESC) b ON b.profile_id = p.id",
        None,
    )
    title = f"nightly backup of {profiles:,} profiles, {changed} % changed"
    result = Result(f"B4.{changed}-percent", bench.size, title=title)
    ours, floor = partial(night, tenant), partial(bare, tenant, "nightly")
    found = []
    for variant in (ours, floor):
        base.put_back()
        variant()
        found.append(base.made("nightly"))
    same("the backups of the night", *found, (due, found[0][1]))
    base.put_back()
    result.ours["wal_bytes"] = wal_bytes(ours)
    result.ours["rows"] = due
    samples = race({"ours": ours, "bare sql": floor}, rounds=5, before=base.put_back, disk=True, attempts=7)
    result.timed(samples, ours="ours", floor=["bare sql"])
    result.ours["profiles_per_second"] = round(profiles / samples.median("ours"))
    result.notes.append("Nightly: ours also applies retention and collects what nothing refers to; the floor does not.")
    result.bars.append(at_most("ours ÷ bare SQL", result.floor["bare sql"].median, BAR, wall=True))
    _loops(result, base, samples, profiles)
    _file_backups(result, tenant, samples)
    return result


# --- through the ORM ------------------------------------------------------------------------------------------------
def _loop(profiles: list[SettingsProfile]) -> None:
    for profile in profiles:
        with tenant_context(profile.tenant_id):
            backups = Backup.objects.filter(tenant_id=profile.tenant_id, profile=profile, deleted_at=None)
            newest = backups.order_by("-created_at", "-id").first()
            if newest is None or newest.snapshot_id != profile.snapshot_id:
                Backup.objects.create(**_values(profile))


def _bulk(tenant: Tenant, ids: list) -> None:
    newest = Backup.objects.filter(tenant=tenant, profile=OuterRef("pk"), deleted_at=None)
    newest = newest.order_by("-created_at", "-id").values("snapshot")[:1]
    with tenant_context(tenant.pk):
        profiles = SettingsProfile.objects.filter(tenant=tenant, pk__in=ids).annotate(newest=Subquery(newest))
        rows = [Backup(**_values(profile)) for profile in profiles.exclude(newest=F("snapshot"))]
        Backup.objects.bulk_create(rows, batch_size=500)


def _values(profile: SettingsProfile) -> dict:
    return {
        "tenant_id": profile.tenant_id,
        "profile_id": profile.pk,
        "snapshot_id": profile.snapshot_id,
        "created_at": timezone.now(),
        "origin": "nightly",
    }


def _loops(result: Result, base: Base, samples: Samples, profiles: int) -> None:
    """Time the ORM's ways with a part of the profiles, and what they make of it."""
    tenant = base.tenant
    with tenant_context(tenant.pk):
        part = list(SettingsProfile.objects.filter(tenant=tenant).order_by("id")[:PART])
    ids = [profile.pk for profile in part]
    variants: dict[str, Callable[[], object]] = {
        "orm loop": partial(_loop, part),
        "bulk_create": partial(_bulk, tenant, ids),
    }
    made = []
    for variant in variants.values():
        base.put_back()
        variant()
        made.append(base.made("nightly"))
    same("the backups of the peers", *made)
    slow = race(variants, rounds=3, before=base.put_back, disk=True, warm=False, attempts=4)
    for name in variants:
        result.samples[name] = slow
        result.peers[name] = scaled(slow.times[name], profiles / len(part), samples.times["ours"])
    result.notes.append(f"ORM loop and bulk_create: {len(part):,} profiles were timed and extrapolated.")


def scaled(seconds: list[float], factor: float, ours: list[float]) -> Ratio:
    """Return the ratio of times that were taken for a part and multiplied by `factor`, to ours."""
    rounds = min(len(seconds), len(ours))
    return ratio_of([each * factor for each in seconds[:rounds]], ours[:rounds])


# --- files ----------------------------------------------------------------------------------------------------------
def _file_backups(result: Result, tenant: Tenant, samples: Samples) -> None:
    """Time the second backup of restic and borg on the same settings as files: the same share has changed since."""
    if note := files.absent_note():
        result.notes.append(note)
    if not files.installed():
        return
    with tempfile.TemporaryDirectory(prefix="bench-files-") as place:
        tree = files.Tree(tenant, Path(place) / "settings")
        repositories = {program: files.Repository(program, tree, Path(place)) for program in files.installed()}
        for repository in repositories.values():
            repository.back_up()
        result.ours["file_megabytes"] = tree.bytes / 1e6
        times: dict[str, list[float]] = {program: [] for program in repositories}
        for _ in range(2):
            tree.turn()
            for program, repository in repositories.items():
                times[program].append(
                    race({program: repository.back_up}, rounds=1, disk=True, warm=False, attempts=1).median(program)
                )
        for program, seconds in times.items():
            result.peers[f"{program}, second run"] = scaled(seconds, 1, samples.times["ours"])
            result.samples[program] = Samples({program: seconds})
            bar = result.peers[f"{program}, second run"].median
            result.bars.append(at_least(f"{program} ÷ ours", bar, 1, wall=True))
