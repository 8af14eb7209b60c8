"""The settings store: content-addressed snapshots and blobs of one tenant (decision 5, INV-1, INV-4).

`writing` puts manifests and contents, `reading` gives them back and checks every SHA-256, `collector` deletes what
nobody refers to. Rights and events are the business of the actions that call it.
"""

from personalization.store.collector import Collected, collect
from personalization.store.reading import (
    StoreDamaged,
    Verified,
    read_blob,
    read_items,
    read_manifest,
    read_manifest_bytes,
    verify,
)
from personalization.store.rows import UNWANTED_AFTER, keep, plan_references_once
from personalization.store.writing import (
    ContentsMissing,
    PackedStates,
    pack_states,
    put_packed,
    put_snapshot,
    put_snapshots,
)

__all__ = [
    "UNWANTED_AFTER",
    "Collected",
    "ContentsMissing",
    "PackedStates",
    "StoreDamaged",
    "Verified",
    "collect",
    "keep",
    "pack_states",
    "plan_references_once",
    "put_packed",
    "put_snapshot",
    "put_snapshots",
    "read_blob",
    "read_items",
    "read_manifest",
    "read_manifest_bytes",
    "verify",
]
