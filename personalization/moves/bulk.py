"""The verbs of tasks: one statement for hundreds of users, which answers with a count per user.

The ids of thousands of profiles travel from the database and back as the text of arrays, never as objects. The predicates
are those of the other moves.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from personalization.moves.backups import AGES, NEWEST, OLD
from personalization.moves.nothing import AS_KEPT, HAS_SETTINGS, NOTHING
from personalization.moves.rows import rows, rows_of_many, uuid_set
from personalization.store import put_snapshot


class Held(NamedTuple):
    """The profiles of one user that this transaction holds, as the text of an array, and whether it has them all."""

    profiles: str
    is_whole: bool

    @property
    def ids(self) -> list[UUID]:
        return [UUID(text) for text in self.profiles[1:-1].split(",") if text]


def hold_users(
    *, tenant_id: UUID, user_ids: Iterable[UUID], settings_group_ids: Iterable[UUID] | None
) -> dict[UUID, Held]:
    """Lock the profiles of users FOR UPDATE in id order, passing over those that another transaction holds.

    `settings_group_ids` None = all. Users without profiles are left out.
    """
    where = f"""
        tenant_id = %(tenant)s AND managed_user_id = ANY(%(users)s::uuid[]) AND {_in_groups(settings_group_ids)}
    """
    parameters = {"tenant": tenant_id, "users": uuid_set(user_ids), "groups": uuid_set(settings_group_ids or ())}
    held = rows(
        f"""
        WITH held AS (
            SELECT id, managed_user_id, snapshot_id FROM personalization_settingsprofile
            WHERE {where} ORDER BY id FOR UPDATE SKIP LOCKED
        )
        SELECT managed_user_id, array_agg(id)::text, count(*), bool_or(snapshot_id IS NULL) FROM held GROUP BY 1
        """,
        **parameters,
    )
    totals = rows(
        f"SELECT managed_user_id, count(*) FROM personalization_settingsprofile WHERE {where} GROUP BY 1", **parameters
    )
    if any(has_nothing for *_, has_nothing in held):
        put_snapshot(tenant_id=tenant_id, items=[])  # what a `before-change` backup keeps of a profile without settings
    mine = {user_id: (profiles, count) for user_id, profiles, count, _ in held}
    return {user_id: Held(mine[user_id][0], mine[user_id][1] == n) if user_id in mine else Held("{}", False)
            for user_id, n in totals}  # fmt: skip


def all_profiles(held: Iterable[Held]) -> str:
    """Return the profiles of several users as the text of one array."""
    return "{" + ",".join(one.profiles[1:-1] for one in held if len(one.profiles) > 2) + "}"


def _in_groups(settings_group_ids, table=""):
    return "true" if settings_group_ids is None else f"{table}settings_group_id = ANY(%(groups)s::uuid[])"


def back_up_many(
    *,
    tenant_id: UUID,
    profiles: str,
    settings_group_ids: Iterable[UUID] | None,
    created_by: str,
    name: str,
    task_id: UUID,
) -> Mapping[UUID, int]:
    """Write a backup of every profile with settings; return {user: backups}."""
    return dict(
        rows(
            f"""
            WITH chosen AS MATERIALIZED (
                SELECT id, managed_user_id, snapshot_id FROM personalization_settingsprofile p
                WHERE tenant_id = %(tenant)s AND id = ANY(%(profiles)s::uuid[]) AND {HAS_SETTINGS}
                  AND {_in_groups(settings_group_ids)}
            ), made AS (
                INSERT INTO personalization_backup
                    (id, tenant_id, profile_id, snapshot_id, created_at, origin, created_by, name, comment, task_id,
                     version)
                SELECT roamkeep_uuid7(), %(tenant)s, id, snapshot_id, statement_timestamp(), 'task', %(by)s, %(name)s,
                       '', %(task)s, 1
                FROM chosen
            )
            SELECT managed_user_id, count(*) FROM chosen GROUP BY 1
            """,
            tenant=tenant_id,
            profiles=profiles,
            groups=uuid_set(settings_group_ids or ()),
            by=created_by,
            name=name,
            task=task_id,
        )
    )


class RestoredUser(NamedTuple):
    """What became of a user who has a backup at all: profiles changed; none where another transaction holds one."""

    changed: int
    is_whole: bool


def restore_many(
    *,
    tenant_id: UUID,
    user_ids: Iterable[UUID],
    settings_group_ids: Iterable[UUID] | None,
    not_later_than: datetime | None,
    created_by: str,
    task_id: UUID,
) -> Mapping[UUID, RestoredUser]:
    """Restore the newest backup of every profile of users, of those made not later than a time where one is given.

    It holds what it changes itself, in id order, and passes over users of whom another transaction holds some of it.
    Return {user: RestoredUser} of the users who have such a backup at all.
    """
    parameters = {
        "tenant": tenant_id,
        "users": uuid_set(user_ids),
        "groups": uuid_set(settings_group_ids or ()),
        "until": not_later_than,
        "by": created_by,
        "task": task_id,
    }
    statement = _RESTORE.format(in_groups=_in_groups(settings_group_ids, "p."))
    found = rows_of_many(statement, **parameters)
    if any(lacks_nothing for *_, lacks_nothing in found):
        put_snapshot(tenant_id=tenant_id, items=[])
        found = rows_of_many(statement, **parameters)
    return {user_id: RestoredUser(changed, is_whole) for user_id, changed, is_whole, _ in found}


# What is held is looked at again: it may have changed between this statement's view and the lock. A profile without
# settings is kept as the empty snapshot; where that is not there yet (`lacks_nothing`), nothing at all is written.
_RESTORE = f"""
WITH nothing AS (
    SELECT {NOTHING} AS id
), seen AS MATERIALIZED (
    SELECT p.id, p.managed_user_id, NULLIF(found.snapshot_id, nothing.id) AS becomes,
           {AS_KEPT} IS DISTINCT FROM found.snapshot_id AS changes
    FROM nothing CROSS JOIN personalization_settingsprofile p CROSS JOIN LATERAL ({NEWEST.format(profile="p.id")}) found
    WHERE p.tenant_id = %(tenant)s AND p.managed_user_id = ANY(%(users)s::uuid[]) AND {{in_groups}}
), held AS MATERIALIZED (
    SELECT p.id, p.snapshot_id, p.version FROM personalization_settingsprofile p
    WHERE p.tenant_id = %(tenant)s AND p.id = ANY(ARRAY(SELECT id FROM seen WHERE changes))
    ORDER BY p.id FOR UPDATE SKIP LOCKED
), users AS MATERIALIZED (
    SELECT seen.managed_user_id, count(*) FILTER (WHERE seen.changes) = count(held.id) AS is_whole
    FROM seen LEFT JOIN held ON held.id = seen.id GROUP BY 1
), lacking AS MATERIALIZED (
    SELECT EXISTS (SELECT FROM held CROSS JOIN nothing WHERE held.snapshot_id IS NULL AND nothing.id IS NULL) AS nothing
), going AS MATERIALIZED (
    SELECT held.id, seen.managed_user_id, coalesce(held.snapshot_id, nothing.id) AS was, seen.becomes,
           held.version + 1 AS version
    FROM held JOIN seen ON seen.id = held.id JOIN users ON users.managed_user_id = seen.managed_user_id
    CROSS JOIN nothing CROSS JOIN lacking
    WHERE users.is_whole AND NOT lacking.nothing
      AND coalesce(held.snapshot_id, nothing.id) IS DISTINCT FROM coalesce(seen.becomes, nothing.id)
    ORDER BY held.id
), kept AS (
    INSERT INTO personalization_backup
        (id, tenant_id, profile_id, snapshot_id, created_at, origin, created_by, name, comment, made_version, task_id,
         version)
    SELECT roamkeep_uuid7(), %(tenant)s, id, was, statement_timestamp(), 'before-change', %(by)s, '', '', version,
           %(task)s, 1
    FROM going
), moved AS (
    UPDATE personalization_settingsprofile p SET snapshot_id = going.becomes, version = going.version
    FROM going
    WHERE p.tenant_id = %(tenant)s AND p.id = going.id AND p.id = ANY(ARRAY(SELECT id FROM going))
)
SELECT users.managed_user_id, coalesce(going.profiles, 0), users.is_whole, lacking.nothing
FROM users CROSS JOIN lacking
LEFT JOIN (SELECT managed_user_id, count(*) AS profiles FROM going GROUP BY 1) going
    ON going.managed_user_id = users.managed_user_id
"""


def delete_older_many(
    *,
    tenant_id: UUID,
    profiles: str,
    settings_group_ids: Iterable[UUID] | None,
    age_days: int,
    include_protected: bool,
    task_id: UUID,
) -> Mapping[UUID, int]:
    """Delete the backups that are older than `age_days` x 24 hours now (AC-MBK-1); return {user: backups}.

    Protecting or deleting one backup holds that row and not its profile: whoever was first with it is asked again.
    """
    return dict(
        rows_of_many(
            f"""
            WITH chosen AS MATERIALIZED (
                SELECT id, managed_user_id FROM personalization_settingsprofile
                WHERE tenant_id = %(tenant)s AND id = ANY(%(profiles)s::uuid[]) AND {_in_groups(settings_group_ids)}
            ), gone AS (
                UPDATE personalization_backup
                SET deleted_at = statement_timestamp(), deleted_task_id = %(task)s, version = version + 1
                WHERE tenant_id = %(tenant)s AND id = ANY(ARRAY(
                    SELECT b.id
                    FROM ({AGES.format(profiles="profile_id = ANY(ARRAY(SELECT id FROM chosen))")}) b WHERE {OLD}))
                  AND deleted_at IS NULL
                  AND (%(protected)s OR protected_until IS NULL OR protected_until <= statement_timestamp())
                RETURNING profile_id
            )
            SELECT chosen.managed_user_id, count(*) FROM gone JOIN chosen ON chosen.id = gone.profile_id GROUP BY 1
            """,
            tenant=tenant_id,
            profiles=profiles,
            groups=uuid_set(settings_group_ids or ()),
            days=age_days,
            protected=include_protected,
            task=task_id,
        )
    )
