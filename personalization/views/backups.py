"""One user's backups: create, protect, delete, bring back, restore, undo. Each is a dialog that is also a page."""

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.submissions import once
from config.errors import Conflict, Refused
from config.policy import console_view
from config.ui.formats import formats
from config.ui.responses import confirm, dialog, done
from personalization.access import get_backup, get_profile, get_user, proof_of, seen_user
from personalization.actions import backups as actions
from personalization.clock import when
from personalization.forms import BackUpForm, ProtectForm, shown_version
from personalization.history import compare, last_change, profiles_of
from personalization.views.users import address_of, takes_effect


def _named(backup):
    return {
        "group": backup.profile.settings_group.name,
        "user": str(backup.profile.managed_user),
        "at": when(backup.created_at),
    }


def _backup(request, pk, *, deleted=False):
    """Return a backup of a visible user; raise Conflict where it is deleted, or with `deleted` where it is back."""
    backup = get_backup(request.rights, request.tenant.pk, pk, seen=seen_user(request))
    if (backup.deleted_at is not None) == deleted:
        return backup
    if deleted:
        raise Conflict(
            _("The backup of %(at)s is back already.") % _named(backup),
            code="backup-back",
            back=address_of(request, backup.profile),
        )
    raise Conflict(
        _("The backup of %(at)s was deleted. What is deleted can be brought back for 30 days.") % _named(backup),
        code="backup-deleted",
        changes=[(_("Deleted"), None, when(backup.deleted_at))],
        back=address_of(request, backup.profile),
    )


def _carried(request, backup, version):
    """Return the hidden fields of a question about a backup: the version it is about, and that its user was visible."""
    return [("version", version), proof_of(request, backup.profile.managed_user_id)]


@console_view("users.change", methods=("GET", "POST"))
@once
def back_up(request, pk):
    """Back up chosen settings groups of one user."""
    user = get_user(request.rights, request.tenant.pk, pk, seen=seen_user(request))
    profiles = profiles_of(user).filter(snapshot__isnull=False)
    chosen = request.GET.getlist("profile")
    form = BackUpForm(
        request.POST or None, profiles=profiles, initial={"profiles": chosen or [profile.pk for profile in profiles]}
    )
    address = reverse("personalization:user", args=[request.tenant.slug, user.pk])
    if request.method == "POST" and form.is_valid():
        made = actions.create_backups(
            profiles=list(form.cleaned_data["profiles"]), comment=form.cleaned_data["comment"], by=request.actor
        )
        message = ngettext(
            "Created %(count)s backup of %(user)s.", "Created %(count)s backups of %(user)s.", len(made)
        ) % {"count": len(made), "user": user}
        return done(request, address, message=message)
    status = 422 if request.method == "POST" else 200
    return dialog(
        request,
        "personalization/back_up.html",
        {"form": form, "user": user, "address": address, "proof": proof_of(request, user.pk)},
        status=status,
    )


@console_view("users.change", methods=("GET", "POST"))
def restore(request, pk):
    """Ask with what will change, then restore."""
    backup = _backup(request, pk)
    profile = backup.profile
    version = shown_version(request, profile.version)
    address = address_of(request, profile)
    changes = compare(profile.snapshot, backup.snapshot)
    answer = confirm(
        request,
        title=_("Restore %(group)s?") % _named(backup),
        consequence=_(
            "The settings of %(at)s replace the current ones of %(user)s, which are backed up first, so that you can undo "
            "this."
        )
        % _named(backup),
        verb=_("Restore %(group)s") % _named(backup),
        back=address,
        hidden=_carried(request, backup, version),
        danger=False,
        details=[_change_text(changes), *changes.names, takes_effect(profile), *_warnings(profile)],
    )
    if answer:
        return answer
    before = actions.restore_backup(backup=backup, version=version, by=request.actor)
    if before is None:
        return done(request, address, message=_("The settings were the same already; nothing has changed."))
    return done(
        request,
        address,
        message=_("Restored %(group)s of %(user)s to %(at)s.") % _named(backup) + " " + takes_effect(profile),
    )


def _warnings(profile):
    if profile.managed_user.is_logged_on:
        yield _("The person is signed in at %(endpoint)s now: what is open there is not saved yet.") % {
            "endpoint": profile.managed_user.last_endpoint
        }


def _undo_goes(profile, *backups):
    """Yield a line where Undo goes with these backups, or, where none is named, with all unprotected ones."""
    change = last_change(profile)
    if change and change.undo and not actions.is_protected(change.undo) and (not backups or change.undo in backups):
        yield _("The last change cannot be undone afterwards: the state before it is in a backup that is deleted.")


def _change_text(changes):
    if not changes.total:
        return _("The current settings are the same as in this backup.")
    return _("What changes: %(changed)s changed, %(added)s come back, %(removed)s go.") % {
        "changed": formats().integer(changes.changed),
        "added": formats().integer(changes.added),
        "removed": formats().integer(changes.removed),
    }


@console_view("users.change", methods=("POST",))
@once
def undo(request, pk):
    """Undo the last change with one click; a second click gets the answer of the first."""
    backup = _backup(request, pk)
    actions.undo_change(backup=backup, by=request.actor)
    return done(
        request,
        address_of(request, backup.profile),
        message=_("Put back %(group)s of %(user)s as it was at %(at)s.") % _named(backup),
    )


@console_view("users.change", methods=("GET", "POST"))
def protect(request, pk):
    """Protect a backup until a day or for ever."""
    backup = _backup(request, pk)
    version = shown_version(request, backup.version)
    form = ProtectForm(request.POST or None, initial={"version": version})
    address = address_of(request, backup.profile)
    if request.method == "POST" and form.is_valid():
        try:
            actions.protect_backup(backup=backup, until=form.cleaned_data["until"], version=version, by=request.actor)
        except Refused as refused:
            if refused.field is None:
                raise
            form.add_error(refused.field, refused.message)
        else:
            return done(request, address, message=_("The backup of %(at)s is protected.") % _named(backup))
    status = 422 if request.method == "POST" else 200
    return dialog(
        request,
        "personalization/protect.html",
        {"form": form, "address": address, "proof": proof_of(request, backup.profile.managed_user_id)},
        status=status,
    )


@console_view("users.change", methods=("POST",))
def unprotect(request, pk):
    """Remove the protection of a backup."""
    backup = _backup(request, pk)
    actions.unprotect_backup(backup=backup, version=shown_version(request, backup.version), by=request.actor)
    return done(
        request,
        address_of(request, backup.profile),
        message=_("The backup of %(at)s is not protected any more.") % _named(backup),
    )


@console_view("users.change", methods=("GET", "POST"))
def delete(request, pk):
    """Ask, then delete one backup; it can be brought back for 30 days. A protected one is explained, not offered."""
    backup = _backup(request, pk)
    version = shown_version(request, backup.version)
    address = address_of(request, backup.profile)
    if request.method != "POST" and actions.is_protected(backup):
        context = {
            "address": address,
            "protection": actions.protection_text(backup),
            "unprotect_url": reverse("personalization:backup-unprotect", args=[request.tenant.slug, backup.pk]),
            "hidden": _carried(request, backup, version),
            **_named(backup),
        }
        return dialog(request, "personalization/protected.html", context)
    answer = confirm(
        request,
        title=_("Delete the backup of %(at)s?") % _named(backup),
        consequence=_("It leaves the timeline of %(group)s of %(user)s. You can bring it back for 30 days.")
        % _named(backup),
        verb=_("Delete backup"),
        back=address,
        hidden=_carried(request, backup, version),
        details=_undo_goes(backup.profile, backup),
    )
    if answer:
        return answer
    actions.delete_backup(backup=backup, version=version, by=request.actor)
    return done(
        request,
        address,
        message=_("Deleted the backup of %(at)s. It can be brought back for 30 days.") % _named(backup),
    )


@console_view("users.change", methods=("POST",))
def bring_back(request, pk):
    """Take back the deletion of a backup."""
    backup = _backup(request, pk, deleted=True)
    actions.bring_back_backup(backup=backup, version=shown_version(request, backup.version), by=request.actor)
    return done(
        request, address_of(request, backup.profile), message=_("The backup of %(at)s is back.") % _named(backup)
    )


@console_view("users.change", methods=("GET", "POST"))
def delete_unprotected(request, pk, profile):
    """Ask with the count, then delete all unprotected backups of one settings group."""
    row = get_profile(request.rights, request.tenant.pk, pk, profile, seen=seen_user(request))
    count = actions.unprotected_count(row)
    confirmed = shown_version(request, count)
    address = address_of(request, row)
    named = {"group": row.settings_group.name, "user": str(row.managed_user), "count": formats().integer(count)}
    answer = confirm(
        request,
        title=_("Delete the unprotected backups of %(group)s?") % named,
        consequence=ngettext(
            "%(count)s backup of %(user)s is deleted. It can be brought back for 30 days. Protected ones stay.",
            "%(count)s backups of %(user)s are deleted. They can be brought back for 30 days. Protected ones stay.",
            count,
        )
        % named,
        verb=ngettext("Delete %(count)s backup", "Delete %(count)s backups", count) % named,
        back=address,
        hidden=[("version", confirmed), proof_of(request, row.managed_user_id)],
        details=_undo_goes(row),
    )
    if answer:
        return answer
    deleted = actions.delete_unprotected_backups(profile=row, expected=confirmed, by=request.actor)
    return done(
        request,
        address,
        message=ngettext("Deleted %(count)s backup.", "Deleted %(count)s backups.", deleted)
        % {"count": formats().integer(deleted)},
    )
