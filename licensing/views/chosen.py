"""The members that a post is about: of one row or of a selection, with the version of each that its page showed."""

from dataclasses import dataclass
from uuid import UUID

from django.core.exceptions import BadRequest
from django.http import Http404
from django.urls import reverse
from django.utils.translation import gettext as _

from config.ui.responses import ask_to_give_up, done, gives_up
from config.ui.selection import read_selection, read_versions, write_versions
from licensing.access import get_member, listed_members
from licensing.actions.rules import active, check_number, current
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
        return "shown", write_versions(self.shown)


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
    shown = read_versions(request.POST.get("shown", ""))
    if list(shown) != [pk]:
        raise BadRequest("another row")
    return Chosen(current(group, shown), shown)


def chosen_members(request, group: LicenseGroup) -> Chosen:
    """Return the rows that the bulk bar or, after it, one of its dialogs has posted.

    Raises Refused for none or more than one step takes, Conflict where they changed since.
    """
    if "shown" in request.POST:
        shown = read_versions(request.POST["shown"])
        return Chosen(current(group, shown), shown)
    selection = read_selection(request, MemberList, listed_members(group))
    check_number(selection.count)
    rows = list(selection.queryset.order_by("address_key", "pk"))
    return Chosen(rows, {row.pk: row.version for row in rows})


def list_url(request, group: LicenseGroup) -> str:
    """Return the address of the Users tab."""
    return reverse("licensing:member-list", args=[request.tenant.slug, group.pk])


def ask_again(request, *, back: str, text: str, verb: str):
    """Ask a second time where an Admin is one of those whom the step takes something from (decision 20)."""
    return ask_to_give_up(
        request,
        title=_("Give up what is your own?"),
        warning=_("You are one of those selected"),
        text=text,
        verb=verb,
        back=back,
    )


def finish(request, group: LicenseGroup, message: str, *, url: str | None = None, changed: str = MemberList.name):
    """Go back to the list; who has just given up Admin leaves the Admin area (LG-91)."""
    if gives_up(request):
        own = active(group).filter(user_id=request.actor.user_id).first()
        if own is None or not own.is_admin:
            target = "licensing:own-list" if own else "personalization:home"
            return done(request, reverse(target, args=[request.tenant.slug]), message=message)
    return done(request, url or list_url(request, group), message=message, changed=changed)
