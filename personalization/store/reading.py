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

_BATCH = 200


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
    # A cursor of psycopg itself: the text form of a bytea, which Django's asks for, is twice as long as the bytes.
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(
            "SELECT size, stored FROM personalization_blob WHERE tenant_id = %s AND digest = %s",
            [tenant_id, digest],
            binary=True,
        )
        row = cursor.fetchone()
    try:
        if row is None:
            raise DamagedContent("missing")
        return _unpacked(bytes(row[1]), digest, row[0])
    except DamagedContent:
        raise _damage(tenant_id, "blob", digest) from None


def verify(*, tenant_id: UUID) -> Verified:
    """Read every snapshot and blob of the tenant and check them all, a few at a time.

    Unlike reading it goes on after a damaged one. A snapshot counts as damaged too when a blob it names has no row.
    """
    damaged: list[tuple[str, bytes]] = []
    snapshots = blobs = 0
    for row in _all(Snapshot, tenant_id):
        try:
            named = manifest.blob_digests(read_manifest_bytes(row))
            there = Blob.objects.filter(tenant_id=tenant_id, digest__in=named).count()
            if there != len(named):
                raise _damage(tenant_id, "snapshot", bytes(row.digest))
            snapshots += 1
        except StoreDamaged as damage:
            damaged.append((damage.kind, damage.digest))
    for row in _all(Blob, tenant_id):
        try:
            read_blob(tenant_id=tenant_id, digest=bytes(row.digest))
            blobs += 1
        except StoreDamaged as damage:
            damaged.append((damage.kind, damage.digest))
    return Verified(snapshots, blobs, tuple(damaged))


def _all(model, tenant_id):
    """Yield all rows in id order, keyset-paged, without what is long in them."""
    rows = model.objects.filter(tenant_id=tenant_id).order_by("id").defer("stored" if model is Blob else "manifest")
    last = None
    while page := list(rows[:_BATCH] if last is None else rows.filter(id__gt=last)[:_BATCH]):
        yield from page
        last = page[-1].pk


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
