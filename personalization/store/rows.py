"""Rows of snapshots and blobs: who wants them, and how many of them travel to the database at once."""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

from django.db import connection
from django.utils import timezone

UNWANTED_AFTER = timedelta(hours=24)
"""The collector leaves alone what somebody wanted later than this ago."""

_FRESH = UNWANTED_AFTER / 24
# A row wanted within the last hour cannot be collected while any transaction of ours runs, so it is not written again:
# the blobs that everybody has would otherwise be one queue for all uploads.

SNAPSHOTS, BLOBS = "personalization_snapshot", "personalization_blob"


def want(table: str, *, tenant_id: UUID, digests: Collection[bytes]) -> dict[bytes, tuple[UUID, int]]:
    """Touch the rows with these digests that are there and return {digest: (id, size)} of them.

    From here to the end of the transaction the collector passes them over. Rows are locked in the order of their
    digests, as every writer does, so that two of them wait for each other but never in a circle.
    """
    if not digests:
        return {}
    now, digests = timezone.now(), list(digests)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            UPDATE {table} SET last_wanted_at = %(now)s WHERE tenant_id = %(tenant)s AND id = ANY(ARRAY(
                SELECT id FROM {table}
                WHERE tenant_id = %(tenant)s AND digest = ANY(%(digests)s) AND last_wanted_at < %(fresh)s
                ORDER BY digest FOR NO KEY UPDATE))
            """,
            {"now": now, "fresh": now - _FRESH, "tenant": tenant_id, "digests": digests},
        )
        # Only now: a row that the collector was deleting meanwhile is gone for this statement.
        cursor.execute(
            f"SELECT digest, id, size FROM {table} WHERE tenant_id = %s AND digest = ANY(%s) AND last_wanted_at >= %s",
            [tenant_id, digests, now - _FRESH],
        )
        return {bytes(digest): (id, size) for digest, id, size in cursor.fetchall()}


def keep(*, tenant_id: UUID, snapshot_ids: Iterable[UUID | None]) -> None:
    """Say that these snapshots are wanted: called by whoever takes up or lets go of a reference to them.

    Letting go counts too: a reference that somebody else is just taking up is not visible yet to the collector.
    """
    ids = {id for id in snapshot_ids if id}
    if not ids:
        return
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            UPDATE {SNAPSHOTS} SET last_wanted_at = %(now)s WHERE tenant_id = %(tenant)s AND id = ANY(ARRAY(
                SELECT id FROM {SNAPSHOTS}
                WHERE tenant_id = %(tenant)s AND id = ANY(%(ids)s) AND last_wanted_at < %(fresh)s
                ORDER BY digest FOR NO KEY UPDATE))
            """,
            {"now": now, "fresh": now - _FRESH, "tenant": tenant_id, "ids": list(ids)},
        )


def plan_references_once() -> None:
    """Let the foreign-key checks of this transaction use one plan each; call it before thousands of rows are written.

    They are the only statements with server-side parameters (ours are sent with values). Planned anew for every row, or
    for a tenant that is in no statistics, they cost forty times as much.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('plan_cache_mode', 'force_generic_plan', true), set_config('enable_seqscan', 'off', true)"
        )


# --- COPY -------------------------------------------------------------------------------------------------------------
# COPY does not work on tables with row-level security, so rows land in a temporary table of the connection first. The
# binary format (PostgreSQL manual, COPY, "Binary Format") takes a field in pieces once its length is known.

_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = struct.pack("!h", -1)


_SEND_FROM = 1 << 16


class BinaryCopy:
    """One running COPY … FROM STDIN (FORMAT BINARY). Small rows travel together, long fields in their pieces."""

    def __init__(self, copy) -> None:
        self._copy = copy
        self._waiting = bytearray(_HEADER)

    def row(self, *fields: bytes | Field) -> None:
        """Write one row; a field is its bytes, or a `Field` read in pieces."""
        self._write(struct.pack("!h", len(fields)))
        for field in fields:
            self._write(struct.pack("!i", len(field)))
            for piece in [field] if isinstance(field, bytes) else field:
                self._write(piece)

    def finish(self) -> None:
        self._waiting += _TRAILER
        self._copy.write(bytes(self._waiting))

    def _write(self, piece: bytes) -> None:
        self._waiting += piece
        if len(self._waiting) >= _SEND_FROM:
            self._copy.write(bytes(self._waiting))
            self._waiting.clear()


class Field:
    """A long field that lies in a file: `len()` bytes from the beginning, iterated in pieces."""

    def __init__(self, stream, length: int, piece: int = 1 << 18) -> None:
        self._stream, self._length, self._piece = stream, length, piece

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[bytes]:
        self._stream.seek(0)
        while piece := self._stream.read(self._piece):
            yield piece


def int8(number: int) -> bytes:
    """A bigint as COPY wants it."""
    return struct.pack("!q", number)


@contextmanager
def staged(table: str, columns: str):
    """Yield (cursor, BinaryCopy) that fills the temporary table `table` with `columns`, empty at first.

    The rows are gone when the transaction ends.
    """
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMPORARY TABLE IF NOT EXISTS {table} ({columns}) ON COMMIT DELETE ROWS")
        cursor.execute(f"DELETE FROM pg_temp.{table}")
        with cursor.copy(f"COPY pg_temp.{table} FROM STDIN (FORMAT BINARY)") as copy:
            rows = BinaryCopy(copy)
            yield cursor, rows
            rows.finish()
