"""What one user's page shows: settings groups with their state, and the timeline of a profile's backups."""

import datetime
from dataclasses import dataclass
from functools import cache

from django.db.models import Count, Exists, F, Max, OuterRef, Q, Subquery, Value
from django.utils import timezone

from personalization.formats import manifest
from personalization.models import Backup, Origin, PersonalizationGroup, SettingsProfile, Snapshot
from personalization.store import read_manifest_bytes

PAGE = 25
NAMES_SHOWN = 12
COMPARED_BYTES = 400_000  # stored size of all manifests of a page up to which the timeline says what changed


def profiles_of(user):
    """Return a user's settings profiles with size, counts, number of backups and an undo, if one is offered. One query.

    `undo_id` is the newest before-change backup whose change made the version that is current (decision 14).
    """
    backups = Backup.objects.filter(tenant_id=user.tenant_id, profile_id=OuterRef("pk"), deleted_at=None)
    undo = backups.filter(origin=Origin.BEFORE_CHANGE, made_version=OuterRef("version")).order_by("-created_at", "-id")
    totals = backups.order_by().values("profile_id")
    return (
        SettingsProfile.objects.filter(tenant_id=user.tenant_id, managed_user_id=user.pk)
        .select_related("settings_group", "snapshot")
        .defer("snapshot__manifest", "settings_group__template")
        .annotate(
            backup_count=Subquery(totals.annotate(n=Count("pk")).values("n")),
            last_backup_at=Subquery(totals.annotate(last=Max("created_at")).values("last")),
            undo_id=Subquery(undo.values("pk")[:1]),
        )
        .order_by("settings_group__kind", "settings_group__name_key", "variant")
    )


def with_data(users):
    """Annotate managed users with the name of their group and whether they have settings and backups (AC-HOM-3).

    All are values per row, not joins: under row-level security the planner takes a joined table of the tenant for a few
    rows, begins with it, and sorts every user of the tenant for one page.
    """
    return users.annotate(**_data())


@cache
def _data():
    """Return the annotations of `with_data`: built once, since Django takes as long to make them as to read the rows."""
    groups = PersonalizationGroup.objects.filter(tenant_id=OuterRef("tenant_id"), pk=OuterRef("group_id"))
    profiles = SettingsProfile.objects.filter(tenant_id=OuterRef("tenant_id"), managed_user_id=OuterRef("pk"))
    kept = Backup.objects.filter(tenant_id=OuterRef("tenant_id"), profile_id=OuterRef("pk"), deleted_at=None)
    return {
        "group_name": Subquery(groups.values("name")[:1]),
        "has_settings": _any(profiles.filter(snapshot__isnull=False)),
        "has_backups": _any(profiles.filter(Exists(kept))),
    }


def _any(rows):
    """Return True or NULL. An EXISTS in the select list is planned as one hash over all rows of the tenant, because the
    planner counts rows before the page's LIMIT; a value with a LIMIT of its own is looked up for the rows shown."""
    return Subquery(rows.annotate(found=Value(True)).values("found")[:1])


@dataclass(frozen=True, slots=True)
class Changes:
    """How a state differs from the one before it: counts, and up to NAMES_SHOWN names in words of the registry and files."""

    added: int
    removed: int
    changed: int
    names: tuple[str, ...]

    @property
    def total(self):
        return self.added + self.removed + self.changed


def item_name(item):
    """Return the item's path as a person knows it; '(Default)' for a key's default value."""
    name = getattr(item, "name", None)
    return item.path if name is None else f"{item.path}\\{name or '(Default)'}"


def _bytes(snapshot):
    return manifest.encode([]) if snapshot is None else read_manifest_bytes(snapshot)


def compare(before, after):
    """Return the Changes that lead from one snapshot to another; either may be None for "nothing stored"."""
    found = manifest.diff(_bytes(before), _bytes(after))
    items = [*(item for _, item in found.changed), *found.added, *found.removed]
    return Changes(
        len(found.added), len(found.removed), len(found.changed), tuple(item_name(item) for item in items[:NAMES_SHOWN])
    )


@dataclass(frozen=True, slots=True)
class Moment:
    """One entry of a timeline: the backup, what it changed against the next older one (None: not compared), whether
    it equals what is current, and whether it is the nightly one that last night confirmed (decision 12)."""

    backup: Backup
    changes: Changes | None
    is_current: bool
    is_protected: bool


def timeline(profile, *, before=None):
    """Return (moments newest first, the backup from which older ones follow or None, deleted ones of 30 days).

    `before`: the last backup of the page before. Three queries whatever the number of backups.
    """
    rows = (
        Backup.objects.filter(tenant_id=profile.tenant_id, profile_id=profile.pk, deleted_at=None)
        .annotate(
            size=F("snapshot__size"), value_count=F("snapshot__value_count"), file_count=F("snapshot__file_count")
        )
        .order_by("-created_at", "-id")
    )
    if before is not None:
        rows = rows.filter(Q(created_at__lt=before.created_at) | Q(created_at=before.created_at, id__lt=before.pk))
    found = list(rows[: PAGE + 2])
    shown = found[:PAGE]
    states = _states({row.snapshot_id for row in found[: PAGE + 1]})
    now = timezone.now()
    moments = [
        Moment(
            backup=row,
            changes=_changes(states, older, row),
            is_current=row.snapshot_id == profile.snapshot_id,
            is_protected=row.protected_until is not None and row.protected_until > now,
        )
        for row, older in zip(shown, [*found[1 : PAGE + 1], None], strict=False)
    ]
    deleted = list(
        Backup.objects.filter(
            tenant_id=profile.tenant_id,
            profile_id=profile.pk,
            deleted_at__gte=now - datetime.timedelta(days=30),
        ).order_by("-deleted_at")[:PAGE]
    )
    return moments, (shown[-1] if len(found) > PAGE else None), deleted


def _states(snapshot_ids):
    rows = list(Snapshot.objects.filter(pk__in=snapshot_ids))
    return {} if sum(len(row.manifest) for row in rows) > COMPARED_BYTES else {row.pk: row for row in rows}


def _changes(states, older, row):
    if older is None or older.snapshot_id not in states or row.snapshot_id not in states:
        return None
    if older.snapshot_id == row.snapshot_id:
        return Changes(0, 0, 0, ())
    return compare(states[older.snapshot_id], states[row.snapshot_id])
