"""Gates of licensing: the only place that turns an id into a license group, a member, a block or a device (LG-29)."""

from uuid import UUID

from django.db.models import Q
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.addresses import read_address
from accounts.models import Membership
from config.errors import Refused
from config.identifiers import text_key
from licensing.models import Device, LicenseGroup, LicenseGroupMember, LicenseRoleBlock, MemberStatus
from roles.rights import Rights


def administered_license_groups(rights: Rights, tenant_id: UUID):
    """Return the license groups in which the person is Admin (LG-25)."""
    return LicenseGroup.objects.filter(tenant_id=tenant_id, pk__in=list(rights.license_groups))


def get_license_group(rights: Rights, tenant_id: UUID, pk: UUID) -> LicenseGroup:
    """Return a group that the person administers; every other id is as if it did not exist (LG-29)."""
    return get_object_or_404(administered_license_groups(rights, tenant_id), pk=pk)


def is_expired(group: LicenseGroup) -> bool:
    """Tell whether the licence has run out (LG-28, LG-145)."""
    return group.expires_at is not None and group.expires_at <= timezone.now()


def listed_members(group: LicenseGroup):
    """Return the active and pending members, those of expired invitations too (LG-31, LG-166)."""
    mine = LicenseGroupMember.objects.filter(tenant_id=group.tenant_id, group_id=group.pk)
    return mine.exclude(status=MemberStatus.ENDED)


def get_member(group: LicenseGroup, pk: UUID) -> LicenseGroupMember:
    """Return one listed member of the group."""
    return get_object_or_404(listed_members(group), pk=pk)


def own_member(tenant_id: UUID, group_id: UUID, user_id: UUID) -> LicenseGroupMember:
    """Return a person's own active membership with its group, for Settings (User)."""
    mine = LicenseGroupMember.objects.select_related("group").filter(user_id=user_id, status=MemberStatus.ACTIVE)
    return get_object_or_404(mine, tenant_id=tenant_id, group_id=group_id)


def own_members(tenant_id: UUID, user_id: UUID) -> list[LicenseGroupMember]:
    """Return a person's own active memberships with their groups, by the groups' names."""
    mine = LicenseGroupMember.objects.filter(tenant_id=tenant_id, user_id=user_id, status=MemberStatus.ACTIVE)
    return list(mine.select_related("group").order_by("group__name_key", "pk"))


def find_owner(tenant_id: UUID, typed: str) -> tuple[Membership, tuple[str, str]]:
    """Return the active member of the tenant whom the operator named, and the (address, key) to list them under.

    typed: a proven address, or a login; a directory's mail attribute finds nobody (decision 26), but where the login
    found a person without a proven address, it is the address they are listed under. Raises Refused.
    """
    typed = typed.strip()
    mine = Membership.objects.select_related("user").filter(tenant_id=tenant_id, is_active=True, user__is_active=True)
    account = text_key(typed).rpartition("\\")[2]
    found = list(mine.filter(Q(user__email_key=_key(typed)) | Q(login_key__in=[text_key(typed), account]))[:2])
    if not found:
        raise Refused(
            _("No active member of this organisation has this proven address or login."), field="owner", code="nobody"
        )
    if len(found) > 1:
        raise Refused(_("Several people have this login. Name the owner by address."), field="owner", code="several")
    member = found[0]
    try:
        return member, read_address(member.user.email or member.contact_email)
    except Refused:
        raise Refused(
            _("%(name)s has no mail address that could stand in the license group.") % {"name": member.name},
            field="owner",
            code="no-address",
        ) from None


def _key(typed):
    try:
        return read_address(typed)[1]
    except Refused:
        return ""


def listed_blocks(group: LicenseGroup):
    """Return the group's Blocked User Roles."""
    return LicenseRoleBlock.objects.filter(tenant_id=group.tenant_id, group_id=group.pk)


def get_block(group: LicenseGroup, pk: UUID) -> LicenseRoleBlock:
    """Return one entry of the list."""
    return get_object_or_404(listed_blocks(group), pk=pk)


def listed_devices(group: LicenseGroup):
    """Return the group's devices."""
    return Device.objects.filter(tenant_id=group.tenant_id, group_id=group.pk)


def get_device(group: LicenseGroup, pk: UUID) -> Device:
    """Return one device of the group."""
    return get_object_or_404(listed_devices(group), pk=pk)
