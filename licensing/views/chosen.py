"""The members that a post is about: of one row or of a selection, with the version of each that its page showed."""

from dataclasses import dataclass
from uuid import UUID

from django.core.exceptions import BadRequest
from django.http import Http404
from django.urls import reverse
from django.utils.translation import gettext as _

from config.errors import Refused
from config.ui.formats import formats
from config.ui.responses import dialog, done
from config.ui.selection import read_selection
from licensing.access import get_member, listed_members
from licensing.actions.rules import MOST_ROWS, active, current
from licensing.forms import read_shown, write_shown
from licensing.lists import MemberList
from licensing.models import LicenseGroup, LicenseGroupMember

TYPED_FROM = 51  # rows from which their number has to be typed


@dataclass(frozen=True, slots=True)
class Chosen:
    """Rows in the order of their addresses, and {id: version} as the page showed them."""

    rows: list[LicenseGroupMember]
    shown: dict[UUID, int]

    @property
    def count(self) -> int:
        """The number of rows."""
        return len(self.rows)

    @property
    def typed(self) -> int | None:
        """The number that must be typed before all of them are changed at once, or None."""
        return self.count if self.count >= TYPED_FROM else None

    @property
    def hidden(self) -> tuple[str, str]:
        """The field that carries the rows to the next post."""
        return "shown", ",".join(f"{pk}:{version}" for pk, version in self.shown.items())

    def is_with(self, request) -> bool:
        """Tell whether the person at the browser is one of them."""
        return any(row.user_id and row.user_id == request.actor.user_id for row in self.rows)


def chosen_member(request, group: LicenseGroup, pk: UUID) -> Chosen:
    """Return the one row of the address; a post says which version of it was shown.

    Raises Http404 for a row that never was in this group, Conflict where it is gone or changed since.
    """
    if request.method != "POST":
        row = get_member(group, pk)
        return Chosen([row], {row.pk: row.version})
    mine = LicenseGroupMember.objects.filter(tenant_id=group.tenant_id, group_id=group.pk, pk=pk)
    if not mine.exists():
        raise Http404
    shown = read_shown(request.POST.get("shown", ""))
    if list(shown) != [pk]:
        raise BadRequest("another row")
    return Chosen(current(group, shown), shown)


def chosen_members(request, group: LicenseGroup) -> Chosen:
    """Return the rows that the bulk bar or, after it, one of its dialogs has posted.

    Raises Refused for none or more than MOST_ROWS, Conflict where they changed since.
    """
    if "shown" in request.POST:
        shown = read_shown(request.POST["shown"])
        return Chosen(current(group, shown), shown)
    selection = read_selection(request, MemberList, listed_members(group))
    check_number(selection.count)
    rows = list(selection.queryset.order_by("address_key", "pk"))
    return Chosen(rows, read_shown(write_shown(rows)))


def check_number(count: int) -> None:
    """Raise Refused for more rows than one step takes."""
    if count > MOST_ROWS:
        words = formats()
        raise Refused(
            _("%(count)s rows are too many for one step: at most %(most)s. Narrow the selection.")
            % {"count": words.integer(count), "most": words.integer(MOST_ROWS)},
            code="too-many",
        )


def list_url(request, group: LicenseGroup) -> str:
    """Return the address of the Users tab."""
    return reverse("licensing:member-list", args=[request.tenant.slug, group.pk])


def gives_up(request) -> bool:
    """Tell whether the second question about one's own rights was answered."""
    return request.POST.get("giving_up") == "yes"


def ask_again(request, *, back: str, text: str, verb: str):
    """Ask a second time where people take something from themselves (decision 20); the form's fields come along."""
    hidden = [
        (name, value) for name, values in request.POST.lists() for value in values if name != "csrfmiddlewaretoken"
    ]
    context = {
        "text": text,
        "verb": verb,
        "hidden": [*hidden, ("giving_up", "yes")],
        "action": request.get_full_path(),
        "back": back,
    }
    return dialog(request, "licensing/member_give_up.html", context)


def finish(request, group: LicenseGroup, message: str, *, url: str | None = None, changed: str = MemberList.name):
    """Go back to the list; who has just given up Admin leaves the Admin area (LG-91)."""
    if gives_up(request):
        own = active(group).filter(user_id=request.actor.user_id).first()
        if own is None or not own.is_admin:
            target = "licensing:own-list" if own else "personalization:home"
            return done(request, reverse(target, args=[request.tenant.slug]), message=message)
    return done(request, url or list_url(request, group), message=message, changed=changed)
