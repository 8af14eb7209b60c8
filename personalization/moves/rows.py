"""Rows that moves work on: how ids travel to the database, and who holds the profiles."""

from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

from django.db import connection

from config.identifiers import uuid_array


class LockedProfile(NamedTuple):
    """A profile that this transaction holds."""

    profile_id: UUID
    managed_user_id: UUID
    settings_group_id: UUID


def lock_profiles(
    *,
    tenant_id: UUID,
    user_ids: Iterable[UUID] | None = None,
    profile_ids: Iterable[UUID] | None = None,
    settings_group_ids: Iterable[UUID] | None = None,
    skip_locked: bool = False,
) -> list[LockedProfile]:
    """Lock profiles of users, or given ones, FOR UPDATE in id order, which keeps two callers from a deadlock.

    `settings_group_ids` None = all. With `skip_locked` those that another transaction holds are left out; without it
    this call waits for them.
    """
    groups = "" if settings_group_ids is None else "AND settings_group_id = ANY(%(groups)s::uuid[])"
    column, ids = ("managed_user_id", user_ids) if user_ids is not None else ("id", profile_ids or ())
    found = rows(
        f"""
        SELECT id, managed_user_id, settings_group_id FROM personalization_settingsprofile
        WHERE tenant_id = %(tenant)s AND {column} = ANY(%(ids)s::uuid[]) {groups}
        ORDER BY id FOR UPDATE {"SKIP LOCKED" if skip_locked else ""}
        """,
        tenant=tenant_id,
        ids=uuid_set(ids),
        groups=uuid_set(settings_group_ids or ()),
    )
    return [LockedProfile(*row) for row in found]


def uuid_set(ids: Iterable[UUID]) -> str:
    """Return ids as `uuid_array` does, each once."""
    return uuid_array(dict.fromkeys(ids))


def rows(sql: str, **parameters) -> list[tuple]:
    """Run one statement and return its rows."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()


WITHOUT_NESTED_LOOPS = "SET LOCAL enable_nestloop = off; {}; SET LOCAL enable_nestloop = on"
"""For one statement on very many rows. The planner knows nothing about what a WITH query or an array gives and takes it
for a handful of rows, the more so the more tenants there are: a nested loop over thousands of them is quadratic. Lateral
lookups, for which there is no other way, stay."""


def rows_of_many(sql: str, **parameters) -> list[tuple]:
    """Run one statement on very many rows and return its rows."""
    with connection.cursor() as cursor:
        cursor.execute(WITHOUT_NESTED_LOOPS.format(sql), parameters)
        cursor.nextset()
        return cursor.fetchall()
