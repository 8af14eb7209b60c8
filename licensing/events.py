"""Sentences of the events of licensing; names and addresses in them are those at the time."""

from typing import Any

from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext, ngettext_lazy
from django.utils.translation import gettext_lazy as _

from config.ui.formats import formats
from licensing.models import Billing, LicenseGroup

EVENT_TEXTS = {
    "licensegroup.created": _("created the license group %(license_group)s of %(owner)s: %(seats)s × %(plan)s"),
    "licensegroup.purchase-changed": _(
        "changed the purchase of %(license_group)s: %(purchase_before)s, now %(purchase)s"
    ),
    "licensegroup.transferred": _("transferred the ownership of %(license_group)s from %(before)s to %(after)s"),
    "licensegroup.changed": _("changed the settings of %(license_group)s: %(changes)s"),
    "licensegroup.domain-asked": _("asked to validate the domain %(domain)s for %(license_group)s"),
    "licensegroup.domain-validated": _("validated the domain %(domain)s for %(license_group)s"),
    "licensegroup.domain-dropped": _("took the domain %(domain)s from %(license_group)s"),
    "license.invited": _("invited %(address)s to %(license_group)s as %(after)s"),
    "license.invited-many": _("invited %(count)s addresses to %(license_group)s as %(after)s: %(addresses)s"),
    "license.invitation-resent": _("sent the invitation of %(address)s to %(license_group)s again, as %(after)s"),
    "license.invitation-resent-many": _("sent %(count)s invitations to %(license_group)s again: %(addresses)s"),
    "license.invitation-accepted": _("%(address)s accepted the invitation to %(license_group)s as %(after)s"),
    "license.invitation-declined": _("%(address)s declined the invitation to %(license_group)s as %(before)s"),
    "license.invitation-revoked": _("ended the invitation of %(address)s to %(license_group)s as %(before)s"),
    "license.invitation-revoked-many": _("ended %(count)s invitations to %(license_group)s: %(addresses)s"),
    "license.invitations-purged": ngettext_lazy(
        "deleted %(count)s invitation to %(license_group)s that expired 90 days ago",
        "deleted %(count)s invitations to %(license_group)s that expired 90 days ago",
        "count",
    ),
    "license.admitted": _("%(address)s of %(domain)s joined %(license_group)s at once as %(after)s"),
    "license.admitted-many": _("%(count)s people of %(domain)s joined %(license_group)s at once: %(addresses)s"),
    "license.auto-assigned": _("%(address)s joined %(license_group)s by its domain as %(after)s"),
    "license.device-assigned": _("%(address)s joined %(license_group)s at the device %(device)s as %(after)s"),
    "license.roles-changed": _("changed the roles of %(address)s in %(license_group)s from %(before)s to %(after)s"),
    "license.roles-changed-many": _("changed the roles of %(count)s in %(license_group)s to %(after)s: %(addresses)s"),
    "license.member-removed": _("removed %(address)s from %(license_group)s; was %(before)s"),
    "license.member-removed-many": _("removed %(count)s members from %(license_group)s: %(addresses)s"),
    "license.member-left": _("%(address)s left %(license_group)s; was %(before)s"),
    "license.blocked": _("blocked the role User of %(address)s in %(license_group)s; was %(before)s"),
    "license.blocked-many": _("blocked the role User of %(count)s addresses in %(license_group)s: %(addresses)s"),
    "license.unblocked": _("lifted the block of %(address)s in %(license_group)s"),
    "license.unblocked-many": _("lifted %(count)s blocks in %(license_group)s: %(addresses)s"),
    "device.added": _("added the device %(device)s to %(license_group)s"),
    "device.renewed": _("gave the device %(device)s of %(license_group)s a new key"),
    "device.ended": _("ended the key of the device %(device)s of %(license_group)s"),
    "device.ended-many": _("ended the keys of %(count)s devices of %(license_group)s: %(devices)s"),
    "device.removed": _("removed the device %(device)s from %(license_group)s"),
    "device.removed-many": _("removed %(count)s devices from %(license_group)s: %(devices)s"),
    "device.signed-in": _("signed in at the device %(device)s of %(license_group)s from %(address)s"),
}

EVENT_KINDS = {
    "licensegroup.created": _("License group created"),
    "licensegroup.purchase-changed": _("Purchase changed"),
    "licensegroup.transferred": _("Ownership transferred"),
    "licensegroup.changed": _("License group changed"),
    "licensegroup.domain-asked": _("Domain validation asked for"),
    "licensegroup.domain-validated": _("Domain validated"),
    "licensegroup.domain-dropped": _("Domain taken away"),
    "license.invited": _("Invited"),
    "license.invited-many": _("Invited together"),
    "license.invitation-resent": _("Invitation sent again"),
    "license.invitation-resent-many": _("Invitations sent again together"),
    "license.invitation-accepted": _("Invitation accepted"),
    "license.invitation-declined": _("Invitation declined"),
    "license.invitation-revoked": _("Invitation ended"),
    "license.invitation-revoked-many": _("Invitations ended together"),
    "license.invitations-purged": _("Expired invitations deleted"),
    "license.admitted": _("Admitted by domain"),
    "license.admitted-many": _("Admitted by domain together"),
    "license.auto-assigned": _("Auto-assigned"),
    "license.device-assigned": _("Assigned at a device"),
    "license.roles-changed": _("License roles changed"),
    "license.roles-changed-many": _("License roles changed together"),
    "license.member-removed": _("License member removed"),
    "license.member-removed-many": _("License members removed together"),
    "license.member-left": _("License group left"),
    "license.blocked": _("User role blocked"),
    "license.blocked-many": _("User roles blocked together"),
    "license.unblocked": _("Block lifted"),
    "license.unblocked-many": _("Blocks lifted together"),
    "device.added": _("Device added"),
    "device.renewed": _("Device key renewed"),
    "device.ended": _("Device key ended"),
    "device.ended-many": _("Device keys ended together"),
    "device.removed": _("Device removed"),
    "device.removed-many": _("Devices removed together"),
    "device.signed-in": _("Signed in at a device"),
}

_FREQUENCIES = dict(LicenseGroup._meta.get_field("frequency").choices)


def purchase_label(group: LicenseGroup) -> dict[str, Any]:
    """Return what was bought as the label of an event, from which `purchase_text` reads it in any language."""
    until = group.expires_at and group.expires_at.isoformat()
    bought = {"seats": group.seats, "plan": group.plan, "billing": group.billing, "frequency": group.frequency}
    return bought | ({"until": until} if until else {})


def purchase_text(label: dict[str, Any], *, plain: bool = False) -> str:
    """Return what was bought in words: number and time as the reader writes them, as machines do where `plain`."""
    seats, until = label["seats"], label.get("until")
    told = {
        "seats": str(seats) if plain else formats().integer(seats),
        "plan": label["plan"],
        "billing": dict(Billing.choices).get(label["billing"], label["billing"]),
        "frequency": _FREQUENCIES.get(label["frequency"], label["frequency"]),
    }
    if not until:
        return gettext("%(seats)s × %(plan)s (%(billing)s, %(frequency)s), does not expire") % told
    time = parse_datetime(until)
    told["time"] = until if plain or time is None else formats().moment(time)
    return gettext("%(seats)s × %(plan)s (%(billing)s, %(frequency)s), expires %(time)s") % told


EVENT_WORDS = {"purchase": purchase_text, "purchase_before": purchase_text}
