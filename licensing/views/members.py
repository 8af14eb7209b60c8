"""The Users tab: members and invitations of a license group, their roles, their removal (LG-30 to LG-48, LG-77 to LG-116)."""

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from config.errors import Refused
from config.policy import console_view
from config.ui.formats import formats
from config.ui.lists import list_page
from config.ui.responses import dialog, gives_up
from licensing.access import listed_members
from licensing.actions.blocks import block_members
from licensing.actions.invitations import resend
from licensing.actions.members import remove_members, set_roles
from licensing.forms import RolesForm
from licensing.lists import MemberList
from licensing.models import MemberStatus
from licensing.tasks import ring_mails_on_commit
from licensing.views.chosen import ask, ask_again, finish, list_url, row_and_selection, settle
from licensing.views.effects import block_effect, lost_roles, member_lines, remove_effect
from licensing.views.gate import with_group

READ, WRITE = "licensing.view", "licensing.change"


@console_view(READ)
@with_group
def member_list(request, group):
    """List the members and invitations of the group (LG-31)."""
    context = {"group": group, "section": "users"}
    return list_page(request, MemberList, listed_members(group), "licensing/member_list.html", context)


def _edit(request, group, chosen):
    rows = chosen.rows
    form = RolesForm(
        request.POST if "apply" in request.POST else None,
        total=len(rows),
        users=sum(row.is_user for row in rows),
        admins=sum(row.is_admin for row in rows),
        has_owner=any(row.is_owner for row in rows),
    )
    if form.is_bound and not form.is_valid():
        request.refusal.note("role-undecided")  # the page itself sends a value for every role (LG-84)
    elif form.is_valid():
        try:
            changed = _set_roles(request, group, chosen, form.cleaned_data)
        except Refused as error:
            if error.code == "own-rights":
                text = lost_roles(rows, request.actor, **form.cleaned_data)
                return ask_again(request, back=list_url(request, group), text=text, verb=_("Give up the role"))
            if error.status != 422:
                raise
            request.refusal.show(error, form)
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


def _block(request, group, chosen):
    rows = chosen.rows
    if any(row.status != MemberStatus.ACTIVE or not row.is_user for row in rows):
        raise Refused(_("Only active members with the role User can be blocked."), code="not-user")

    def act(**where):
        count = block_members(giving_up=gives_up(request), **where).lost_role
        ring_mails_on_commit(request.tenant.pk)
        return _counted(
            ngettext(
                "The role User of %(count)s member is blocked.", "The role User of %(count)s members is blocked.", count
            ),
            count,
        )

    def own():
        text = lost_roles(rows, request.actor, is_user=False, is_admin=True)
        return {"text": text, "verb": _("Block my own User role")}

    return ask(
        request,
        group,
        chosen,
        title=_("Block User Roles"),
        consequence=block_effect(rows) + " " + _("Personal panels are kept."),
        verb=ngettext("Block User Role", "Block User Roles", chosen.count),
    ) or settle(request, group, chosen, act, own=own)


def _counted(text, count):
    return text % {"count": formats().integer(count)}


def _resend(request, group, chosen):
    count = chosen.count
    if any(row.status != MemberStatus.PENDING for row in chosen.rows):
        raise Refused(_("Only invitations can be sent again."), code="not-pending")

    def act(**where):
        sent = len(resend(**where))
        ring_mails_on_commit(request.tenant.pk)
        return _counted(
            ngettext("%(count)s invitation is sent again.", "%(count)s invitations are sent again.", sent), sent
        )

    return ask(
        request,
        group,
        chosen,
        title=ngettext("Send the invitation again?", "Send the invitations again?", count),
        consequence=ngettext(
            "A new link goes out by mail and is valid for 7 days. The old link is dead at once.",
            "New links go out by mail and are valid for 7 days. The old links are dead at once.",
            count,
        ),
        verb=_counted(ngettext("Send again", "Send %(count)s again", count), count),
        danger=False,
    ) or settle(request, group, chosen, act)


def _remove(request, group, chosen):
    rows = chosen.rows
    if any(row.is_owner for row in rows):
        raise Refused(_("The group owner cannot be removed."), code="owner")
    may_return = group.auto_assign_users and any(row.is_user and row.status == MemberStatus.ACTIVE for row in rows)
    names = {"name": rows[0].address, "count": formats().integer(chosen.count)}
    block_too = [("also_block", _("Also block the role User, so that auto-assign brings nobody back"))]

    def act(**where):
        also_block = may_return and request.POST.get("also_block") == "yes"
        removed = remove_members(also_block=also_block, giving_up=gives_up(request), **where)
        if also_block:
            ring_mails_on_commit(request.tenant.pk)
        return ngettext("%(name)s was removed.", "%(count)s members were removed.", removed) % names

    def own():
        text = _("You leave the license group yourself. Only another Admin can invite you again.")
        return {"text": text, "verb": _("Leave the license group")}

    return ask(
        request,
        group,
        chosen,
        title=ngettext("Remove %(name)s?", "Remove %(count)s members?", chosen.count) % names,
        consequence=remove_effect(rows, may_return=may_return),
        verb=ngettext("Remove the member", "Remove %(count)s members", chosen.count) % names,
        options=block_too if may_return else (),
    ) or settle(request, group, chosen, act, own=own)


# Of one row, and of the selection of the bulk bar: roles (LG-77 to LG-91), the block (LG-110 to LG-116), an invitation
# once more, the end of a membership (LG-92 to LG-99).
member_edit, members_edit = row_and_selection(WRITE, _edit)
member_block, members_block = row_and_selection(WRITE, _block)
member_resend, members_resend = row_and_selection(WRITE, _resend)
member_remove, members_remove = row_and_selection(WRITE, _remove)
