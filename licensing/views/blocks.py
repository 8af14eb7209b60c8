"""The tab Blocked User Roles: who may not hold the role User in a license group (LG-117 to LG-133)."""

from django.http import Http404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from config.errors import Conflict, Refused
from config.policy import console_view
from config.ui.formats import formats
from config.ui.lists import list_page
from config.ui.responses import confirm, dialog, done, gives_up
from config.ui.selection import read_selection
from licensing.access import get_block
from licensing.actions.blocks import block_addresses, plan_addresses, unblock
from licensing.actions.rules import check_number
from licensing.block_forms import BlockForm
from licensing.lists import BlockList, block_rows
from licensing.tasks import ring_mails_on_commit
from licensing.views.chosen import TYPED_FROM, ask_again, finish
from licensing.views.effects import lost_roles, named, plan_effect, plan_lines
from licensing.views.gate import with_group

READ, WRITE = "licensing.view", "licensing.change"


@console_view(READ)
@with_group
def block_list(request, group):
    """List who is barred from the role User in this group (LG-117)."""
    context = {"group": group, "section": "blocked"}
    return list_page(request, BlockList, block_rows(group), "licensing/block_list.html", context)


def _list_url(request, group):
    return reverse("licensing:block-list", args=[request.tenant.slug, group.pk])


@console_view(WRITE, methods=("GET", "POST"))
@with_group
def block_add(request, group):
    """Take addresses, show what blocking them does, then block them (LG-118 to LG-120, LG-127 to LG-130)."""
    form = BlockForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            return _block(request, group, form.cleaned_data["addresses"])
        except Refused as error:
            if error.status != 422:
                raise
            request.refusal.show(error, form)
    context = {"group": group, "form": form, "back": _list_url(request, group)}
    return dialog(request, "licensing/block_add.html", context, status=422 if form.errors else 200)


def _block(request, group, pairs):
    """Ask, then block; one's own role User is named in the question, and asked for again where it is new (LG-130)."""
    back = _list_url(request, group)
    plan = plan_addresses(tenant_id=request.tenant.pk, group_id=group.pk, addresses=pairs)
    is_own = any(row.user_id == request.actor.user_id for row in plan.users)
    count = len(plan.users) + len(plan.others)
    if not count:
        text = ngettext(
            "%(count)s address was blocked already.", "%(count)s addresses were blocked already.", len(pairs)
        )
        return done(request, back, message=text % {"count": formats().integer(len(pairs))}, changed=BlockList.name)
    answer = confirm(
        request,
        title=_("Block User Roles"),
        consequence=plan_effect(plan, is_own=is_own),
        verb=ngettext("Block User Role", "Block User Roles", count),
        details=plan_lines(plan),
        hidden=[
            ("addresses", "\n".join(address for address, _key in pairs)),
            *([("giving_up", "yes")] if is_own else []),
        ],
        typed=count if count >= TYPED_FROM else None,
        back=back,
    )
    if answer:
        return answer
    try:
        result = block_addresses(
            tenant_id=request.tenant.pk,
            group_id=group.pk,
            addresses=pairs,
            giving_up=gives_up(request),
            by=request.actor,
        )
    except Refused as error:
        if error.code != "own-rights":
            raise
        text = lost_roles(plan.users, request.actor, is_user=False, is_admin=True)
        return ask_again(request, back=back, text=text, verb=_("Block my own User role"))
    ring_mails_on_commit(request.tenant.pk)
    text = ngettext("%(count)s address is blocked.", "%(count)s addresses are blocked.", result.blocked)
    message = text % {"count": formats().integer(result.blocked)}
    return finish(request, group, message, url=back, changed=BlockList.name)


@console_view(WRITE, methods=("GET", "POST"))
@with_group
def block_remove(request, group, pk):
    """Ask, then take one entry off the list (LG-121)."""
    try:
        row = get_block(group, pk)
    except Http404:
        if request.method != "POST" or request.POST.get("confirmed") != "yes":
            raise
        raise Conflict(_("This block is gone already. Nothing was done."), code="block-gone") from None
    return _unblock(request, group, [row], hidden=())


@console_view(WRITE, methods=("POST",))
@with_group
def blocks_remove(request, group):
    """Ask, then take the selected entries off the list (LG-122)."""
    selection = read_selection(request, BlockList, block_rows(group))
    check_number(selection.count)
    return _unblock(request, group, list(selection.queryset.order_by("address_key", "pk")), hidden=selection.hidden)


def _unblock(request, group, rows, *, hidden):
    count = len(rows)
    names = {"name": rows[0].address, "count": formats().integer(count)}
    answer = confirm(
        request,
        title=ngettext("Remove the block of %(name)s?", "Remove %(count)s blocks?", count) % names,
        consequence=_(
            "Nobody gets a role or a licence by this. Whoever is no Admin is not a member, and may be invited as User again."
        ),
        verb=_("Remove"),
        details=named([row.address for row in rows]) if count > 1 else (),
        hidden=hidden,
        typed=count if count >= TYPED_FROM else None,
        back=_list_url(request, group),
        danger=False,
    )
    if answer:
        return answer
    lifted = unblock(
        tenant_id=request.tenant.pk, group_id=group.pk, block_ids=[row.pk for row in rows], by=request.actor
    )
    message = ngettext("The block of %(name)s is removed.", "%(count)s blocks are removed.", lifted) % names
    return done(request, _list_url(request, group), message=message, changed=BlockList.name)
