"""Verbs on current settings: what an endpoint uploads, what a person imports (spec 3.3, AC-SBK-6)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.actions import Actor, record
from config.errors import Conflict, Refused
from config.identifiers import uuid7
from config.tenancy import tenant_context
from personalization import store
from personalization.actions.managed_users import create_managed_user
from personalization.formats.collection import apply
from personalization.formats.items import Change, ContentSource, Item, KeyDeletion, ValueDeletion
from personalization.models import Backup, ManagedUser, Origin, SettingsGroup, SettingsProfile, Snapshot
from personalization.moves import in_profile
from personalization.templates import sort_by_groups

_TRIES = 3


class UploadResult(Enum):
    """What became of an upload."""

    SAVED = "saved"
    UNCHANGED = "unchanged"
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class Uploaded:
    """What an endpoint is told: `version` is the current one, on which its next upload has to be based.

    `backup_id` is the `stale-upload` backup where the upload came too late.
    """

    result: UploadResult
    profile_id: UUID
    version: int
    backup_id: UUID | None = None


@transaction.atomic
def upload_settings(
    *,
    managed_user: ManagedUser,
    settings_group: SettingsGroup,
    items: Iterable[Item],
    contents: Mapping[bytes, ContentSource] | None = None,
    based_on_version: int | None,
    variant: str = "",
    endpoint: str = "",
    os: str = "",
    by: Actor,
) -> Uploaded:
    """Save what an endpoint has captured, if it knew the newest version; return an `Uploaded`.

    `based_on_version` is the version that the endpoint applied last, None where it has never seen one. On an older
    version the upload becomes a `stale-upload` backup and the current settings stay as they are; an upload that equals
    them changes nothing and writes no event. `items` and `contents` and their errors are those of `store.put_snapshot`.
    """
    tenant_id, now = managed_user.tenant_id, timezone.now()
    # Contents go in before the profile is locked: a slow upload makes nobody wait.
    snapshot = store.put_snapshot(tenant_id=tenant_id, items=items, contents=contents)
    current = in_profile(snapshot)
    profile, is_new = _locked_profile(
        managed_user=managed_user, settings_group=settings_group, variant=variant, snapshot=current,
        version=(based_on_version or 0) + 1, now=now, endpoint=endpoint, os=os,
    )  # fmt: skip
    common = {"managed_user": managed_user, "settings_group": settings_group, "endpoint": endpoint, "by": by}
    if not is_new:
        if profile.snapshot_id == (current and current.pk):
            return Uploaded(UploadResult.UNCHANGED, profile.pk, profile.version)
        if profile.version != based_on_version:
            backup = Backup.objects.create(
                tenant_id=tenant_id,
                profile=profile,
                snapshot=snapshot,
                created_at=now,
                origin=Origin.STALE_UPLOAD,
                created_by=endpoint,
            )
            told = {"based_on": based_on_version or 0, "backup": str(backup.pk)}
            _tell("settings.upload-stale", profile=profile, **told, **common)
            return Uploaded(UploadResult.STALE, profile.pk, profile.version, backup.pk)
        store.keep(tenant_id=tenant_id, snapshot_ids=[profile.snapshot_id])
        profile.snapshot, profile.version, profile.saved_at = current, profile.version + 1, now
        profile.endpoint, profile.os = endpoint, os
        profile.save(update_fields=["snapshot", "version", "saved_at", "endpoint", "os"])
    _tell("settings.saved", profile=profile, bytes=snapshot.size, **common)
    return Uploaded(UploadResult.SAVED, profile.pk, profile.version)


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did: the settings groups that changed, those that had these settings already, and the items that
    belong to no template (none where a group was named)."""

    changed: tuple[SettingsGroup, ...]
    unchanged: tuple[SettingsGroup, ...]
    unclaimed: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class _Plan:
    """What an import puts where. `versions` are those the states were made on, empty where that does not matter."""

    states: dict[SettingsGroup, list[Item]]
    versions: dict[SettingsGroup, int]
    unclaimed: list[Item]


class _ChangedMeanwhile(Exception):
    """The settings on which a plan was made are not the current ones any more."""


def import_settings(
    *,
    managed_user: ManagedUser,
    changes: Sequence[Change],
    settings_group: SettingsGroup | None = None,
    merge: bool = False,
    source: str = "",
    by: Actor,
) -> Imported:
    """Give one user settings from outside: all into `settings_group`, or sorted by the tenant's templates.

    `changes` are a source's items and deletions in order. With `merge` they act on the current settings, as a .reg file
    does on a registry; without, they are the new state of every group they touch, and other groups stay. Each changed
    profile is backed up first and gets version + 1; all or nothing in one transaction, which this function opens itself
    after the long work; one event. A `managed_user` that is not saved yet is saved with its settings. `source` names
    where they came from. Raises `ImportRejected`, `Refused` (nothing to import, no templates), `Conflict` (the settings
    kept changing meanwhile).
    """
    if by.rights is not None and not (by.rights.is_primary or managed_user.group_id in by.rights.groups):
        raise PermissionDenied("users.change")
    for _try in range(_TRIES):
        with tenant_context(managed_user.tenant_id):
            bases = _bases(managed_user, settings_group, merge=merge)
        plan = _plan(changes, settings_group, bases, merge=merge)
        packed = store.pack_states(plan.states.values())
        try:
            with tenant_context(managed_user.tenant_id):
                return _put(managed_user, plan, packed, source=source, by=by)
        except _ChangedMeanwhile:
            continue
    raise Conflict(_("The settings of this user keep changing. Try again later."), code="stale-profile")


def _bases(
    managed_user: ManagedUser, settings_group: SettingsGroup | None, *, merge: bool
) -> dict[SettingsGroup, tuple[int, list[Item]]]:
    """Return {group: (version, items)} on which changes act, of every group that could get some."""
    tenant_id = managed_user.tenant_id
    if settings_group:
        groups = [settings_group]
    else:
        groups = list(SettingsGroup.objects.filter(tenant_id=tenant_id, template__isnull=False).order_by("id"))
        if not groups:
            raise Refused(
                _("There are no templates to sort by. Import some, or name a settings group."), code="templates"
            )
    if not merge:
        return {group: (0, []) for group in groups}
    profiles = SettingsProfile.objects.filter(
        tenant_id=tenant_id, managed_user=managed_user, settings_group__in=groups, variant=""
    ).select_related("snapshot")
    known = {
        profile.settings_group_id: (profile.version, store.read_manifest(profile.snapshot) if profile.snapshot else [])
        for profile in profiles
    }
    return {group: known.get(group.pk, (0, [])) for group in groups}


def _plan(changes, settings_group, bases, *, merge) -> _Plan:
    own, unclaimed = ({settings_group: list(changes)}, []) if settings_group else _sorted(changes, bases)
    states, versions = {}, {}
    for group, mine in own.items():
        version, base = bases[group]
        state = apply(base, mine)
        if state != base:
            states[group] = state
            if merge:
                versions[group] = version
    if not states and not merge:
        raise Refused(_("There is nothing in it that could be imported."), code="nothing-to-import")
    return _Plan(states, versions, apply((), unclaimed))


def _sorted(changes, groups) -> tuple[dict[SettingsGroup, list[Change]], list[Item]]:
    """Give every item to the group it belongs to, deletions to all, in the order of the changes."""
    items = [change for change in changes if not isinstance(change, KeyDeletion | ValueDeletion)]
    found = sort_by_groups(items, groups)
    unclaimed = found.pop(None)
    owner = {id(item): group for group, mine in found.items() if group is not None for item in mine}
    own: dict[SettingsGroup, list[Change]] = {group: [] for group in groups}
    for change in changes:
        if isinstance(change, KeyDeletion | ValueDeletion):
            for mine in own.values():
                mine.append(change)
        elif id(change) in owner:
            own[owner[id(change)]].append(change)
    return own, unclaimed


def _put(managed_user: ManagedUser, plan: _Plan, packed: store.PackedStates, *, source: str, by: Actor) -> Imported:
    tenant_id, now = managed_user.tenant_id, timezone.now()
    if managed_user._state.adding:
        create_managed_user(managed_user=managed_user, by=by)
    stored = map(in_profile, store.put_packed(tenant_id=tenant_id, packed=packed))
    wanted = dict(zip(plan.states, stored, strict=True))
    profiles = _locked_profiles(managed_user, list(wanted), now)
    if any(profiles[group].version != version for group, version in plan.versions.items()):
        raise _ChangedMeanwhile
    changed = [group for group, snapshot in wanted.items() if profiles[group].snapshot_id != (snapshot and snapshot.pk)]
    nothing = None
    for group in changed:
        profile = profiles[group]
        before = profile.snapshot_id
        if before is None:  # nothing stored is a state too: Undo must find it
            nothing = nothing or store.put_snapshot(tenant_id=tenant_id, items=[])
            before = nothing.pk
        Backup.objects.create(
            tenant_id=tenant_id,
            profile=profile,
            snapshot_id=before,
            created_at=now,
            origin=Origin.BEFORE_CHANGE,
            created_by=by.name[:200],
            made_version=profile.version + 1,
        )
        profile.snapshot, profile.version, profile.saved_at = wanted[group], profile.version + 1, now
        profile.save(update_fields=["snapshot", "version", "saved_at"])
    done = Imported(tuple(changed), tuple(set(wanted) - set(changed)), tuple(plan.unclaimed))
    if changed:
        record(
            "settings.imported",
            tenant_id=tenant_id,
            by=by,
            subject=managed_user,
            group_id=managed_user.group_id,
            labels={
                "user": str(managed_user),
                "source": source,
                "groups": [group.name for group in changed],
                "unchanged": len(done.unchanged),
                "unclaimed": len(done.unclaimed),
                "bytes": sum(snapshot.size for group in changed if (snapshot := wanted[group])),
            },
        )
    return done


def _locked_profiles(managed_user, groups, now) -> dict[SettingsGroup, SettingsProfile]:
    """Return the user's profile of each group under row locks, made with version 0 where there was none."""
    tenant_id = managed_user.tenant_id
    common = {"tenant_id": tenant_id, "managed_user": managed_user, "version": 0, "saved_at": now}
    SettingsProfile.objects.bulk_create(
        [SettingsProfile(settings_group=group, **common) for group in groups], ignore_conflicts=True
    )
    rows = SettingsProfile.objects.select_for_update(no_key=True).filter(
        tenant_id=tenant_id, managed_user=managed_user, settings_group__in=groups, variant=""
    )
    by_group = {row.settings_group_id: row for row in rows.order_by("id")}
    return {group: by_group[group.pk] for group in groups}


def _locked_profile(
    *,
    managed_user: ManagedUser,
    settings_group: SettingsGroup,
    variant: str,
    snapshot: Snapshot | None,
    version: int,
    now,
    endpoint: str = "",
    os: str = "",
) -> tuple[SettingsProfile, bool]:
    """Return the profile under a row lock, and whether it was made here, with `snapshot` and `version`.

    Two first uploads at once: one makes the row, the other waits for it and finds it.
    """
    tenant_id = managed_user.tenant_id
    key = (managed_user.pk, settings_group.pk, variant)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO personalization_settingsprofile
                (id, tenant_id, managed_user_id, settings_group_id, variant, snapshot_id, version, saved_at, endpoint,
                 os)
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
            ON CONFLICT (tenant_id, managed_user_id, settings_group_id, variant) DO NOTHING
            """,
            [uuid7(), tenant_id, *key, snapshot.pk if snapshot else None, version, now, endpoint, os],
        )
        is_new = cursor.rowcount == 1
    profile = SettingsProfile.objects.select_for_update(no_key=True).get(
        tenant_id=tenant_id, managed_user_id=key[0], settings_group_id=key[1], variant=variant
    )
    return profile, is_new


def _tell(verb, *, profile, managed_user, settings_group, endpoint, by, **labels):
    return record(
        verb,
        tenant_id=profile.tenant_id,
        by=by,
        subject=managed_user,
        group_id=managed_user.group_id,
        labels={
            "user": str(managed_user),
            "group": settings_group.name,
            "profile": str(profile.pk),
            "version": profile.version,
            "endpoint": endpoint,
            **labels,
        },
    )
