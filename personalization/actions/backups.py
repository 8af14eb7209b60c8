"""Verbs on one user's backups: create, protect, delete, bring back, restore, undo (spec 4.3). Each runs at once, each
leaves exactly one event (AC-SBK-7), each change of current settings can be undone."""

import datetime

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit.actions import record
from audit.models import Event
from config.errors import Conflict, Refused
from config.names import check_name
from personalization import moves
from personalization.clock import when
from personalization.history import last_change
from personalization.models import Backup, Origin, SettingsProfile

FOR_EVER = datetime.datetime.max.replace(tzinfo=datetime.UTC)
BRING_BACK_DAYS = 30


def _allow(by, managed_user):
    if by.rights is not None and not (by.rights.is_primary or managed_user.group_id in by.rights.groups):
        raise PermissionDenied("users.change")


def _tell(verb, *, profile, by, backup=None, **labels):
    user, group = profile.managed_user, profile.settings_group
    return record(
        verb,
        tenant_id=profile.tenant_id,
        by=by,
        subject=user,
        group_id=user.group_id,
        labels={
            "user": str(user),
            "group": group.name,
            "profile": str(profile.pk),
            **({"backup": str(backup.pk), "at": _iso(backup.created_at)} if backup else {}),
            **labels,
        },
    )


def _locked_profile(profile, version=None):
    """Return the profile under a row lock; 409 with what changed where the page showed another version."""
    row = (
        SettingsProfile.objects.select_for_update(of=("self",))
        .select_related("managed_user", "settings_group", "snapshot")
        .get(tenant_id=profile.tenant_id, pk=profile.pk)
    )
    if version is not None and row.version != version:
        raise Conflict(
            _("The settings of %(group)s changed after this page was opened. Look at the new state before you go on.")
            % {"group": row.settings_group.name},
            code="stale-profile",
            changes=[(_("Version"), version, row.version), (_("Last change"), None, _last_change(row))],
        )
    return row


def _last_change(profile):
    """Return who made the current version of a profile, how and when, as a sentence."""
    change = last_change(profile)
    if change is None:
        words = {"endpoint": profile.endpoint or "–", "time": when(profile.saved_at)}
        return _("Saved by %(endpoint)s at %(time)s") % words
    words = {"actor": change.actor, "time": when(change.at)}
    if change.task:
        return _("Changed by task %(task)s of %(actor)s at %(time)s") % {**words, "task": str(change.task)}
    return _MADE_BY.get(change.verb, gettext_lazy("Changed by %(actor)s at %(time)s")) % words


_MADE_BY = {
    "backup.restored": gettext_lazy("Restored by %(actor)s at %(time)s"),
    "change.undone": gettext_lazy("Undone by %(actor)s at %(time)s"),
}
_PROTECTION = {
    "backup.protected": gettext_lazy("Protected by %(actor)s at %(time)s"),
    "backup.unprotected": gettext_lazy("Protection removed by %(actor)s at %(time)s"),
    "backup.brought-back": gettext_lazy("Brought back by %(actor)s at %(time)s"),
    "backup.deleted": gettext_lazy("Deleted by %(actor)s at %(time)s"),
}


def _events(profile, *verbs):
    return Event.objects.filter(
        tenant_id=profile.tenant_id, subject_id=profile.managed_user_id, verb__in=verbs
    ).order_by("-id")


def _last_event(backup):
    """Return who protected, deleted … a backup last, and when, as a line of a conflict; none where no event tells it."""
    if event := _events(backup.profile, *_PROTECTION).filter(labels__backup=str(backup.pk)).first():
        words = {"actor": event.labels.get("actor", "…"), "time": when(event.at)}
        yield _("Last change"), None, _PROTECTION[event.verb] % words


def _locked_backup(backup, version=None, *, deleted=False):
    row = (
        Backup.objects.select_for_update(of=("self",))
        .select_related("profile__managed_user", "profile__settings_group", "snapshot")
        .get(tenant_id=backup.tenant_id, pk=backup.pk)
    )
    if (row.deleted_at is not None) != deleted:
        raise Conflict(
            _("Somebody has deleted this backup in the meantime.")
            if not deleted
            else _("This backup has been brought back already."),
            code="stale-backup",
            changes=_last_event(row),
        )
    if version is not None and row.version != version:
        raise Conflict(
            _("This backup was changed after this page was opened."),
            code="stale-backup",
            changes=[(_("Protection"), None, protection_text(row)), *_last_event(row)],
        )
    return row


def protection_text(backup):
    """Return until when a backup is protected, in words."""
    until = backup.protected_until
    if until is None or until <= timezone.now():
        return _("not protected")
    if until.year >= FOR_EVER.year:
        return _("protected for ever")
    return _("protected until %(day)s") % {"day": date_format(timezone.localtime(until), "DATE_FORMAT")}


def _protection(backup):
    """Return the same as a code for labels of events (see `personalization.events`)."""
    until = backup.protected_until
    if until is None or until <= timezone.now():
        return "not protected"
    return "protected for ever" if until.year >= FOR_EVER.year else f"protected until {_iso(until)}"


def _iso(time):
    return time.astimezone(datetime.UTC).isoformat(timespec="seconds")


def is_protected(backup, now=None):
    """Say whether a backup is protected at this moment."""
    return backup.protected_until is not None and backup.protected_until > (now or timezone.now())


@transaction.atomic
def create_backups(*, profiles, name="", comment="", by):
    """Back up the current settings of one user's profiles; return the new Backup rows, one per profile with settings.

    Refused (422) where none of them has any. One event for each.
    """
    profiles = {profile.pk: profile for profile in profiles}
    for profile in profiles.values():
        _allow(by, profile.managed_user)
    tenant_id = next(iter(profiles.values())).tenant_id
    made = moves.back_up(
        tenant_id=tenant_id,
        profile_ids=sorted(profiles),
        origin=Origin.MANUAL,
        created_by=by.name,
        name=check_name(name),
        comment=comment,
    )
    if not made:
        raise Refused(_("There are no current settings to back up."), code="nothing-to-back-up")
    rows = Backup.objects.in_bulk([row.backup_id for row in made])
    for row in rows.values():
        _tell("backup.created", profile=profiles[row.profile_id], backup=row, by=by, comment=comment)
    return list(rows.values())


@transaction.atomic
def protect_backup(*, backup, until=None, version=None, by):
    """Protect a backup until a time, or for ever. Meanwhile clean-ups and tasks leave it alone, except a task that is
    told to delete protected backups too (AC-MBK-2)."""
    row = _locked_backup(backup, version)
    _allow(by, row.profile.managed_user)
    if until is not None and until <= timezone.now():
        raise Refused(_("Choose a day in the future."), field="until", code="past")
    before = _protection(row)
    row.protected_until, row.version = until or FOR_EVER, row.version + 1
    row.save(update_fields=["protected_until", "version"])
    _tell("backup.protected", profile=row.profile, backup=row, by=by, before=before, after=_protection(row))
    return row


@transaction.atomic
def unprotect_backup(*, backup, version=None, by):
    """Remove the protection of a backup."""
    row = _locked_backup(backup, version)
    _allow(by, row.profile.managed_user)
    before = _protection(row)
    row.protected_until, row.version = None, row.version + 1
    row.save(update_fields=["protected_until", "version"])
    _tell("backup.unprotected", profile=row.profile, backup=row, by=by, before=before)
    return row


@transaction.atomic
def delete_backup(*, backup, version=None, by):
    """Delete a backup; it can be brought back for 30 days. A protected one is refused: remove protection first
    (AC-SBK-2)."""
    row = _locked_backup(backup, version)
    _allow(by, row.profile.managed_user)
    if is_protected(row):
        raise Refused(_("This backup is protected. Remove the protection first."), code="protected")
    moves.delete_backups(tenant_id=row.tenant_id, backup_ids=[row.pk])
    _tell("backup.deleted", profile=row.profile, backup=row, by=by)
    return row


def _unprotected(profile):
    rows = Backup.objects.filter(tenant_id=profile.tenant_id, profile_id=profile.pk, deleted_at=None)
    return list(rows.exclude(protected_until__gt=timezone.now()).values_list("pk", flat=True))


def unprotected_count(profile):
    """Return how many backups `delete_unprotected_backups` would delete now."""
    return len(_unprotected(profile))


@transaction.atomic
def delete_unprotected_backups(*, profile, expected=None, by):
    """Delete all unprotected backups of one profile (AC-SBK-1); return how many. `expected` is the count that was
    confirmed: another one is answered with 409."""
    row = _locked_profile(profile)
    _allow(by, row.managed_user)
    unprotected = _unprotected(row)
    if expected is not None and expected != len(unprotected):
        raise Conflict(
            _("The number of unprotected backups has changed."),
            code="stale-count",
            changes=[(_("Unprotected backups"), expected, len(unprotected))],
        )
    if not unprotected:
        raise Refused(_("There is no unprotected backup."), code="nothing-to-delete")
    deleted = moves.delete_backups(tenant_id=row.tenant_id, backup_ids=unprotected)
    _tell("backups.deleted", profile=row, by=by, count=len(deleted))
    return len(deleted)


@transaction.atomic
def bring_back_backup(*, backup, version=None, by):
    """Take back the deletion of a backup, within 30 days."""
    row = _locked_backup(backup, version, deleted=True)
    _allow(by, row.profile.managed_user)
    if row.deleted_at < timezone.now() - datetime.timedelta(days=BRING_BACK_DAYS):
        raise Refused(_("A backup can be brought back for 30 days after it was deleted."), code="too-late")
    moves.bring_back(tenant_id=row.tenant_id, backup_ids=[row.pk])
    _tell("backup.brought-back", profile=row.profile, backup=row, by=by)
    row.refresh_from_db()
    return row


@transaction.atomic
def restore_backup(*, backup, version=None, by):
    """Make the profile's settings equal to the backup's (AC-SBK-4); what they replace becomes a `before-change` backup.

    `version` is that of the profile as the page showed it. Returns the before-change Backup, or None where the settings
    are equal already.
    """
    profile = _locked_profile(backup.profile, version)
    row = _locked_backup(backup)
    _allow(by, profile.managed_user)
    restored = moves.restore(tenant_id=row.tenant_id, pairs=[(profile.pk, row.pk)], created_by=by.name)
    before = Backup.objects.get(tenant_id=row.tenant_id, pk=restored[0].before_backup_id) if restored else None
    _tell(
        "backup.restored",
        profile=profile,
        backup=row,
        by=by,
        before_backup=str(before.pk) if before else "",
        changed=bool(restored),
    )
    return before


@transaction.atomic
def undo_change(*, backup, by):
    """Put back what a change replaced, while the version it made is current (decision 14).

    `backup` is the `before-change` backup of that change. Returns the new before-change Backup, so that an undo can be
    undone. Raises Conflict where the settings changed since.
    """
    row = _locked_backup(backup)
    profile = _locked_profile(row.profile)
    _allow(by, profile.managed_user)
    if row.origin != Origin.BEFORE_CHANGE or row.made_version != profile.version:
        raise Conflict(
            _("The settings changed after that change, so it cannot be undone. Restore a backup instead."),
            code="stale-undo",
            changes=[
                (_("Version"), row.made_version or "–", profile.version),
                (_("Last change"), None, _last_change(profile)),
            ],
        )
    undone = moves.undo_change(tenant_id=row.tenant_id, before_backup_ids=[row.pk], created_by=by.name)
    before = Backup.objects.get(tenant_id=row.tenant_id, pk=undone[0].before_backup_id) if undone else None
    _tell("change.undone", profile=profile, backup=row, by=by, before_backup=str(before.pk) if before else "")
    return before
