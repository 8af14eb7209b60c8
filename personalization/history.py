"""What one user's page shows: settings groups with their state, and the timeline of a profile's backups."""

import datetime
from dataclasses import dataclass

from django.db.models import BooleanField, CharField, Count, F, Max, OuterRef, Q, Subquery
from django.db.models.expressions import RawSQL
from django.utils import timezone

from audit.models import Event
from personalization.formats import compression, manifest
from personalization.models import Backup, ManagedUser, Origin, SettingsProfile, Snapshot, Task
from personalization.store import read_manifest_bytes

PAGE = 25
NEWEST = 8
NAMES_SHOWN = 12
# Size of all manifests of a page, as stored and as read, up to which the timeline says what changed.
COMPARED_BYTES, COMPARED_TEXT = 400_000, 32_000_000


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


def newest_backups(user, profiles):
    """Return the NEWEST newest backups of a user's settings profiles, each with its profile. One query."""
    by_key = {profile.pk: profile for profile in profiles}
    rows = Backup.objects.filter(tenant_id=user.tenant_id, profile_id__in=by_key, deleted_at=None)
    found = list(rows.order_by("-created_at", "-id")[:NEWEST])
    for row in found:
        row.profile = by_key[row.profile_id]
    return found


@dataclass(frozen=True, slots=True)
class LastChange:
    """What made a profile's current settings after the last save of a computer.

    `verb` is that of its event, "" where none tells it. `source_at`: the time of the backup that was restored or put
    back, if it is known. `task`: the task that did it. `undo`: the backup that Undo puts back, while it is there.
    """

    verb: str
    actor: str
    at: datetime.datetime
    source_at: datetime.datetime | None
    task: Task | None
    undo: Backup | None


def last_change(profile):
    """Return the LastChange of a profile, or None where its current settings are those that a computer saved.

    The `before-change` backup whose change made the current version tells it, also while that backup is deleted; once it
    is purged, the event of a change of this one profile does. Two queries, three where a task did it.
    """
    before = (
        Backup.objects.filter(
            tenant_id=profile.tenant_id,
            profile_id=profile.pk,
            origin=Origin.BEFORE_CHANGE,
            made_version=profile.version,
        )
        .order_by("-created_at", "-id")
        .first()
    )
    if before and before.task_id:
        task = Task.objects.filter(tenant_id=profile.tenant_id, pk=before.task_id).first()
        return LastChange("", before.created_by, before.created_at, None, task, _kept(before))
    events = Event.objects.filter(
        tenant_id=profile.tenant_id,
        subject_id=profile.managed_user_id,
        verb__in=("backup.restored", "change.undone"),
        labels__profile=str(profile.pk),
    )
    told = (
        events.filter(labels__before_backup=str(before.pk))
        if before
        else events.filter(at__gt=profile.saved_at).exclude(labels__before_backup="")
    )
    event = told.order_by("-id").first()
    if event is None:
        return before and LastChange("", before.created_by, before.created_at, None, None, _kept(before))
    source_at = datetime.datetime.fromisoformat(event.labels["at"]) if event.labels.get("at") else None
    actor = before.created_by if before else event.labels.get("actor", "…")
    return LastChange(event.verb, actor, before.created_at if before else event.at, source_at, None, _kept(before))


def _kept(backup):
    return backup if backup and backup.deleted_at is None else None


def with_data(users):
    """Annotate managed users with the name of their group and whether they have settings and backups (AC-HOM-3).

    All are values per row, not joins: under row-level security the planner takes a joined table of the tenant for a few
    rows, begins with it, and sorts every user of the tenant for one page.
    """
    return users.annotate(**_DATA)


# Written out: Django takes as long to make these from querysets as to read the rows. Each is looked up for the rows that
# are shown; an EXISTS in the select list would be planned as one hash over all rows of the tenant, because the planner
# counts rows before the page's LIMIT.
_USER = ManagedUser._meta.db_table
_PROFILE = f"""
    SELECT true FROM personalization_settingsprofile p
    WHERE p.tenant_id = {_USER}.tenant_id AND p.managed_user_id = {_USER}.id
"""
_DATA = {
    "group_name": RawSQL(
        f"""
        SELECT g.name FROM personalization_personalizationgroup g
        WHERE g.tenant_id = {_USER}.tenant_id AND g.id = {_USER}.group_id
        """,
        (),
        CharField(),
    ),
    "has_settings": RawSQL(f"{_PROFILE} AND p.snapshot_id IS NOT NULL LIMIT 1", (), BooleanField()),
    "has_backups": RawSQL(
        f"""
        {_PROFILE} AND EXISTS (
            SELECT FROM personalization_backup b
            WHERE b.tenant_id = p.tenant_id AND b.profile_id = p.id AND b.deleted_at IS NULL
        ) LIMIT 1
        """,
        (),
        BooleanField(),
    ),
}


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
        ).order_by("-deleted_at", "-created_at", "-id")[:PAGE]
    )
    return moments, (shown[-1] if len(found) > PAGE else None), deleted


def _states(snapshot_ids):
    rows = list(Snapshot.objects.filter(pk__in=snapshot_ids))
    if sum(len(row.manifest) for row in rows) > COMPARED_BYTES:
        return {}
    is_short = sum(compression.content_size(bytes(row.manifest)) for row in rows) <= COMPARED_TEXT
    return {row.pk: row for row in rows} if is_short else {}


def _changes(states, older, row):
    if older is None or older.snapshot_id not in states or row.snapshot_id not in states:
        return None
    if older.snapshot_id == row.snapshot_id:
        return Changes(0, 0, 0, ())
    return compare(states[older.snapshot_id], states[row.snapshot_id])
