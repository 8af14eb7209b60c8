"""The list, and changing or removing what is in it."""

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from config.errors import Refused
from config.policy import console_view
from config.ui.lists import list_page
from config.ui.responses import ask_to_give_up, confirm, dialog, done, gives_up
from config.ui.selection import read_selection, read_versions, write_versions
from roles.access import get_entry, listed_entries, lone_primary_group, visible_entries
from roles.actions import remove_entries, set_entries, set_entry
from roles.catalogue import Role
from roles.forms import EditForm, EntryForm
from roles.grants import granted_ids, scope_objects
from roles.lists import EntryList

CHANGED = EntryList.name
READ, WRITE = "userroles.view", "userroles.change"
VERSIONS = "versions"  # hidden field: "id:version,id:version" of the entries as the page showed them


def list_url(request):
    """Return the address of the list."""
    return reverse("roles:entry-list", args=[request.tenant.slug])


@console_view(READ)
def entry_list(request):
    """List who has which role in which groups."""
    context = {"lone_group": lone_primary_group(request.tenant.pk)}
    return list_page(
        request, EntryList, listed_entries(request.rights, request.tenant.pk), "roles/entry_list.html", context
    )


@console_view(WRITE, methods=("GET", "POST"))
def entry_edit(request, pk):
    """Show an entry with its role and groups, and change them."""
    entry = get_entry(request.rights, request.tenant.pk, pk)
    subject = entry.subject
    scopes = list(scope_objects(request.tenant.pk))
    initial = {"role": entry.role, "groups": [str(pk) for pk in granted_ids(subject)], "version": entry.version}
    form = EditForm(request.POST or None, scopes=scopes, initial=initial)
    if request.method == "POST" and form.is_valid():
        cleaned = form.cleaned_data
        giving_up = gives_up(request)
        try:
            set_entry(
                tenant_id=request.tenant.pk,
                subject=subject,
                role=cleaned["role"],
                groups=cleaned["groups"],
                version=cleaned["version"],
                giving_up=giving_up,
                by=request.actor,
            )
        except Refused as error:
            if error.code == "own-rights":
                return _ask_again(request)
            if error.status != 422:
                raise
            form.refuse(error)
        else:
            message = _("%(name)s is now %(role)s.") % {"name": subject.name, "role": Role(cleaned["role"]).label}
            return _finish(request, message, gave_up=giving_up)
    context = {"entry": entry, "subject": subject, "form": form, "is_group": entry.group_id is not None}
    return dialog(request, "roles/entry_edit.html", context, status=422 if form.errors else 200)


@console_view(WRITE, methods=("GET", "POST"))
def entry_remove(request, pk):
    """Ask, then remove one entry."""
    entry = get_entry(request.rights, request.tenant.pk, pk)
    return _remove(request, [entry], hidden=())


@console_view(WRITE, methods=("POST",))
def entries_remove(request):
    """Ask, then remove the selected entries."""
    selection = read_selection(request, EntryList, visible_entries(request.rights, request.tenant.pk))
    return _remove(request, list(selection.queryset.order_by("subject_key", "pk")), hidden=selection.hidden)


@console_view(WRITE, methods=("POST",))
def entries_edit(request):
    """Ask for one role and its groups, then give them to all selected entries."""
    selection = read_selection(request, EntryList, visible_entries(request.rights, request.tenant.pk))
    entries = list(selection.queryset.order_by("subject_key", "pk"))
    sent = "apply" in request.POST
    form = EntryForm(request.POST if sent else None, scopes=list(scope_objects(request.tenant.pk)))
    versions = read_versions(request.POST.get(VERSIONS, "")) if sent else _versions(entries)
    if sent and form.is_valid():
        cleaned = form.cleaned_data
        giving_up = gives_up(request)
        try:
            changed = set_entries(
                entries=entries,
                role=cleaned["role"],
                groups=cleaned["groups"],
                versions=versions,
                giving_up=giving_up,
                by=request.actor,
            )
        except Refused as error:
            if error.code == "own-rights":
                return _ask_again(request)
            if error.status != 422:
                raise
            form.refuse(error)
        else:
            message = ngettext("%(count)s entry was changed.", "%(count)s entries were changed.", changed)
            return _finish(request, message % {"count": changed}, gave_up=giving_up)
    context = {"entries": entries, "hidden": [*selection.hidden, ("apply", "1"), _field(versions)], "form": form}
    return dialog(request, "roles/entries_edit.html", context, status=422 if form.errors else 200)


def _versions(entries):
    return {entry.pk: entry.version for entry in entries}


def _field(versions):
    return VERSIONS, write_versions(versions)


def _remove(request, entries, *, hidden):
    count = len(entries)
    names = {"count": count, "name": entries[0].subject_name}
    versions = read_versions(request.POST.get(VERSIONS, "")) if "confirmed" in request.POST else _versions(entries)
    answer = confirm(
        request,
        title=ngettext("Delete the entry of %(name)s?", "Delete %(count)s entries?", count) % names,
        consequence=ngettext(
            "The rights that come from this entry end with the next click of whoever has them. This cannot be undone.",
            "The rights that come from these entries end with the next click of whoever has them. "
            "This cannot be undone.",
            count,
        ),
        verb=ngettext("Delete entry", "Delete %(count)s entries", count) % names,
        details=[f"{entry.subject_name}: {Role(entry.role).label}" for entry in entries],
        hidden=(*hidden, _field(versions)),
        back=list_url(request),
    )
    if answer:
        return answer
    giving_up = gives_up(request)
    try:
        removed = remove_entries(entries=entries, versions=versions, giving_up=giving_up, by=request.actor)
    except Refused as error:
        if error.code == "own-rights":
            return _ask_again(request)
        raise
    message = ngettext("%(name)s was removed from User Roles.", "%(count)s entries were removed.", removed)
    return _finish(request, message % names, gave_up=giving_up)


def _ask_again(request):
    return ask_to_give_up(
        request,
        title=_("Give up your own role?"),
        warning=_("This takes the role of Primary Administrator from yourself"),
        text=_(
            "You will not be able to open User Roles any more. "
            "Only another Primary Administrator can give the role back."
        ),
        verb=_("Give up my role"),
        back=list_url(request),
    )


def _finish(request, message, *, gave_up):
    """Go back to the list; who has just given up the right to see it goes home."""
    if gave_up:
        return done(request, reverse("personalization:home", args=[request.tenant.slug]), message=message)
    return done(request, list_url(request), message=message, changed=CHANGED)
