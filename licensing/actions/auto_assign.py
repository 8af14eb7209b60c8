"""How people become Users without an invitation: by the domain of their address, or at a device (LG-76, LG-141)."""

from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.addresses import domain_of, read_address
from accounts.models import Membership, User
from audit.actions import Actor
from config.errors import Refused
from licensing.access import is_expired
from licensing.actions.invitations import make_active, split_name
from licensing.actions.rules import OWN_USER, active, granting, is_blocked, lock_group, tell
from licensing.models import Device, GroupDomain, LicencePlace, LicenseGroup, LicenseGroupMember, MemberStatus
from licensing.public_domains import is_public


class NotAdmitted(Refused):
    """Somebody proved to be who they are at a device, and may not use it; `code` says why."""

    status = 403


def check_open(group: LicenseGroup) -> None:
    """Raise NotAdmitted where the group's licence has run out: no device function works then (LG-145)."""
    if is_expired(group):
        raise NotAdmitted(_("The licence of %(group)s has expired.") % {"group": group.name}, code="license-expired")


def no_place(group: LicenseGroup) -> NotAdmitted:
    """Return the refusal of somebody who is no User of the group."""
    text = _("You are no User of %(group)s. Ask its administrators.") % {"group": group.name}
    return NotAdmitted(text, code="no-place")


def opens_for_oneself(group: LicenseGroup, mine: LicenseGroupMember | None, user: User, by: UUID | None) -> bool:
    """Tell whether the person opened the way on which auto-assign would make them User; the owner may (decision 20).

    mine: their membership of the group; by: the account that set the domain, or that has the key of the device.
    """
    return user.pk in (by, group.assigns_by) and not (mine and mine.is_owner)


@granting
def auto_assign(*, membership: Membership, by: Actor) -> LicenseGroupMember | None:
    """Give a person without a User place the role User in the group of the verified address's domain (LG-141).

    Called at every sign-in into the tenant and when an address is verified. Nothing happens without a free seat, for a
    blocked person, in an expired group, with the switch off, by a domain that is public by now (LG-161), or for whoever
    opened this way (`opens_for_oneself`). Inside the tenant's context.
    """
    user, tenant_id = membership.user, membership.tenant_id
    if not user.email_key or is_public(domain_of(user.email_key)):
        return None
    if LicencePlace.objects.filter(user_id=user.pk).exists():
        return None
    found = GroupDomain.objects.filter(
        tenant_id=tenant_id,
        domain=domain_of(user.email_key),
        validated_at__isnull=False,
        group__auto_assign_users=True,
    ).values_list("group_id", "asked_by")
    opened = found.first()
    if opened is None:
        return None
    group_id, asked_by = opened
    group = lock_group(tenant_id, group_id)
    mine = active(group).filter(user_id=user.pk).first()
    if opens_for_oneself(group, mine, user, asked_by):
        return None
    if is_blocked(group, user.pk, mine) or is_expired(group) or not group.auto_assign_users or group.free < 1:
        return None
    if LicencePlace.objects.filter(user_id=user.pk).exists():  # another sign-in came first
        return None
    row = _assigned(group, mine, membership, user.email, user.email_key)
    tell("license.auto-assigned", group, [row], by=by, labels={}, own=lambda one: {"after": one.roles})
    return row


@granting
def assign_at_device(*, device: Device, membership: Membership, by: Actor) -> LicenseGroupMember:
    """Return the place as User of who has authenticated at a device of the group, made now where it may be (LG-141).

    Raises NotAdmitted "no-place" with the switch off, "license-expired", "blocked", "placed-elsewhere", "no-seat",
    "no-address" and "invited" (see `_listed_under`), "device-gone" where it was removed or got another key meanwhile,
    "own-rights-raised" for whoever opened this way (`opens_for_oneself`). Inside the tenant's context.
    """
    user, names = membership.user, {"group": device.group.name}
    held = active(device.group).filter(user_id=user.pk, is_user=True).first()
    if held:
        return held
    group = lock_group(membership.tenant_id, device.group_id)
    check_open(group)
    if not Device.objects.filter(tenant_id=group.tenant_id, pk=device.pk, key_digest=device.key_digest).exists():
        raise NotAdmitted(_("This device was removed, or has another key now."), code="device-gone")
    mine = active(group).filter(user_id=user.pk).first()
    if mine and mine.is_user:  # another sign-in came first
        return mine
    if not group.auto_assign_users:
        raise no_place(group)
    if opens_for_oneself(group, mine, user, device.key_by):
        raise NotAdmitted(OWN_USER, code="own-rights-raised")
    address, key = (mine.address, mine.address_key) if mine else _listed_under(group, membership)
    if is_blocked(group, user.pk, mine, keys=[key]):
        raise NotAdmitted(_("You cannot be User of %(group)s. Ask its administrators.") % names, code="blocked")
    if LicencePlace.objects.filter(user_id=user.pk).exists():
        raise NotAdmitted(_("You are User of another license group. Leave it first."), code="placed-elsewhere")
    if group.free < 1:
        raise NotAdmitted(_("No licence is free in %(group)s. Ask its administrators.") % names, code="no-seat")
    row = _assigned(group, mine, membership, address, key)
    labels = {"device": device.name}
    tell("license.device-assigned", group, [row], by=by, labels=labels, own=lambda one: {"after": one.roles})
    return row


def _listed_under(group, membership):
    """Return the (address, key) that somebody new is listed under: the proven one, else the directory's.

    A directory's word proves nothing (decision 26): an address that stands in the group already is then somebody else's,
    until its owner has accepted the invitation.
    """
    user = membership.user
    try:
        address, key = (user.email, user.email_key) if user.email_key else read_address(membership.contact_email)
    except Refused:
        text = _("You have no mail address under which %(group)s could list you.") % {"group": group.name}
        raise NotAdmitted(text, code="no-address") from None
    taken = LicenseGroupMember.objects.filter(tenant_id=group.tenant_id, group_id=group.pk, address_key=key)
    taken = taken.exclude(status=MemberStatus.ENDED)
    if (taken.exclude(status=MemberStatus.PENDING) if user.email_key else taken).exists():
        text = _("Your address stands in %(group)s already. Accept the invitation that was sent to it.")
        raise NotAdmitted(text % {"group": group.name}, code="invited")
    return address, key


def _assigned(group, mine, membership, address, key):
    if mine:
        mine.is_user, mine.version = True, mine.version + 1
        mine.save(update_fields=["is_user", "version"])
        return mine
    row = LicenseGroupMember.objects.filter(
        tenant_id=group.tenant_id, group_id=group.pk, address_key=key, status=MemberStatus.PENDING
    ).first()
    if row:
        row.is_user = True
        make_active(row, membership.user_id, membership.name)
        return row
    first, last = split_name(membership.name)
    now = timezone.now()
    return LicenseGroupMember.objects.create(
        tenant_id=group.tenant_id,
        group_id=group.pk,
        user_id=membership.user_id,
        address=address,
        address_key=key,
        first_name=first[:100],
        last_name=last[:100],
        status=MemberStatus.ACTIVE,
        is_user=True,
        added_at=now,
        last_used_at=now,
    )
