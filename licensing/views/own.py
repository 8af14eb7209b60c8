"""Settings (User): one's own places in license groups, and leaving one (LG-13, LG-154 to LG-157)."""

from django.urls import reverse
from django.utils.translation import gettext as _

from config.policy import console_view
from config.ui.responses import confirm, done, page
from licensing.access import is_expired, own_member, own_members
from licensing.actions import members
from licensing.views.gate import about


@console_view("licensing.own")
def own_list(request):
    """Show every own membership with its roles; with an expired licence, too."""
    rows = own_members(request.tenant.pk, request.user.pk)
    return page(request, "licensing/own_list.html", {"places": [(row, is_expired(row.group)) for row in rows]})


@console_view("licensing.own", methods=("GET", "POST"))
def leave(request, group):
    """Ask, then end the own membership; the owner is refused, and everybody with an expired licence (LG-28, LG-155, LG-156)."""
    row = own_member(request.tenant.pk, group, request.user.pk)
    request.refusal.about = about(row.group)
    back = reverse("licensing:own-list", args=[request.tenant.slug])
    members.check_leave(row.group, row)
    answer = confirm(
        request,
        title=_("Leave %(group)s?") % {"group": row.group.name},
        consequence=_("Your membership ends at once. Only an Admin of the license group can invite you again."),
        verb=_("Leave the license group"),
        details=_consequences(row),
        back=back,
    )
    if answer:
        return answer
    left = members.leave(tenant_id=request.tenant.pk, group_id=row.group_id, by=request.actor)
    elsewhere = (request.rights.license_groups | request.rights.license_places) - {left.pk}
    url = back if elsewhere else reverse("personalization:home", args=[request.tenant.slug])
    return done(request, url, message=_("You left %(group)s. Your panels are kept.") % {"group": left.name})


def _consequences(row):
    """Return what leaving takes away and what stays, one sentence each."""
    lines = [_("You lose: %(roles)s.") % {"roles": row.roles}]
    if row.is_user:
        lines += [
            _("Your licence becomes free for somebody else."),
            _("Your panels are kept, and work again once you are User in a license group."),
        ]
    if row.is_admin:
        lines.append(_("You can no longer open this group's Admin pages."))
    return lines
