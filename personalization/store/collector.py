"""The collector: deletes snapshots and blobs that nothing refers to and nobody wanted for a day (INV-4, AC-BGS-3)."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from personalization.store.rows import UNWANTED_AFTER

# SKIP LOCKED: a locked row is just being wanted; waiting for it could also close a circle with two uploads. A row that
# was touched after this statement began is checked again by PostgreSQL before it is locked, with its new time.
_SNAPSHOTS = """
DELETE FROM personalization_snapshot WHERE tenant_id = %(tenant)s AND id = ANY(ARRAY(
    SELECT s.id FROM personalization_snapshot s
    WHERE s.tenant_id = %(tenant)s AND s.last_wanted_at < %(before)s
      AND NOT EXISTS (SELECT FROM personalization_settingsprofile p
                      WHERE p.tenant_id = %(tenant)s AND p.snapshot_id = s.id)
      AND NOT EXISTS (SELECT FROM personalization_backup b WHERE b.tenant_id = %(tenant)s AND b.snapshot_id = s.id)
    FOR UPDATE OF s SKIP LOCKED))
"""
_BLOBS = """
DELETE FROM personalization_blob WHERE tenant_id = %(tenant)s AND id = ANY(ARRAY(
    SELECT b.id FROM personalization_blob b
    WHERE b.tenant_id = %(tenant)s AND b.last_wanted_at < %(before)s
      AND NOT EXISTS (SELECT FROM personalization_snapshotblob l WHERE l.tenant_id = %(tenant)s AND l.blob_id = b.id)
    FOR UPDATE OF b SKIP LOCKED))
"""


@dataclass(frozen=True, slots=True)
class Collected:
    """Numbers of deleted rows."""

    snapshots: int
    blobs: int


def collect(*, tenant_id: UUID) -> Collected:
    """Delete what nothing refers to and nobody wanted within 24 hours; snapshots first, then blobs they alone named.

    Runs in the caller's tenant context. Deleted backups that can still be brought back keep their snapshots.
    """
    values = {"tenant": tenant_id, "before": timezone.now() - UNWANTED_AFTER}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_SNAPSHOTS, values)
        snapshots = cursor.rowcount
        cursor.execute(_BLOBS, values)
        return Collected(snapshots, cursor.rowcount)
