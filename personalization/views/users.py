"""Managed users: the list, one user, one settings group of a user."""

from uuid import UUID

from django.core.exceptions import BadRequest
from django.http import Http404
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.submissions import hidden
from config.policy import console_view
from config.ui.formats import formats
from config.ui.lists import list_page
from config.ui.responses import page
from personalization.access import get_backup, get_profile, get_user, proof_of, visible_users
from personalization.actions.backups import protection_text
from personalization.clock import when
from personalization.history import last_change, newest_backups, profiles_of, timeline, with_data
from personalization.lists import ManagedUserList


@console_view("users.view")
def user_list(request):
    """List the users of the person's groups."""
    users = with_data(visible_users(request.rights, request.tenant.pk))
    return list_page(request, ManagedUserList, users, "personalization/user_list.html")


@console_view("users.view")
def user(request, pk):
    """Show one user's settings groups with size and last save, and the newest backups of all of them."""
    row = get_user(request.rights, request.tenant.pk, pk)
    profiles = list(profiles_of(row))
    stored = [profile for profile in profiles if profile.snapshot]
    largest = sorted(stored, key=lambda profile: -profile.snapshot.size)[:8]
    return page(
        request,
        "personalization/user.html",
        {
            "user": row,
            "proof": proof_of(request, row.pk),
            "submission": hidden(request),
            "profiles": profiles,
            "stored": stored,
            "newest": newest_backups(row, profiles),
            "sizes": [(profile.settings_group.name, profile.snapshot.size, None) for profile in largest],
            "size_words": [formats().size(profile.snapshot.size) for profile in largest],
        },
    )


def address_of(request, profile):
    """Return the address of a profile's timeline."""
    return reverse("personalization:profile", args=[request.tenant.slug, profile.managed_user_id, profile.pk])


@console_view("users.view")
def profile(request, pk, profile):
    """Show the timeline of one settings group of one user."""
    row = get_profile(request.rights, request.tenant.pk, pk, profile)
    before = request.GET.get("before")
    if before:
        try:
            before = get_backup(request.rights, request.tenant.pk, UUID(before))
        except ValueError as error:
            raise BadRequest("no such page") from error
        if before.profile_id != row.pk:
            raise Http404
    moments, older, deleted = timeline(row, before=before or None)
    change = last_change(row)
    return page(
        request,
        "personalization/profile.html",
        {
            "profile": row,
            "user": row.managed_user,
            "moments": moments,
            "older_url": f"{request.path}?before={older.pk}" if older else None,
            "is_first_page": not before,
            "deleted": deleted,
            "change": change,
            "change_text": _change_text(change) if change else "",
            "protection_text": protection_text,
            "takes_effect": takes_effect(row),
            "proof": proof_of(request, row.managed_user_id),
            "submission": hidden(request),
        },
    )


def _change_text(change):
    """Return what was done last to the current settings and by whom, as a sentence without the time."""
    words = {"actor": change.actor}
    if change.task:
        return _("Changed by task %(task)s of %(actor)s") % {**words, "task": str(change.task)}
    if change.source_at:
        words["at"] = when(change.source_at)
        if change.verb == "backup.restored":
            return _("Restored by %(actor)s from the backup of %(at)s") % words
        if change.verb == "change.undone":
            return _("Put back by %(actor)s as it was at %(at)s") % words
    return _("Changed by %(actor)s") % words


def takes_effect(profile):
    """Return when a change of this profile reaches the person's desktop, as a sentence to say on the phone."""
    group = profile.settings_group
    if group.kind == group.Kind.WINDOWS:
        return _("It takes effect at the next sign-in to Windows: ask the person to sign out and in again.")
    programs = ", ".join(group.programs) or group.name
    return _("It takes effect when %(programs)s starts next: ask the person to close it first.") % {
        "programs": programs
    }
