"""The Users tab: members and invitations of a license group, their roles, their removal (LG-30 to LG-48, LG-77 to LG-116)."""

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from config.errors import Refused
from config.policy import console_view
from config.ui.formats import formats
from config.ui.lists import list_page
from config.ui.responses import confirm, dialog, gives_up
from licensing.access import listed_members
from licensing.actions.blocks import block_members
from licensing.actions.invitations import resend
from licensing.actions.members import remove_members, set_roles
from licensing.forms import RolesForm
from licensing.lists import MemberList
from licensing.models import MemberStatus
from licensing.tasks import ring_mails_on_commit
from licensing.views.chosen import (
    ask_again,
    chosen_member,
    chosen_members,
    finish,
    list_url,
)
from licensing.views.effects import block_effect, lost_roles, member_lines, remove_effect
from licensing.views.gate import with_group

READ, WRITE = "licensing.view", "licensing.change"


@console_view(READ)
@with_group
def member_list(request, group):
    """List the members and invitations of the group (LG-31)."""
    context = {"group": group, "section": "users"}
    return list_page(request, MemberList, listed_members(group), "licensing/member_list.html", context)


@console_view(WRITE, methods=("GET", "POST"))
@with_group
def member_edit(request, group, pk):
    """Show the roles of one member, and change them."""
    return _edit(request, group, chosen_member(request, group, pk))


@console_view(WRITE, methods=("POST",))
@with_group
def members_edit(request, group):
    """Ask for one role set, then give it to all selected members (LG-78)."""
    return _edit(request, group, chosen_members(request, group))


def _edit(request, group, chosen):
    rows = chosen.rows
    form = RolesForm(
        request.POST if "apply" in request.POST else None,
        total=len(rows),
        users=sum(row.is_user for row in rows),
        admins=sum(row.is_admin for row in rows),
        has_owner=any(row.is_owner for row in rows),
    )
    if form.is_valid():
        try:
            changed = _set_roles(request, group, chosen, form.cleaned_data)
        except Refused as error:
            if error.code == "own-rights":
                text = lost_roles(rows, request.actor, **form.cleaned_data)
                return ask_again(request, back=list_url(request, group), text=text, verb=_("Give up the role"))
            if error.status != 422:
                raise
            form.refuse(error)
        else:
            message = ngettext("%(count)s member was changed.", "%(count)s members were changed.", changed)
            return finish(request, group, message % {"count": formats().integer(changed)})
    context = {
        "group": group,
        "rows": rows,
        "lines": member_lines(rows),
        "hidden": [chosen.hidden, ("apply", "1")],
        "form": form,
        "action": request.path,
        "back": list_url(request, group),
    }
    return dialog(request, "licensing/member_edit.html", context, status=422 if form.errors else 200)


def _set_roles(request, group, chosen, cleaned):
    return set_roles(
        tenant_id=request.tenant.pk,
        group_id=group.pk,
        shown=chosen.shown,
        is_user=cleaned["is_user"],
        is_admin=cleaned["is_admin"],
        giving_up=gives_up(request),
        by=request.actor,
    )


@console_view(WRITE, methods=("GET", "POST"))
@with_group
def member_block(request, group, pk):
    """Ask, then take the role User from one member and bar the member from it (LG-110)."""
    return _block(request, group, chosen_member(request, group, pk))


@console_view(WRITE, methods=("POST",))
@with_group
def members_block(request, group):
    """Ask, then block the role User of the selected members (LG-112 to LG-114)."""
    return _block(request, group, chosen_members(request, group))


def _block(request, group, chosen):
    rows, back = chosen.rows, list_url(request, group)
    if any(row.status != MemberStatus.ACTIVE or not row.is_user for row in rows):
        raise Refused(_("Only active members with the role User can be blocked."), code="not-user")
    answer = confirm(
        request,
        title=_("Block User Roles"),
        consequence=block_effect(rows) + " " + _("Personal panels are kept."),
        verb=ngettext("Block User Role", "Block User Roles", chosen.count),
        details=member_lines(rows),
        hidden=(chosen.hidden,),
        typed=chosen.typed,
        back=back,
    )
    if answer:
        return answer
    try:
        result = block_members(
            tenant_id=request.tenant.pk,
            group_id=group.pk,
            shown=chosen.shown,
            giving_up=gives_up(request),
            by=request.actor,
        )
    except Refused as error:
        if error.code != "own-rights":
            raise
        text = lost_roles(rows, request.actor, is_user=False, is_admin=True)
        return ask_again(request, back=back, text=text, verb=_("Block my own User role"))
    ring_mails_on_commit(request.tenant.pk)
    message = ngettext(
        "The role User of %(count)s member is blocked.",
        "The role User of %(count)s members is blocked.",
        result.lost_role,
    )
    return finish(request, group, message % {"count": formats().integer(result.lost_role)})


@console_view(WRITE, methods=("GET", "POST"))
@with_group
def member_resend(request, group, pk):
    """Ask, then send one invitation again."""
    return _resend(request, group, chosen_member(request, group, pk))


@console_view(WRITE, methods=("POST",))
@with_group
def members_resend(request, group):
    """Ask, then send the selected invitations again."""
    return _resend(request, group, chosen_members(request, group))


def _resend(request, group, chosen):
    if any(row.status != MemberStatus.PENDING for row in chosen.rows):
        raise Refused(_("Only invitations can be sent again."), code="not-pending")
    answer = confirm(
        request,
        title=ngettext("Send the invitation again?", "Send the invitations again?", chosen.count),
        consequence=ngettext(
            "A new link goes out by mail and is valid for 7 days. The old link is dead at once.",
            "New links go out by mail and are valid for 7 days. The old links are dead at once.",
            chosen.count,
        ),
        verb=ngettext("Send again", "Send %(count)s again", chosen.count) % {"count": formats().integer(chosen.count)},
        details=member_lines(chosen.rows),
        hidden=(chosen.hidden,),
        typed=chosen.typed,
        back=list_url(request, group),
        danger=False,
    )
    if answer:
        return answer
    sent = resend(tenant_id=request.tenant.pk, group_id=group.pk, shown=chosen.shown, by=request.actor)
    ring_mails_on_commit(request.tenant.pk)
    message = ngettext("%(count)s invitation is sent again.", "%(count)s invitations are sent again.", len(sent))
    return finish(request, group, message % {"count": formats().integer(len(sent))})


@console_view(WRITE, methods=("GET", "POST"))
@with_group
def member_remove(request, group, pk):
    """Ask, then end one membership or invitation (LG-92)."""
    return _remove(request, group, chosen_member(request, group, pk))


@console_view(WRITE, methods=("POST",))
@with_group
def members_remove(request, group):
    """Ask, then end the selected memberships and invitations (LG-93)."""
    return _remove(request, group, chosen_members(request, group))


def _remove(request, group, chosen):
    rows, back = chosen.rows, list_url(request, group)
    if any(row.is_owner for row in rows):
        raise Refused(_("The group owner cannot be removed."), code="owner")
    may_return = group.auto_assign_users and any(row.is_user and row.status == MemberStatus.ACTIVE for row in rows)
    names = {"name": rows[0].address, "count": formats().integer(chosen.count)}
    answer = confirm(
        request,
        title=ngettext("Remove %(name)s?", "Remove %(count)s members?", chosen.count) % names,
        consequence=remove_effect(rows, may_return=may_return),
        verb=ngettext("Remove", "Remove %(count)s members", chosen.count) % names,
        details=member_lines(rows),
        hidden=(chosen.hidden,),
        typed=chosen.typed,
        options=[("also_block", _("Also block the role User, so that auto-assign brings nobody back"))]
        if may_return
        else (),
        back=back,
    )
    if answer:
        return answer
    also_block = may_return and request.POST.get("also_block") == "yes"
    try:
        removed = remove_members(
            tenant_id=request.tenant.pk,
            group_id=group.pk,
            shown=chosen.shown,
            also_block=also_block,
            giving_up=gives_up(request),
            by=request.actor,
        )
    except Refused as error:
        if error.code != "own-rights":
            raise
        text = _("You leave the license group yourself. Only another Admin can invite you again.")
        return ask_again(request, back=back, text=text, verb=_("Leave the license group"))
    if also_block:
        ring_mails_on_commit(request.tenant.pk)
    message = ngettext("%(name)s was removed.", "%(count)s members were removed.", removed)
    return finish(request, group, message % names)
