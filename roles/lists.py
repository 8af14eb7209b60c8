"""The list of User Roles."""

from django.db.models import Q
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext_lazy

from config.identifiers import text_key
from config.ui.cells import macro
from config.ui.lists import BulkAction, Column, Listing, RowAction
from roles.catalogue import SCOPED_ROLES, Role
from roles.forms import EntryFilter

SHOWN_GROUPS = 5
TONES = {Role.PRIMARY_ADMIN: "waiting", Role.ADMIN: "info", Role.SUPPORT_DESK: "off"}


def kind_label(kind):
    """Return icon and word of a kind of subject."""
    icon, word = ("user-group", _("Group")) if kind == "group" else ("user", _("Person"))
    return format_html('<span class="kind">{}{}</span>', macro("icon", icon), word)


def role_badge(role):
    """Return the badge of a role."""
    return macro("badge", str(Role(role).label), TONES[role])


def _subject(name, row):
    """The name, what tells it apart from namesakes, and whether it is still there."""
    detail = row.detail or (_("Local group") if row.kind == "group" else "")
    if not row.is_present:
        gone = _("Unresolved: %(uid)s") % {"uid": row.uid} if row.uid else _("Has left")
        mark = format_html(
            '<span class="status is-warning">{}{}</span>', macro("icon", "solid-exclamation-triangle"), gone
        )
        return format_html('<span class="subject">{}<small title="{}">{}</small>{}</span>', name, detail, detail, mark)
    return format_html('<span class="subject">{}<small title="{}">{}</small></span>', name, detail, detail)


def _groups(names, row):
    if row.role not in SCOPED_ROLES:
        return format_html('<span class="none">{}</span>', _("All groups"))
    shown = format_html_join("", '<span class="tag">{}</span>', ((name,) for name in names[:SHOWN_GROUPS]))
    rest = names[SHOWN_GROUPS:]
    if not rest:
        return format_html('<span class="tags">{}</span>', shown)
    more = _("%(count)s more") % {"count": len(rest)}
    return format_html(
        '<span class="tags">{}<span class="tag" title="{}">{}</span></span>', shown, ", ".join(rest), more
    )


class EntryList(Listing):
    """Entries by name; leading characters filter people and groups alike (AC-URL-1)."""

    name = "user-roles"
    caption = gettext_lazy("User Roles")
    counted = ngettext_lazy("%(shown)s entry", "%(shown)s entries", "count")
    columns = (
        Column("name", gettext_lazy("Name"), fields=("subject_name",), sort=("subject_key",), cell=_subject),
        Column("kind", gettext_lazy("Kind"), cell=lambda value, row: kind_label(value)),
        Column("role", gettext_lazy("Role"), sort=True, cell=lambda value, row: role_badge(value)),
        Column("groups", gettext_lazy("Assigned groups"), fields=("group_names",), cell=_groups),
        Column("since", gettext_lazy("Since"), kind="time", fields=("granted_at",), sort=True),
    )
    fields = ("detail", "uid", "is_present")
    default_sort = "name"
    form_class = EntryFilter
    row_url = "roles:entry"
    row_label = "subject_name"
    row_actions = (
        RowAction("edit", gettext_lazy("Edit"), "roles:entry", icon="pencil-square", permission="userroles.change"),
        RowAction(
            "remove",
            gettext_lazy("Delete"),
            "roles:entry-remove",
            icon="trash",
            danger=True,
            permission="userroles.change",
        ),
    )
    bulk_actions = (
        BulkAction("edit", gettext_lazy("Edit"), "roles:entries-edit", "pencil-square", permission="userroles.change"),
        BulkAction(
            "remove",
            gettext_lazy("Delete"),
            "roles:entries-remove",
            "trash",
            danger=True,
            permission="userroles.change",
        ),
    )
    empty_title = gettext_lazy("Nobody has a role yet")
    empty_text = gettext_lazy("Add a person or a group and say what they may do.")
    empty_icon = "key"

    def filter(self, queryset, cleaned):
        """Return the entries whose name begins with the text, of the chosen kind and role."""
        wanted = Q()
        if key := text_key(cleaned["q"]):
            wanted &= Q(subject_key__prefix=key)
        if cleaned["kind"]:
            wanted &= Q(group__isnull=cleaned["kind"] == "person")
        if cleaned["role"]:
            wanted &= Q(role=cleaned["role"])
        return queryset.filter(wanted)
