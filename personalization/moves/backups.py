"""Backups: written, found by age or time, deleted, brought back, protected."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from personalization.models import Origin
from personalization.moves.nothing import HAS_SETTINGS
from personalization.moves.rows import rows, uuid_set

BRING_BACK_DAYS = 30
"""How long a deleted backup can be brought back (decision 14)."""

SAFETY_COPIES = (Origin.BEFORE_CHANGE.value, Origin.STALE_UPLOAD.value)
"""Origins that no "latest" means: they hold what a change replaced or what was refused. Counting them, a second restore
would take the first one back. They are restored by their id and by Undo."""

NEWEST = """
    SELECT b.id, b.snapshot_id FROM personalization_backup b
    WHERE b.tenant_id = %(tenant)s AND b.profile_id = {profile} AND b.deleted_at IS NULL
      AND b.created_at <= coalesce(%(until)s::timestamptz, 'infinity')
      AND b.origin NOT IN ('before-change', 'stale-upload')
    ORDER BY b.created_at DESC, b.id DESC LIMIT 1
"""
"""The newest backup of `{profile}`. The preview of a task counts with the same words as its moves choose."""

AGES = """
    SELECT id, profile_id, origin, created_at, protected_until,
           lead(created_at) OVER (PARTITION BY profile_id ORDER BY created_at, id) AS replaced_at
    FROM personalization_backup WHERE tenant_id = %(tenant)s AND deleted_at IS NULL AND {profiles}
"""
OLD = """
    CASE WHEN b.origin = 'nightly' THEN b.replaced_at ELSE b.created_at END
        < statement_timestamp() - make_interval(hours => 24 * %(days)s)
    AND (%(protected)s OR b.protected_until IS NULL OR b.protected_until <= statement_timestamp())
"""
"""Which rows `b` of `AGES` are old."""


class BackedUp(NamedTuple):
    """A backup that was written."""

    profile_id: UUID
    backup_id: UUID
    snapshot_id: UUID


def back_up(
    *,
    tenant_id: UUID,
    profile_ids: Iterable[UUID],
    origin: str,
    created_by: str,
    name: str = "",
    comment: str = "",
    task_id: UUID | None = None,
) -> list[BackedUp]:
    """Write one backup of the current state per profile (decision 12); a profile with nothing stored gives no row."""
    found = rows(
        f"""
        INSERT INTO personalization_backup
            (id, tenant_id, profile_id, snapshot_id, created_at, origin, created_by, name, comment, task_id, version)
        SELECT roamkeep_uuid7(), p.tenant_id, p.id, p.snapshot_id, statement_timestamp(),
               %(origin)s, %(by)s, %(name)s, %(comment)s, %(task)s::uuid, 1
        FROM personalization_settingsprofile p
        WHERE p.tenant_id = %(tenant)s AND p.id = ANY(%(profiles)s::uuid[]) AND {HAS_SETTINGS}
        RETURNING profile_id, id, snapshot_id
        """,
        tenant=tenant_id,
        profiles=uuid_set(profile_ids),
        origin=Origin(origin).value,
        by=created_by,
        name=name,
        comment=comment,
        task=task_id,
    )
    return [BackedUp(*row) for row in found]


def newest_backups(
    *, tenant_id: UUID, profile_ids: Iterable[UUID], not_later_than: datetime | None = None
) -> dict[UUID, UUID]:
    """Return {profile: its newest backup}, of those made not later than a time where one is given (decision 10).

    Deleted rows and `SAFETY_COPIES` do not count; a profile without any is left out.
    """
    found = rows(
        f"""
        SELECT wanted.profile_id, newest.id FROM unnest(%(profiles)s::uuid[]) AS wanted (profile_id)
        CROSS JOIN LATERAL ({NEWEST.format(profile="wanted.profile_id")}) newest
        """,
        tenant=tenant_id,
        profiles=uuid_set(profile_ids),
        until=not_later_than,
    )
    return dict(found)


def backups_older_than(
    *, tenant_id: UUID, profile_ids: Iterable[UUID], age_days: int, include_protected: bool = False
) -> dict[UUID, UUID]:
    """Return {backup: profile} of what is older than `age_days` x 24 hours now (AC-MBK-1, decision 12).

    A nightly backup ages from the moment a later one of its profile replaced it as newest, so the newest is never old;
    any other ages from its creation.
    """
    ages = AGES.format(profiles="profile_id = ANY(%(profiles)s::uuid[])")
    found = rows(
        f"SELECT b.id, b.profile_id FROM ({ages}) b WHERE {OLD}",
        tenant=tenant_id,
        profiles=uuid_set(profile_ids),
        days=age_days,
        protected=include_protected,
    )
    return dict(found)


def delete_backups(
    *,
    tenant_id: UUID,
    backup_ids: Iterable[UUID],
    include_protected: bool = False,
    task_id: UUID | None = None,
) -> list[UUID]:
    """Mark backups as deleted and return those that this call deleted: not the protected, not those already gone."""
    found = rows(
        """
        UPDATE personalization_backup
        SET deleted_at = statement_timestamp(), deleted_task_id = %(task)s::uuid, version = version + 1
        WHERE tenant_id = %(tenant)s AND id = ANY(%(backups)s::uuid[]) AND deleted_at IS NULL
          AND (%(protected)s OR protected_until IS NULL OR protected_until <= statement_timestamp())
        RETURNING id
        """,
        tenant=tenant_id,
        backups=uuid_set(backup_ids),
        protected=include_protected,
        task=task_id,
    )
    return [pk for (pk,) in found]


def bring_back(*, tenant_id: UUID, backup_ids: Iterable[UUID]) -> list[UUID]:
    """Undo the deletion of backups within `BRING_BACK_DAYS` and return those that came back."""
    found = rows(
        """
        UPDATE personalization_backup
        SET deleted_at = NULL, deleted_task_id = NULL, version = version + 1
        WHERE tenant_id = %(tenant)s AND id = ANY(%(backups)s::uuid[])
          AND deleted_at > statement_timestamp() - make_interval(days => %(days)s)
        RETURNING id
        """,
        tenant=tenant_id,
        backups=uuid_set(backup_ids),
        days=BRING_BACK_DAYS,
    )
    return [pk for (pk,) in found]


def protect(*, tenant_id: UUID, backup_ids: Iterable[UUID], until: datetime) -> list[UUID]:
    """Protect backups until a time; return those whose protection changed."""
    return _set_protection(tenant_id, backup_ids, until)


def unprotect(*, tenant_id: UUID, backup_ids: Iterable[UUID]) -> list[UUID]:
    """Take protection from backups; return those that had it."""
    return _set_protection(tenant_id, backup_ids, None)


def _set_protection(tenant_id, backup_ids, until):
    found = rows(
        """
        UPDATE personalization_backup SET protected_until = %(until)s::timestamptz, version = version + 1
        WHERE tenant_id = %(tenant)s AND id = ANY(%(backups)s::uuid[]) AND deleted_at IS NULL
          AND protected_until IS DISTINCT FROM %(until)s::timestamptz
        RETURNING id
        """,
        tenant=tenant_id,
        backups=uuid_set(backup_ids),
        until=until,
    )
    return [pk for (pk,) in found]
