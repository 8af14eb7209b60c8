"""Reading from the store. Every digest is checked: what does not fit is a loud error, and an event."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

import psycopg
import structlog
import zstandard
from django.db import connection

from audit.actions import Actor, record
from audit.models import Channel, Outcome
from config.tenancy import tenant_context
from personalization.formats import compression, manifest
from personalization.formats.errors import DamagedContent
from personalization.formats.items import Item
from personalization.formats.limits import DEFAULT_LIMITS
from personalization.models import Blob, Snapshot

log = structlog.get_logger(__name__)

_PAGE_ROWS = 500
_PAGE_BYTES = 8 << 20


class StoreDamaged(Exception):
    """Stored bytes are not what their SHA-256 says, or are gone. Never shown, never used: somebody must restore them.

    `kind` is "snapshot" or "blob", `digest` the SHA-256 (32 bytes).
    """

    def __init__(self, kind: str, digest: bytes) -> None:
        super().__init__(f"stored {kind} {digest.hex()} is damaged")
        self.kind, self.digest = kind, digest


@dataclass(frozen=True, slots=True)
class Verified:
    """What `verify` has read: numbers of intact rows, and (kind, SHA-256) of the damaged ones."""

    snapshots: int
    blobs: int
    damaged: tuple[tuple[str, bytes], ...]


def read_manifest_bytes(snapshot: Snapshot) -> bytes:
    """Return the canonical bytes of a snapshot, for `manifest.diff` and `manifest.totals`. Raises `StoreDamaged`."""
    if "manifest" in snapshot.get_deferred_fields():
        packed = Snapshot.objects.values_list("manifest", flat=True).get(tenant_id=snapshot.tenant_id, pk=snapshot.pk)
    else:
        packed = snapshot.manifest
    try:
        return _unpacked(bytes(packed), bytes(snapshot.digest), DEFAULT_LIMITS.manifest_bytes)
    except DamagedContent:
        raise _damage(snapshot.tenant_id, "snapshot", bytes(snapshot.digest)) from None


def read_manifest(snapshot: Snapshot) -> list[Item]:
    """Return the items of a snapshot; longer data and files come as references. Raises `StoreDamaged`."""
    return manifest.decode(read_manifest_bytes(snapshot))


def read_items(snapshot: Snapshot) -> Iterator[Item]:
    """Yield the items with their contents: values whole, files read when opened. Raises `StoreDamaged`."""
    tenant_id = snapshot.tenant_id
    items = manifest.iterate(read_manifest_bytes(snapshot))
    return manifest.with_contents(items, lambda digest: read_blob(tenant_id=tenant_id, digest=digest))


def read_blob(*, tenant_id: UUID, digest: bytes) -> bytes:
    """Return the contents with this SHA-256. Raises `StoreDamaged`, also when the store does not hold them."""
    rows = _rows(
        "SELECT size, stored FROM personalization_blob WHERE tenant_id = %s AND digest = %s", [tenant_id, digest]
    )
    try:
        if not rows:
            raise DamagedContent("missing")
        [(size, stored)] = rows
        return _unpacked(stored, digest, size)
    except DamagedContent:
        raise _damage(tenant_id, "blob", digest) from None


def verify(*, tenant_id: UUID) -> Verified:
    """Read every snapshot and blob of the tenant and check them all, some megabytes at a time.

    Unlike reading it goes on after a damaged one. A snapshot counts as damaged too when a blob it names has no row.
    """
    damaged: list[tuple[str, bytes]] = []
    snapshots = blobs = 0
    for page in _pages("personalization_snapshot", "manifest", tenant_id):
        named: dict[bytes, set[bytes]] = {}
        for digest, packed, _size in page:
            try:
                named[digest] = manifest.blob_digests(_unpacked(packed, digest, DEFAULT_LIMITS.manifest_bytes))
            except DamagedContent:
                damaged.append(("snapshot", digest))
        wanted = Blob.objects.filter(tenant_id=tenant_id, digest__in=set().union(*named.values()))
        there = {bytes(digest) for digest in wanted.values_list("digest", flat=True)}
        damaged += [("snapshot", digest) for digest, blobs_of in named.items() if not blobs_of <= there]
        snapshots += sum(blobs_of <= there for blobs_of in named.values())
    for page in _pages("personalization_blob", "stored", tenant_id):
        for digest, packed, size in page:
            try:
                _unpacked(packed, digest, size)
                blobs += 1
            except DamagedContent:
                damaged.append(("blob", digest))
    for kind, digest in damaged:
        _damage(tenant_id, kind, digest)
    return Verified(snapshots, blobs, tuple(damaged))


def _pages(table: str, column: str, tenant_id: UUID) -> Iterator[list[tuple[bytes, bytes, int]]]:
    """Yield lists of (digest, packed bytes, size) of a whole table, keyset-paged by digest, `_PAGE_BYTES` each."""
    last = b""
    while True:
        lengths = _rows(
            f"SELECT digest, octet_length({column}) FROM {table} WHERE tenant_id = %s AND digest > %s "
            f"ORDER BY digest LIMIT {_PAGE_ROWS}",
            [tenant_id, last],
        )
        if not lengths:
            return
        chosen, total = [], 0
        for digest, length in lengths:
            if chosen and total + length > _PAGE_BYTES:
                break
            chosen.append(digest)
            total += length
        last = chosen[-1]
        yield _rows(
            f"SELECT digest, {column}, size FROM {table} WHERE tenant_id = %s AND digest = ANY(%s)", [tenant_id, chosen]
        )


def _rows(statement: str, values: list) -> list[tuple]:
    """Rows with their bytes as bytes: the text form of a bytea, which Django's cursors ask for, is twice as long."""
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        return cursor.execute(statement, values, binary=True).fetchall()


def _unpacked(packed: bytes, digest: bytes, limit: int) -> bytes:
    # The reader takes as much memory as it is allowed, so it is allowed what the frame declares.
    try:
        declared = zstandard.frame_content_size(packed)
    except zstandard.ZstdError:
        declared = limit
    return compression.decompress(packed, sha256=digest, max_size=min(max(declared, 0), limit))


def _damage(tenant_id: UUID, kind: str, digest: bytes) -> StoreDamaged:
    """Log and record damage; return the exception to raise.

    The event is written on a connection of its own, since the exception rolls back the transaction that reads.
    """
    log.error("store_damaged", tenant_id=str(tenant_id), kind=kind, digest=digest.hex())

    def write() -> None:
        try:
            with tenant_context(tenant_id):
                record(
                    "store.damaged",
                    tenant_id=tenant_id,
                    by=Actor(id=None, name="Roamkeep", channel=Channel.WORKER),
                    outcome=Outcome.FAILED,
                    subject_type=kind,
                    labels={"kind": kind, "digest": digest.hex()},
                )
        except Exception:
            log.exception("store_damage_not_recorded", digest=digest.hex())
        finally:
            connection.close()

    thread = threading.Thread(target=write)
    thread.start()
    thread.join()
    return StoreDamaged(kind, digest)
