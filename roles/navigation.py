"""The sidebar: a registry in code (decision 33), shown by permission; addresses are always checked again."""

from dataclasses import dataclass

from django.urls import reverse
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the sidebar."""

    section: object
    label: object
    url_name: str
    icon: str
    permission: str


ENTRIES = (
    Entry(_("Personalization"), _("Home"), "personalization:home", "home", "account.own"),
    Entry(_("Personalization"), _("Users"), "personalization:user-list", "users", "users.view"),
    Entry(_("Personalization"), _("Tasks"), "personalization:task-list", "queue-list", "tasks.view"),
    Entry(_("Personalization"), _("Summary"), "personalization:summary", "chart-bar", "summary.view"),
    Entry(_("Access"), _("User Roles"), "roles:entry-list", "key", "userroles.view"),
    Entry(_("Audit"), _("Audit"), "audit:event-list", "clipboard-document-list", "audit.view"),
)


def navigation(request, rights):
    """Return the sections a person may open: [{"label", "items": [{"label", "url", "icon", "current"}]}]."""
    if not request.tenant or not rights.is_member:
        return []
    sections = {}
    for entry in ENTRIES:
        if rights.may(entry.permission):
            url = reverse(entry.url_name, args=[request.tenant.slug])
            home = entry.url_name == "personalization:home"
            current = request.path == url if home else request.path.startswith(url)
            item = {"label": entry.label, "url": url, "icon": entry.icon, "current": current}
            sections.setdefault(str(entry.section), {"label": entry.section, "items": []})["items"].append(item)
    return list(sections.values())
