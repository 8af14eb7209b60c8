"""Nothing stored: no snapshot in a profile, in a backup the snapshot without items, as a backup always has one.

A profile that holds the snapshot without items, as an import that deletes all there is may have left it, has nothing
stored either. Every choice of what a move changes, and its preview, goes by these words.
"""

from personalization.formats import compression, manifest

_DIGEST = compression.digest(manifest.encode([]))

NOTHING = f"""
    (SELECT s.id FROM personalization_snapshot s
     WHERE s.tenant_id = %(tenant)s AND s.digest = '\\x{_DIGEST.hex()}')
"""
"""The id of the snapshot without items; NULL where the tenant has none, and then no profile and no backup holds it."""

HAS_SETTINGS = f"NULLIF(p.snapshot_id, {NOTHING}) IS NOT NULL"
"""Whether the profile `p` has something stored."""

AS_KEPT = f"coalesce(p.snapshot_id, {NOTHING})"
"""The state of the profile `p` as a backup holds it: what both can be compared by."""


def in_profile(snapshot):
    """Return the snapshot as a profile holds it: None for the one without items."""
    return None if bytes(snapshot.digest) == _DIGEST else snapshot
