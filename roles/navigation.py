"""The sidebar: a registry in code (decision 33), shown by permission; addresses are always checked again."""

from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from config.ui.addresses import address_of


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the sidebar. `area`: name of the address under which all its pages lie, where it is not its own.
    `outside`: the page belongs to the account and has no tenant in its address."""

    section: object
    label: object
    url_name: str
    icon: str
    permission: str
    area: str = ""
    outside: bool = False


ENTRIES = (
    Entry(_("Personalization"), _("Home"), "personalization:home", "home", "account.own"),
    Entry(_("Personalization"), _("Users"), "personalization:user-list", "users", "users.view"),
    Entry(_("Personalization"), _("Tasks"), "personalization:task-list", "queue-list", "tasks.view"),
    Entry(_("Personalization"), _("Summary"), "personalization:summary", "chart-bar", "summary.view"),
    Entry(_("Licensing"), _("License Groups"), "licensing:group-list", "ticket", "licensing.view", "licensing:start"),
    Entry(_("Licensing"), _("My License"), "licensing:own-list", "identification", "licensing.own"),
    Entry(_("Licensing"), _("My Persona"), "persona:panel-list", "squares-2x2", "persona.own", outside=True),
    Entry(_("Access"), _("User Roles"), "roles:entry-list", "key", "userroles.view"),
    Entry(_("Audit"), _("Audit"), "audit:event-list", "clipboard-document-list", "audit.view"),
)


def navigation(request, rights):
    """Return the sections a person may open: [{"label", "items": [{"label", "url", "icon", "current"}]}]."""
    if not request.tenant or not rights.is_member:
        return []
    sections, lines, slug = {}, [], request.tenant.slug
    for entry in ENTRIES:
        if rights.may(entry.permission):
            url = address_of(entry.url_name, None if entry.outside else slug)
            area = address_of(entry.area, slug) if entry.area else url
            home = entry.url_name == "personalization:home"
            item = {"label": entry.label, "url": url, "icon": entry.icon, "current": False}
            if request.path == url or not home and request.path.startswith(area):
                lines.append((len(area), item))
            sections.setdefault(str(entry.section), {"label": entry.section, "items": []})["items"].append(item)
    if lines:  # an area may lie inside another: the inner one is where the person is
        max(lines, key=lambda line: line[0])[1]["current"] = True
    return list(sections.values())


def account_navigation(request, home, *, has_place, is_operator):
    """Return the same for pages of an account outside every tenant: what it may open there, and the way back.

    `home`: (name, slug) of the organisation that the session belongs to, or None.
    """
    lines = [
        (_("My Persona"), "persona:panel-list", "squares-2x2", has_place),
        (_("License groups (operator)"), "operator:license-group-list", "ticket", is_operator),
        (_("Organisations"), "accounts:start", "building-office-2", True),
    ]
    items = []
    for label, url_name, icon, is_open in lines:
        url = address_of(url_name)
        current = url != "/" and request.path.startswith(url)
        if is_open:
            items.append({"label": label, "url": url, "icon": icon, "current": current})
    if home:
        name, slug = home
        back = {"label": name, "url": address_of("personalization:home", slug), "icon": "arrow-left"}
        items.append(back | {"current": False})
    return [{"label": _("Account"), "items": items}]
