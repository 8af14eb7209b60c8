"""The peer of B7: one Celery task per user, as tasks are often written. `celery -A benchmarks.write.per_user worker`.

It writes the same backups or references, and counts the users done in one row. It writes no results and no events.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from uuid import UUID

import django
from celery.fixups.django import DjangoWorkerFixup

from config.celery import app

__all__ = ["app", "enqueue", "prepare", "wait"]

django.setup()
DjangoWorkerFixup._close_database = lambda self: None  # the peer at its best: it keeps its connection from task to task

from django.db import connection  # noqa: E402 - needs the apps

from config.tenancy import tenant_context  # noqa: E402

_CREATE = """
INSERT INTO personalization_backup
    (id, tenant_id, profile_id, snapshot_id, created_at, origin, created_by, name, comment, version)
SELECT roamkeep_uuid7(), tenant_id, id, snapshot_id, statement_timestamp(), 'task', '', '', '', 1
FROM personalization_settingsprofile
WHERE tenant_id = %(tenant)s AND managed_user_id = %(user)s AND snapshot_id IS NOT NULL
"""
_RESTORE = """
UPDATE personalization_settingsprofile p SET snapshot_id = newest.snapshot_id, version = p.version + 1
FROM (
    SELECT p.id AS profile_id, b.snapshot_id
    FROM personalization_settingsprofile p CROSS JOIN LATERAL (
        SELECT snapshot_id FROM personalization_backup
        WHERE tenant_id = %(tenant)s AND profile_id = p.id AND deleted_at IS NULL
        ORDER BY created_at DESC, id DESC LIMIT 1
    ) b
    WHERE p.tenant_id = %(tenant)s AND p.managed_user_id = %(user)s
) newest
WHERE p.tenant_id = %(tenant)s AND p.id = newest.profile_id AND p.snapshot_id IS DISTINCT FROM newest.snapshot_id
"""
_STATEMENTS = {"create-backups": _CREATE, "restore-latest": _RESTORE}


@app.task(name="peer.one_user", queue="peer")
def one_user(verb: str, tenant_id: str, user_id: str) -> None:
    """Do one user and count."""
    with tenant_context(tenant_id), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('plan_cache_mode', 'force_generic_plan', true)")
        cursor.execute(_STATEMENTS[verb], {"tenant": tenant_id, "user": user_id})
        cursor.execute("UPDATE bench_progress SET done = done + 1")


def prepare(as_owner, role: str) -> None:
    """Make the row that counts."""
    as_owner("CREATE TABLE IF NOT EXISTS bench_progress (done int NOT NULL)")
    as_owner(f"GRANT SELECT, UPDATE ON bench_progress TO {role}")
    as_owner("TRUNCATE bench_progress")
    as_owner("INSERT INTO bench_progress VALUES (0)")


def enqueue(verb: str, tenant_id: UUID, users: Sequence[UUID]) -> None:
    """Send one message per user through one connection."""
    with app.producer_pool.acquire(block=True) as producer:
        for user in users:
            one_user.apply_async((verb, str(tenant_id), str(user)), producer=producer)


def wait(count: int, *, seconds: float = 600) -> None:
    """Wait until so many users are counted."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with connection.cursor() as cursor:
            cursor.execute("SELECT done FROM bench_progress")
            if cursor.fetchone()[0] >= count:
                return
        time.sleep(0.005)
    raise TimeoutError("the peer has not come to its end")
