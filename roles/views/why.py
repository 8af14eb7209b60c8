"""Why can X do Y? Every source of every right of one person (UM-33)."""

from uuid import UUID

from django.http import Http404
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Source
from config.policy import console_view
from config.ui.responses import page
from roles.access import beginning_with, get_person, visible_entries, visible_people
from roles.catalogue import GROUP_PERMISSIONS, PERMISSION_TEXTS, SCOPED_ROLES, LicenseRole, Role
from roles.forms import QuestionForm
from roles.grants import scope_objects
from roles.lists import role_badge
from roles.rights import authorize, closed_gate, grants_of, rights_of

MOST_PEOPLE = 20


@console_view("userroles.view")
def why(request):
    """Find a person, show all sources of their rights, and answer a question about one permission."""
    text = request.GET.get("q", "").strip()[:100]
    context = {"text": text, "people": [], "person": None, "more_people": False}
    if text:
        people = beginning_with(visible_people(request.rights, request.tenant.pk), text).order_by("name_key", "pk")
        found = list(people[: MOST_PEOPLE + 1])
        context |= {"people": found[:MOST_PEOPLE], "more_people": len(found) > MOST_PEOPLE}
    if "person" in request.GET:
        context |= _explained(request, _person(request))
    return page(request, "roles/why.html", context)


def _person(request):
    try:
        pk = UUID(request.GET["person"])
    except ValueError:
        raise Http404 from None
    return get_person(request.rights, request.tenant.pk, pk)


def _explained(request, person):
    scopes = list(scope_objects(request.tenant.pk))
    names = {scope.pk: scope.name for scope in scopes}
    asked = request.GET if "permission" in request.GET else None
    form = QuestionForm(asked, scopes=scopes)
    held = grants_of(person)
    grants = [grant for grant in held if grant.role in Role.values]
    keys = {grant.entry_id for grant in grants}
    rows = visible_entries(request.rights, request.tenant.pk).select_related("group").filter(pk__in=keys)
    entries = {entry.pk: entry for entry in rows}
    context = {
        "person": person,
        "gate": GATES.get(closed_gate(person)),
        "badge": role_badge(rights_of(person).role) if rights_of(person).role else None,
        "sources": _sources(grants, entries, names),
        "by_group": _by_group(grants, scopes),
        "places": _places(held),
        "form": form,
        "decision": None,
    }
    if asked is not None and form.is_valid():
        permission, group = form.cleaned_data["permission"], form.cleaned_data["group"]
        if permission not in GROUP_PERMISSIONS:
            group = None
        decision = authorize(person, permission, group)
        shown = {"name": person.name, "what": PERMISSION_TEXTS[permission], "group": names.get(group)}
        context |= {
            "decision": decision,
            "answer": _answer(decision, shown),
            "reason": REASONS[decision.reason],
            "because": _sources([one for one in decision.sources if one.role in Role.values], entries, names),
            "because_places": _places(decision.sources),
        }
    return context


def _sources(grants, entries, names):
    """Return one dict per entry: the group it comes through, role, personalization groups, and the entry itself."""
    found = {}
    for grant in grants:
        entry = entries.get(grant.entry_id)
        source = found.setdefault(
            grant.entry_id,
            {
                "via": grant.via,
                "is_directory": bool(entry and entry.group and entry.group.source == Source.DIRECTORY),
                "badge": role_badge(grant.role),
                "entry": entry,
                "groups": [],
            },
        )
        if grant.group_id:
            source["groups"].append(names.get(grant.group_id, "–"))
    for source in found.values():
        source["groups"].sort(key=str.casefold)
    return sorted(found.values(), key=lambda source: (source["via"] != "", source["via"].casefold()))


def _places(grants):
    """Return (license group, its roles in words) where the person has a place: Admins of the group give those."""
    found = {}
    for grant in grants:
        if grant.role in LicenseRole.values:
            found.setdefault((grant.via, grant.group_id), []).append(str(LicenseRole(grant.role).label))
    return [(name, ", ".join(sorted(roles))) for (name, _pk), roles in sorted(found.items(), key=str)]


def _by_group(grants, scopes):
    """Return (group's name, badge of the strongest role there, [(source, its entry)]) for every covered group."""
    primary = [grant for grant in grants if grant.role == Role.PRIMARY_ADMIN]
    rows = []
    for scope in scopes:
        here = primary + [grant for grant in grants if grant.group_id == scope.pk]
        if here:
            strongest = next(role for role in (Role.PRIMARY_ADMIN, *SCOPED_ROLES) if any(g.role == role for g in here))
            ways = {g.entry_id: g.via or _("Own entry") for g in here if g.role == strongest}
            rows.append((scope.name, role_badge(strongest), [(label, pk) for pk, label in ways.items()]))
    return rows


def _answer(decision, shown):
    if decision.allowed and shown["group"]:
        return _("Yes, %(name)s may %(what)s in %(group)s.") % shown
    if decision.allowed:
        return _("Yes, %(name)s may %(what)s.") % shown
    if shown["group"]:
        return _("No, %(name)s may not %(what)s in %(group)s.") % shown
    return _("No, %(name)s may not %(what)s.") % shown


GATES = {
    "account-disabled": gettext_lazy("The account is disabled: none of the rights below counts."),
    "account-locked": gettext_lazy("The account is locked: none of the rights below counts until it is unlocked."),
    "left": gettext_lazy("This person has left the organisation: none of the rights below counts."),
}
REASONS = {
    "account-disabled": gettext_lazy("The account is disabled."),
    "account-locked": gettext_lazy("The account is locked."),
    "left": gettext_lazy("The person has left the organisation."),
    "tenant-suspended": gettext_lazy("The organisation is suspended."),
    "signed-in": gettext_lazy("Everybody who may sign in here may do this."),
    "granted": gettext_lazy("Each of these sources alone is enough:"),
    "no-entry": gettext_lazy("Neither an own entry nor one of a group gives any role."),
    "role-too-small": gettext_lazy("No role that the person holds includes this."),
    "other-groups": gettext_lazy("The roles that include this are held in other groups only."),
}
