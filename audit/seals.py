"""The chain of seals: digests of events, hashes of batches, and what verification finds."""

import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from datetime import UTC
from uuid import UUID

import structlog
from django.db import connection, transaction
from django.utils import timezone

from audit.models import Event, Seal
from config.identifiers import text_key

log = structlog.get_logger(__name__)

BATCH = 5_000
DIGEST = 32
KEY_LENGTH = Event._meta.get_field("actor_key").max_length
_CORE = (
    "id", "tenant_id", "at", "verb", "outcome", "channel", "actor_id", "actor_role", "actor_groups", "subject_type",
    "subject_id", "group_id", "license_group_id", "task_id", "parent_id", "request_id", "count",
)  # fmt: skip
_DIGESTED = f"{', '.join(_CORE)}, coalesce(erased_hash, sha256(salt || convert_to(labels::text, 'UTF8')))"
_BESIDE = "erased_hash IS NOT NULL, labels = '{}' AND salt = '' AND actor_key = '', labels ->> 'actor', actor_key"
_FROM = "FROM audit_event WHERE tenant_id = %s AND"


def _plain(value):
    if isinstance(value, UUID):
        return str(value)
    if hasattr(value, "astimezone"):
        return value.astimezone(UTC).isoformat()
    return [str(item) for item in value] if isinstance(value, list) else value


def digest(row):
    """Return the SHA-256 of one row: its core columns, and the hash of salt and labels in place of the labels."""
    *core, labels_hash = row
    text = json.dumps([_plain(value) for value in core], separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode() + bytes(labels_hash)).digest()


def chained(previous, number, digests):
    """Return the hash of a seal (SHA-256 over the previous hash, the number and the rows' digests)."""
    return hashlib.sha256(bytes(previous) + number.to_bytes(8, "big") + bytes(digests)).digest()


def seal(tenant_id):
    """Seal up to one batch of a tenant's unsealed events; return how many. Rows that commit late come into a later
    seal, so none is lost. Runs in the tenant's context; one sealer per tenant."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended('audit.seal' || %s, 0))", [str(tenant_id)])
        if not cursor.fetchone()[0]:
            return 0
        cursor.execute(f"SELECT {_DIGESTED} {_FROM} seal_id IS NULL ORDER BY id LIMIT %s", [tenant_id, BATCH])  # noqa: S608
        rows = cursor.fetchall()
        if not rows:
            return 0
        newest, kept = head_of(tenant_id)
        number, previous = newest + 1, bytes.fromhex(kept)
        digests = b"".join(digest(row) for row in rows)
        head = chained(previous, number, digests)
        made = Seal.objects.create(
            tenant_id=tenant_id,
            number=number,
            at=timezone.now(),
            count=len(rows),
            previous=previous,
            digests=digests,
            hash=head,
        )
        Event.objects.filter(tenant_id=tenant_id, pk__in=[row[0] for row in rows], seal_id=None).update(seal_id=made.pk)
        # The log is where the owner of the database has no say: who keeps it can tell that the newest seals are gone.
        transaction.on_commit(lambda: log.info("sealed", tenant_id=str(tenant_id), number=number, hash=head.hex()))
        return len(rows)


def head_of(tenant_id):
    """Return (number, hash in hex) of a tenant's newest seal, (0, "") where nothing is sealed; in the tenant's context."""
    last = Seal.objects.filter(tenant_id=tenant_id).order_by("-number").first()
    return (last.number, bytes(last.hash).hex()) if last else (0, "")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that does not fit. `what`: "changed" (event_id given), "missing" (rows of a seal), "chain" (a seal's
    hash), "gap" (a seal is gone), "head" (the seal that was the newest is not the one it was), "redacted" (labels erased
    on purpose; not an error)."""

    what: str
    seal_number: int | None = None
    event_id: UUID | None = None
    count: int = 1


def verify(tenant_id, head=(0, "")):
    """Yield what does not fit in a tenant's chain, seal by seal with constant memory; runs in the tenant's context.

    `head`: what `head_of` returned some time ago, kept elsewhere. Without it nobody can tell that the newest seals were
    deleted together with their events: the chain before them holds.
    """
    number, sealed = head
    if number and not Seal.objects.filter(tenant_id=tenant_id, number=number, hash=bytes.fromhex(sealed)).exists():
        yield Finding("head", seal_number=number)
    previous, expected = b"", 1
    for row in Seal.objects.filter(tenant_id=tenant_id).order_by("number").iterator(chunk_size=50):
        if row.number != expected:
            yield Finding("gap", seal_number=expected, count=row.number - expected)
        if bytes(row.hash) != chained(row.previous, row.number, row.digests) or (
            row.number == expected and bytes(row.previous) != previous
        ):
            yield Finding("chain", seal_number=row.number)
        yield from _compare(tenant_id, row)
        previous, expected = bytes(row.hash), row.number + 1


def _compare(tenant_id, row):
    stored = bytes(row.digests)
    wanted = Counter(stored[start : start + DIGEST] for start in range(0, len(stored), DIGEST))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {_BESIDE}, {_DIGESTED} {_FROM} seal_id = %s ORDER BY id", [tenant_id, row.pk])  # noqa: S608
        found = cursor.fetchall()
    changed = 0
    for is_erased, is_empty, actor, key, *event in found:
        mine = digest(event)
        # Beside the digest: nothing is left where labels were erased, and the list finds who acted by the name in them.
        fits = is_empty if is_erased else key == text_key(actor or "")[:KEY_LENGTH]
        if wanted[mine] and fits:
            wanted[mine] -= 1
            if is_erased:
                yield Finding("redacted", row.number, event[0])
        else:
            changed += 1
            yield Finding("changed", row.number, event[0])
    missing = sum(wanted.values()) - changed
    if missing > 0:
        yield Finding("missing", row.number, count=missing)
