"""The nightly run of one tenant: a backup of every changed profile, retention, purge, collection (decisions 12, 14)."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone

from audit.actions import Actor, record
from audit.models import Channel
from config.tenancy import tenant_context
from personalization import store
from personalization.models import NightlyRun, Origin
from personalization.moves import BRING_BACK_DAYS, HAS_SETTINGS, SAFETY_COPIES

NIGHTLY_KEPT = 5
"""Unprotected nightly backups that stay per profile (AC-SBK-8)."""
SAFETY_COPY_DAYS = 30
"""How long `before-change` and `stale-upload` backups stay (decision 12)."""
BATCH = 5000

NIGHT = Actor(id=None, name="Roamkeep", channel=Channel.WORKER)

# `SAFETY_COPIES` are passed over: they hold what is *not* current, and they go away by age. What is current always lies
# in a row that stays.
_BACK_UP = f"""
INSERT INTO personalization_backup
    (id, tenant_id, profile_id, snapshot_id, created_at, origin, created_by, name, comment, version)
SELECT roamkeep_uuid7(), p.tenant_id, p.id, p.snapshot_id, statement_timestamp(), %(nightly)s, '', '', '', 1
FROM unnest(%(profiles)s::uuid[]) AS wanted (id)
JOIN personalization_settingsprofile p ON p.tenant_id = %(tenant)s AND p.id = wanted.id
LEFT JOIN LATERAL (
    SELECT b.snapshot_id FROM personalization_backup b
    WHERE b.tenant_id = %(tenant)s AND b.profile_id = p.id AND b.deleted_at IS NULL AND NOT b.origin = ANY(%(safety)s)
    ORDER BY b.created_at DESC, b.id DESC LIMIT 1
) newest ON true
WHERE {HAS_SETTINGS} AND newest.snapshot_id IS DISTINCT FROM p.snapshot_id
"""
# Rows are put in order only for profiles that have one too many or one too old: on most nights few have.
_REMOVE = """
DELETE FROM personalization_backup WHERE tenant_id = %(tenant)s AND id = ANY(ARRAY(
    SELECT id FROM (
        SELECT id, origin, created_at, deleted_at, is_loose,
               row_number() OVER (PARTITION BY profile_id, origin, is_loose, deleted_at IS NULL
                                  ORDER BY created_at DESC, id DESC) AS place
        FROM (
            SELECT *, protected_until IS NULL OR protected_until <= statement_timestamp() AS is_loose
            FROM personalization_backup WHERE tenant_id = %(tenant)s AND profile_id = ANY(ARRAY(
                SELECT profile_id FROM personalization_backup
                WHERE tenant_id = %(tenant)s AND profile_id = ANY(%(profiles)s::uuid[])
                GROUP BY profile_id
                HAVING count(*) FILTER (WHERE origin = %(nightly)s AND deleted_at IS NULL) > %(kept)s
                    OR bool_or(deleted_at < statement_timestamp() - make_interval(days => %(bring_back)s))
                    OR bool_or(origin = ANY(%(safety)s)
                               AND created_at < statement_timestamp() - make_interval(days => %(safety_days)s))))
        ) backup
    ) backup
    WHERE deleted_at < statement_timestamp() - make_interval(days => %(bring_back)s)
       OR deleted_at IS NULL AND is_loose
          AND (origin = %(nightly)s AND place > %(kept)s
               OR origin = ANY(%(safety)s)
                  AND created_at < statement_timestamp() - make_interval(days => %(safety_days)s))))
RETURNING snapshot_id, deleted_at IS NOT NULL
"""


def nightly(
    *, tenant_id: UUID, day: date | None = None, kept: int = NIGHTLY_KEPT, by: Actor = NIGHT
) -> NightlyRun | None:
    """Do the nightly run of a day, in batches with a transaction each; return what it did.

    None where that day's run is done already, or is going on elsewhere. A run that was cut off goes on: profiles that
    have their backup are unchanged. `day` is the tenant's calendar day, by default that of UTC. One row per profile
    whose snapshot differs from its newest backup's, none for the others (AC-BGS-1); then old rows go by number or age,
    deleted ones after 30 days, and what nothing refers to is collected. One summary event.
    """
    day = day or timezone.now().date()
    with tenant_context(tenant_id):
        run, _is_new = NightlyRun.objects.get_or_create(
            tenant_id=tenant_id, day=day, defaults={"started_at": timezone.now()}
        )
        if run.failed_at and not run.ended_at:
            run.failed_at = None
            run.save(update_fields=["failed_at"])
    last = None
    while not run.ended_at:
        with tenant_context(tenant_id):
            if not _alone(tenant_id):
                return None
            run = NightlyRun.objects.get(tenant_id=tenant_id, pk=run.pk)
            if run.ended_at:
                return None
            profiles = _profiles_after(tenant_id, last)
            if not profiles:
                return _finish(run, by)
            last = profiles[-1]
            _do_batch(run, profiles, kept)
    return None


def note_failure(*, tenant_id: UUID, day: date) -> None:
    """Note that an error stopped the run of a day; whoever goes on with it takes the note away."""
    with tenant_context(tenant_id):
        stopped = NightlyRun.objects.filter(tenant_id=tenant_id, day=day, ended_at=None)
        stopped.update(failed_at=timezone.now())


def _alone(tenant_id) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [f"nightly {tenant_id}"])
        return cursor.fetchone()[0]


def _profiles_after(tenant_id, last) -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT id FROM personalization_settingsprofile WHERE tenant_id = %s {"AND id > %s" if last else ""}
            ORDER BY id LIMIT {BATCH}
            """,
            [tenant_id, last] if last else [tenant_id],
        )
        return [id for (id,) in cursor.fetchall()]


def _do_batch(run: NightlyRun, profiles: list[UUID], kept: int) -> None:
    values: dict[str, Any] = {
        "tenant": run.tenant_id,
        "profiles": profiles,
        "nightly": Origin.NIGHTLY.value,
        "safety": list(SAFETY_COPIES),
        "safety_days": SAFETY_COPY_DAYS,
        "bring_back": BRING_BACK_DAYS,
        "kept": kept,
    }
    store.plan_references_once()
    with connection.cursor() as cursor:
        cursor.execute(_BACK_UP, values)
        backups = cursor.rowcount
        cursor.execute(_REMOVE, values)
        gone = cursor.fetchall()
    store.keep(tenant_id=run.tenant_id, snapshot_ids=(snapshot for snapshot, _was_deleted in gone))
    purged = sum(was_deleted for _snapshot, was_deleted in gone)
    run.backups += backups
    run.unchanged += len(profiles) - backups
    run.removed += len(gone) - purged
    run.purged += purged
    run.save(update_fields=["backups", "unchanged", "removed", "purged"])


def _finish(run: NightlyRun, by: Actor) -> NightlyRun:
    collected = store.collect(tenant_id=run.tenant_id)
    run.snapshots, run.blobs, run.ended_at = collected.snapshots, collected.blobs, timezone.now()
    run.save(update_fields=["snapshots", "blobs", "ended_at"])
    counts = ("backups", "unchanged", "removed", "purged", "snapshots", "blobs")
    record(
        "nightly.completed",
        tenant_id=run.tenant_id,
        by=by,
        labels={"day": run.day.isoformat(), **{name: getattr(run, name) for name in counts}},
    )
    return run
