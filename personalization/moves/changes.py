"""Changes of what is current: restore, clear and undo, each after a `before-change` backup of what it replaces."""

from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

from config.identifiers import uuid_array
from personalization.moves.nothing import AS_KEPT, HAS_SETTINGS, NOTHING
from personalization.moves.rows import rows, uuid_set
from personalization.store import put_snapshot


class Restored(NamedTuple):
    """A profile that now points elsewhere: `before_backup_id` holds what it pointed to, `made_version` is its version
    since. Undo is offered while the profile still has it."""

    profile_id: UUID
    before_backup_id: UUID
    made_version: int


def restore(
    *,
    tenant_id: UUID,
    pairs: Iterable[tuple[UUID, UUID]],
    created_by: str,
    task_id: UUID | None = None,
) -> list[Restored]:
    """Point each profile of the (profile, backup) pairs to its backup's snapshot, version + 1 (spec 4.3).

    The replaced state is kept first, as a `before-change` backup. A profile that has that snapshot already gives no
    row; so does a backup that is deleted or belongs to another profile. At most one pair per profile.
    """
    by_profile = dict(pairs)
    return _change(
        f"""
        SELECT p.id AS profile_id, p.snapshot_id AS was, NULLIF(b.snapshot_id, {NOTHING}) AS becomes,
               p.version + 1 AS version
        FROM unnest(%(profiles)s::uuid[], %(backups)s::uuid[]) AS pair (profile_id, backup_id)
        JOIN personalization_settingsprofile p ON p.tenant_id = %(tenant)s AND p.id = pair.profile_id
        JOIN personalization_backup b ON b.tenant_id = %(tenant)s AND b.id = pair.backup_id
        WHERE b.profile_id = p.id AND b.deleted_at IS NULL
          AND {AS_KEPT} IS DISTINCT FROM b.snapshot_id
        """,
        tenant_id=tenant_id,
        created_by=created_by,
        task_id=task_id,
        profiles=uuid_array(by_profile),
        backups=uuid_array(by_profile.values()),
    )


def clear(
    *, tenant_id: UUID, profile_ids: Iterable[UUID], created_by: str, task_id: UUID | None = None
) -> list[Restored]:
    """Delete the current settings of profiles, version + 1, after a `before-change` backup; backups stay (spec 4.5)."""
    return _change(
        f"""
        SELECT p.id AS profile_id, p.snapshot_id AS was, NULL::uuid AS becomes, p.version + 1 AS version
        FROM personalization_settingsprofile p
        WHERE p.tenant_id = %(tenant)s AND p.id = ANY(%(profiles)s::uuid[]) AND {HAS_SETTINGS}
        """,
        tenant_id=tenant_id,
        created_by=created_by,
        task_id=task_id,
        profiles=uuid_array(profile_ids),
    )


def undo_change(
    *, tenant_id: UUID, before_backup_ids: Iterable[UUID], created_by: str, task_id: UUID | None = None
) -> list[Restored]:
    """Put back the state that `before-change` backups hold, where the profile still has the version the change made.

    That is itself a change with a `before-change` backup. Profiles that changed since give no row (decision 14).
    """
    found = rows(
        """
        SELECT b.profile_id, b.id FROM personalization_backup b
        JOIN personalization_settingsprofile p ON p.tenant_id = b.tenant_id AND p.id = b.profile_id
        WHERE b.tenant_id = %(tenant)s AND b.id = ANY(%(backups)s::uuid[])
          AND b.deleted_at IS NULL AND b.made_version = p.version
        """,
        tenant=tenant_id,
        backups=uuid_set(before_backup_ids),
    )
    return restore(tenant_id=tenant_id, pairs=found, created_by=created_by, task_id=task_id)


def _change(change, *, tenant_id, created_by, task_id, **parameters):
    """Keep what each row of the query `change` replaces (profile_id, was, becomes, version), then point there."""
    found = rows(
        f"""
        WITH change AS MATERIALIZED ({change}),
        kept AS (
            INSERT INTO personalization_backup
                (id, tenant_id, profile_id, snapshot_id, created_at, origin, created_by, name, comment, made_version,
                 task_id, version)
            SELECT roamkeep_uuid7(), %(tenant)s, profile_id, was, statement_timestamp(), 'before-change', %(by)s,
                   '', '', version, %(task)s::uuid, 1
            FROM change WHERE was IS NOT NULL
            RETURNING profile_id, id, made_version
        ), moved AS (
            UPDATE personalization_settingsprofile p SET snapshot_id = change.becomes, version = change.version
            FROM change WHERE p.tenant_id = %(tenant)s AND p.id = change.profile_id
        )
        SELECT profile_id, id, made_version FROM kept
        UNION ALL
        SELECT profile_id, NULL, version FROM change WHERE was IS NULL
        """,
        tenant=tenant_id,
        by=created_by,
        task=task_id,
        **parameters,
    )
    bare = {profile_id: version for profile_id, backup_id, version in found if backup_id is None}
    kept = dict(_keep_nothing(tenant_id, bare, created_by, task_id)) if bare else {}
    return [Restored(profile_id, backup_id or kept[profile_id], version) for profile_id, backup_id, version in found]


def _keep_nothing(tenant_id, versions, created_by, task_id):
    """Write the `before-change` backups of profiles that had nothing stored: Undo must find that state too."""
    return rows(
        """
        INSERT INTO personalization_backup
            (id, tenant_id, profile_id, snapshot_id, created_at, origin, created_by, name, comment, made_version,
             task_id, version)
        SELECT roamkeep_uuid7(), %(tenant)s, profile_id, %(empty)s, statement_timestamp(), 'before-change', %(by)s,
               '', '', version, %(task)s::uuid, 1
        FROM unnest(%(profiles)s::uuid[], %(versions)s::bigint[]) AS change (profile_id, version)
        RETURNING profile_id, id
        """,
        tenant=tenant_id,
        empty=put_snapshot(tenant_id=tenant_id, items=[]).pk,
        by=created_by,
        task=task_id,
        profiles=uuid_array(versions),
        versions=list(versions.values()),
    )


class Effects(NamedTuple):
    """What a task left behind in some profiles.

    `before`: {profile: the backup with the state before the task, None where the profile changed since or that backup
    is deleted}; `made` and `deleted`: {backup: profile} of the backups that it wrote and are there still, and of those
    it deleted.
    """

    before: dict[UUID, UUID | None]
    made: dict[UUID, UUID]
    deleted: dict[UUID, UUID]


def effects_of_task(*, tenant_id: UUID, task_id: UUID, profile_ids: Iterable[UUID]) -> Effects:
    """Return what can be undone of a task (decision 14).

    A task with several steps has changed a profile several times in a row: the versions they made lead back, one by
    one, from the current one to the state before the first. Where another change lies between, the way back ends there.
    """
    parameters = {"tenant": tenant_id, "task": task_id, "profiles": uuid_set(profile_ids)}
    before = rows(
        """
        SELECT profile_id, (array_agg(CASE WHEN deleted_at IS NULL THEN id END ORDER BY made_version)
                            FILTER (WHERE leads_back))[1]
        FROM (
            SELECT b.profile_id, b.id, b.made_version, b.deleted_at,
                   b.made_version = p.version + 1 - row_number() OVER (
                       PARTITION BY b.profile_id ORDER BY b.made_version DESC) AS leads_back
            FROM personalization_backup b
            JOIN personalization_settingsprofile p ON p.tenant_id = %(tenant)s AND p.id = b.profile_id
            WHERE b.tenant_id = %(tenant)s AND b.task_id = %(task)s AND b.profile_id = ANY(%(profiles)s::uuid[])
              AND b.origin = 'before-change'
        ) change
        GROUP BY profile_id
        """,
        **parameters,
    )
    made = rows(
        """
        SELECT id, profile_id FROM personalization_backup
        WHERE tenant_id = %(tenant)s AND task_id = %(task)s AND profile_id = ANY(%(profiles)s::uuid[])
          AND origin = 'task' AND deleted_at IS NULL
        """,
        **parameters,
    )
    deleted = rows(
        """
        SELECT id, profile_id FROM personalization_backup
        WHERE tenant_id = %(tenant)s AND deleted_task_id = %(task)s AND profile_id = ANY(%(profiles)s::uuid[])
        """,
        **parameters,
    )
    return Effects(dict(before), dict(made), dict(deleted))
