"""Putting settings into the store: one snapshot or many, each distinct content once."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import zstandard
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from config.identifiers import uuid7
from personalization.formats import compression, manifest
from personalization.formats.errors import ImportRejected, at_entry
from personalization.formats.items import BlobRef, ContentSource, File, InMemory, Item, RegistryValue
from personalization.formats.limits import DEFAULT_LIMITS, Limits
from personalization.models import Snapshot
from personalization.store.rows import BLOBS, SNAPSHOTS, Field, int8, plan_references_once, staged, want

_PIECE = 1 << 18
_IN_MEMORY = 1 << 20


class ContentsMissing(Exception):
    """A manifest names contents that neither came with it nor lie in the store; `refs` says which."""

    def __init__(self, refs: Sequence[BlobRef]) -> None:
        super().__init__(f"{len(refs)} contents are missing")
        self.refs = tuple(refs)


@dataclass(frozen=True, slots=True)
class _State:
    """One encoded settings state on its way into the store: packed manifest, and what it needs beside it."""

    digest: bytes
    packed: bytes
    totals: manifest.Totals
    refs: dict[bytes, BlobRef]


@dataclass(frozen=True, slots=True)
class _Source:
    """Where the contents of a blob can be read, and the item that brought it, for a refusal."""

    ref: BlobRef
    source: ContentSource
    name: str


@dataclass(frozen=True, slots=True)
class PackedStates:
    """States ready to be stored: `order` names them by digest, in the order given; nothing here needs the database."""

    order: tuple[bytes, ...]
    states: Mapping[bytes, _State]
    sources: Mapping[bytes, _Source]


def put_snapshot(
    *,
    tenant_id: UUID,
    items: Iterable[Item],
    contents: Mapping[bytes, ContentSource] | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Snapshot:
    """Store one state of a settings group and return its Snapshot, the one already there if an equal state is.

    `items` come in any order; contents are read from the items themselves or, for those without, from `contents` by
    SHA-256 (32 bytes), in pieces: a file is never held in memory. Runs in the caller's tenant context and leaves
    nothing on any error. Raises `ImportRejected` for items that may not be stored or whose contents are not what their
    SHA-256 and size say, `ContentsMissing` for contents found nowhere.
    """
    return put_snapshots(tenant_id=tenant_id, states=[items], contents=contents, limits=limits)[0]


def put_snapshots(
    *,
    tenant_id: UUID,
    states: Iterable[Iterable[Item]],
    contents: Mapping[bytes, ContentSource] | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> list[Snapshot]:
    """Store many states with one COPY and return their Snapshots in the same order; as `put_snapshot` otherwise.

    The cost follows the *distinct* states and contents. Manifests are held packed, contents not at all.
    """
    return put_packed(tenant_id=tenant_id, packed=pack_states(states, contents=contents, limits=limits))


def pack_states(
    states: Iterable[Iterable[Item]],
    *,
    contents: Mapping[bytes, ContentSource] | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> PackedStates:
    """Do all of `put_snapshots` that needs no database. Large states are packed before a transaction is opened: one
    that idles for 30 seconds is ended by the server. Raises `ImportRejected`."""
    order: list[bytes] = []
    packed: dict[bytes, _State] = {}
    sources: dict[bytes, _Source] = {}
    for items in states:
        state = _encode(list(items), sources, contents or {}, limits, packed)
        order.append(state.digest)
        packed.setdefault(state.digest, state)
    return PackedStates(tuple(order), packed, sources)


def put_packed(*, tenant_id: UUID, packed: PackedStates) -> list[Snapshot]:
    """Store packed states and return their Snapshots in order; errors as `put_snapshot`."""
    with transaction.atomic():
        plan_references_once()
        _store_missing(tenant_id, packed.states, packed.sources)
        found = Snapshot.objects.defer("manifest").filter(tenant_id=tenant_id, digest__in=list(packed.states))
        rows = {bytes(row.digest): row for row in found}
    return [rows[digest] for digest in packed.order]


def _encode(items, sources, contents, limits, packed) -> _State:
    encoded = manifest.encode(items, limits=limits)
    digest = compression.digest(encoded)
    if digest in packed:
        return packed[digest]
    refs: dict[bytes, BlobRef] = {}
    for item in items:
        ref, source = _contents_of(item)
        if ref is None:
            continue
        if refs.setdefault(ref.sha256, ref).size != ref.size:
            raise ImportRejected(_("Two sizes are given for the same contents."), at_entry(_name(item)))
        source = source or contents.get(ref.sha256)
        if source is not None and ref.sha256 not in sources:
            sources[ref.sha256] = _Source(ref, source, _name(item))
    return _State(digest, compression.compress(encoded), manifest.totals(encoded), refs)


def _contents_of(item: Item) -> tuple[BlobRef | None, ContentSource | None]:
    if isinstance(item, File):
        return BlobRef(item.sha256, item.size), item.source
    if isinstance(item, RegistryValue):
        return manifest.value_blob(item), None if isinstance(item.data, BlobRef) else InMemory(item.data)
    return None, None


def _name(item: Item) -> str:
    return f"{item.path}\\{item.name}" if isinstance(item, RegistryValue) else item.path


def _store_missing(tenant_id: UUID, states: Mapping[bytes, _State], sources: Mapping[bytes, _Source]) -> None:
    """Snapshots first: whose snapshot is there and touched needs none of its blobs looked at."""
    while missing := states.keys() - want(SNAPSHOTS, tenant_id=tenant_id, digests=states.keys()).keys():
        wanted = [states[digest] for digest in sorted(missing)]
        blob_ids = _store_blobs(tenant_id, {sha: ref for state in wanted for sha, ref in state.refs.items()}, sources)
        _copy_snapshots(tenant_id, wanted, blob_ids)


def _copy_snapshots(tenant_id: UUID, states: list[_State], blob_ids: dict[bytes, UUID]) -> None:
    ids = {state.digest: uuid7() for state in states}
    columns = "id uuid, digest bytea, manifest bytea, size bigint, value_count bigint, file_count bigint"
    with staged("incoming_snapshot", columns) as (cursor, rows):
        for state in states:
            totals = state.totals
            counts = (int8(totals.bytes), int8(totals.values), int8(totals.files))
            rows.row(ids[state.digest].bytes, state.digest, state.packed, *counts)
    with connection.cursor() as cursor:
        # Who loses a race for the same digest writes nothing here; the next round of the caller finds the winner's row.
        cursor.execute(
            f"""
            INSERT INTO {SNAPSHOTS} (id, tenant_id, digest, manifest, size, value_count, file_count, last_wanted_at)
            SELECT id, %s, digest, manifest, size, value_count, file_count, %s FROM pg_temp.incoming_snapshot
            ORDER BY digest ON CONFLICT (tenant_id, digest) DO NOTHING RETURNING digest
            """,
            [tenant_id, timezone.now()],
        )
        written = {bytes(digest) for (digest,) in cursor.fetchall()}
        links = [
            (ids[state.digest], blob_ids[sha]) for state in states if state.digest in written for sha in state.refs
        ]
        cursor.execute(
            """
            INSERT INTO personalization_snapshotblob (id, tenant_id, snapshot_id, blob_id)
            SELECT roamkeep_uuid7(), %s, * FROM unnest(%s::uuid[], %s::uuid[])
            """,
            [tenant_id, [snapshot for snapshot, _blob in links], [blob for _snapshot, blob in links]],
        )


def _store_blobs(tenant_id: UUID, refs: dict[bytes, BlobRef], sources: Mapping[bytes, _Source]) -> dict[bytes, UUID]:
    """Return {SHA-256: blob id} of all `refs`, after storing those that are not there yet."""
    while True:
        found = want(BLOBS, tenant_id=tenant_id, digests=refs.keys())
        for sha, (_id, size) in found.items():
            if refs[sha].size != size:
                name = sources[sha].name if sha in sources else sha.hex()
                raise ImportRejected(_("The contents do not have the size that is given for them."), at_entry(name))
        missing = sorted(refs.keys() - found.keys())
        if not missing:
            return {sha: id for sha, (id, _size) in found.items()}
        if absent := [refs[sha] for sha in missing if sha not in sources]:
            raise ContentsMissing(absent)
        _copy_blobs(tenant_id, [sources[sha] for sha in missing])


def _copy_blobs(tenant_id: UUID, sources: list[_Source]) -> None:
    with staged("incoming_blob", "id uuid, digest bytea, size bigint, stored bytea") as (_cursor, rows):
        for each in sources:
            with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as packed:
                length = _pack(each, packed)
                rows.row(uuid7().bytes, each.ref.sha256, int8(each.ref.size), Field(packed, length))
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO {BLOBS} (id, tenant_id, digest, size, stored, last_wanted_at)
            SELECT id, %s, digest, size, stored, %s FROM pg_temp.incoming_blob
            ORDER BY digest ON CONFLICT (tenant_id, digest) DO NOTHING
            """,
            [tenant_id, timezone.now()],
        )


def _pack(each: _Source, target) -> int:
    """Write the contents as one zstd frame into `target`, checked on the way; return the frame's length in bytes."""
    changed = ImportRejected(_("The contents are not what their checksum and size say."), at_entry(each.name))
    hasher, size = hashlib.sha256(), 0
    packer = zstandard.ZstdCompressor(level=compression.LEVEL).compressobj(size=each.ref.size)
    with each.source.open() as stream:
        while piece := stream.read(_PIECE):
            size += len(piece)
            if size > each.ref.size:
                raise changed
            hasher.update(piece)
            target.write(packer.compress(piece))
    if size != each.ref.size or hasher.digest() != each.ref.sha256:
        raise changed
    target.write(packer.flush())
    return target.tell()
