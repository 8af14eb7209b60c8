"""What a change of members does, in numbers, said before it is done."""

from collections.abc import Sequence

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from audit.actions import Actor
from config.ui.formats import formats
from licensing.actions.blocks import Plan
from licensing.models import LicenseGroupMember, MemberStatus

NAMED = 200  # rows that a dialog names in a list that scrolls (LG-79); it counts the others


def named(lines: list[str]) -> list[str]:
    """Return the first NAMED lines and how many more there are."""
    rest = len(lines) - NAMED
    if rest <= 0:
        return lines
    more = ngettext("and %(count)s more", "and %(count)s more", rest) % {"count": formats().integer(rest)}
    return [*lines[:NAMED], more]


def member_lines(rows: list[LicenseGroupMember]) -> list[str]:
    """Return address, roles and "Pending" of rows, for a dialog."""
    first = [
        f"{row.address}: {row.roles}" + (f" ({_('Pending')})" if row.status == MemberStatus.PENDING else "")
        for row in rows[:NAMED]
    ]
    return named([*first, *[""] * (len(rows) - len(first))])


def block_effect(rows: Sequence[LicenseGroupMember]) -> str:
    """Return who of these Users loses the role and who leaves with it (LG-104, LG-105, LG-127)."""
    leaving = sum(not row.is_admin for row in rows)
    if len(rows) == 1:
        sentence = (
            _("%(name)s loses the role User and leaves the group.")
            if leaving
            else _("%(name)s loses the role User and stays Admin.")
        )
        return sentence % {"name": rows[0].address}
    numbers = {"count": formats().integer(len(rows)), "left": formats().integer(leaving)}
    if not leaving:
        return _("%(count)s members lose the role User and stay Admins.") % numbers
    return (
        ngettext(
            "%(count)s members lose the role User, %(left)s of them leaves the group.",
            "%(count)s members lose the role User, %(left)s of them leave the group.",
            leaving,
        )
        % numbers
    )


def remove_effect(rows: Sequence[LicenseGroupMember], *, may_return: bool) -> str:
    """Return how many memberships, licences and invitations end (LG-94, LG-96, LG-97, LG-E10)."""
    members = [row for row in rows if row.status == MemberStatus.ACTIVE]
    users, invitations = sum(row.is_user for row in members), len(rows) - len(members)
    number, parts = formats().integer, []
    if members:
        text = ngettext("%(count)s member leaves the group.", "%(count)s members leave the group.", len(members))
        parts.append(text % {"count": number(len(members))})
    if users:
        text = ngettext("%(count)s licence becomes free.", "%(count)s licences become free.", users)
        parts.append(text % {"count": number(users)})
    if invitations:
        text = ngettext(
            "%(count)s invitation ends and its link is dead at once.",
            "%(count)s invitations end and their links are dead at once.",
            invitations,
        )
        parts.append(text % {"count": number(invitations)})
    if members:
        parts.append(_("Personal panels are kept."))
    if may_return:
        parts.append(
            _("Auto-assign is on: whoever signs in with an address of the group's domain may become User again.")
        )
    return " ".join(parts)


def lost_roles(rows: Sequence[LicenseGroupMember], by: Actor, *, is_user: bool, is_admin: bool) -> str:
    """Return what the person at the browser loses with this role set."""
    own = next(row for row in rows if row.user_id == by.user_id)
    parts = []
    if own.is_admin and not is_admin:
        parts.append(
            _("You will not be able to open this license group any more. Only another Admin can give the role back.")
        )
    if own.is_user and not is_user:
        parts.append(_("You lose the role User: your panels are kept, and rest until you hold it again."))
    return " ".join(parts)


def plan_effect(plan: Plan, *, is_own: bool) -> str:
    """Return what blocking addresses does to members and to others (LG-127, LG-129, LG-130)."""
    number, parts = formats().integer, []
    if plan.users:
        parts.append(block_effect(plan.users))
    if plan.others:
        text = ngettext(
            "%(count)s address without the role User cannot get it any more.",
            "%(count)s addresses without the role User cannot get it any more.",
            len(plan.others),
        )
        parts.append(text % {"count": number(len(plan.others))})
    if plan.already:
        text = ngettext(
            "%(count)s address is blocked already and stays so.",
            "%(count)s addresses are blocked already and stay so.",
            len(plan.already),
        )
        parts.append(text % {"count": number(len(plan.already))})
    if is_own:
        parts.append(_("You are one of them: you lose the role User yourself."))
    return " ".join(parts)


def plan_lines(plan: Plan) -> list[str]:
    """Return what becomes of each address, the members first."""
    stays, leaves = _("loses User, stays Admin"), _("loses User, leaves the group")
    lines = [f"{row.address}: {stays if row.is_admin else leaves}" for row in plan.users]
    lines += [f"{address}: {_('cannot become User')}" for address, _key in plan.others]
    lines += [f"{address}: {_('blocked already')}" for address in plan.already]
    return named(lines)
