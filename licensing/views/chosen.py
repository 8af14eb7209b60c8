"""The members that a post is about: of one row or of a selection, with the version of each that its page showed."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from django.core.exceptions import BadRequest
from django.http import Http404
from django.urls import reverse
from django.utils.translation import gettext as _

from config.errors import Refused
from config.policy import console_view
from config.ui.responses import ask_to_give_up, confirm, done, gives_up
from config.ui.selection import read_selection, read_versions, write_versions
from licensing.access import get_member, listed_members
from licensing.actions.rules import active, check_number, current
from licensing.lists import MemberList
from licensing.models import LicenseGroup, LicenseGroupMember
from licensing.views.effects import member_lines
from licensing.views.gate import with_group

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


def row_and_selection(permission: str, step: Callable, *, of_row=chosen_member, of_selection=chosen_members):
    """Return the two views of a step: of the one row of the address, and of the selection that the bulk bar posts.

    step: takes the request, the group and what `of_row` or `of_selection` makes of the request.
    """

    @console_view(permission, methods=("GET", "POST"))
    @with_group
    def row(request, group, pk):
        return step(request, group, of_row(request, group, pk))

    @console_view(permission, methods=("POST",))
    @with_group
    def selection(request, group):
        return step(request, group, of_selection(request, group))

    return row, selection


def list_url(request, group: LicenseGroup) -> str:
    """Return the address of the Users tab."""
    return reverse("licensing:member-list", args=[request.tenant.slug, group.pk])


def ask(request, group: LicenseGroup, chosen: Chosen, **question):
    """Ask whether to do something to the chosen rows: the page that asks, or None once the person has confirmed.

    question: title, consequence, verb and what else `config.ui.responses.confirm` takes.
    """
    return confirm(
        request,
        details=member_lines(chosen.rows),
        hidden=(chosen.hidden,),
        typed=chosen.typed,
        back=list_url(request, group),
        **question,
    )


def settle(request, group: LicenseGroup, chosen: Chosen, act: Callable, *, own: Callable | None = None):
    """Do what was confirmed and go back to the list with what `act` says of it.

    act: takes the tenant_id, group_id, shown and by of an action; returns a sentence. own: returns text and verb of the
    second question, asked where the action finds that an Admin takes something from himself (decision 20).
    """
    try:
        message = act(tenant_id=request.tenant.pk, group_id=group.pk, shown=chosen.shown, by=request.actor)
    except Refused as error:
        if own is None or error.code != "own-rights":
            raise
        return ask_again(request, back=list_url(request, group), **own())
    return finish(request, group, message)


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
