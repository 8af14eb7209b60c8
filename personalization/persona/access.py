"""Who may open My Persona, and the own panels: gates of pages that stand outside every tenant (decision 27)."""

from dataclasses import dataclass
from uuid import UUID

from django.shortcuts import get_object_or_404

from accounts.models import Membership, Tenant, User
from config.tenancy import tenant_context
from licensing.access import is_expired
from licensing.models import LicencePlace, LicenseGroup, LicenseGroupMember, MemberStatus
from personalization.models import PersonalUI


@dataclass(frozen=True, slots=True)
class Place:
    """Where an account holds the role User at this moment."""

    tenant: Tenant
    membership: Membership
    member_id: UUID
    group: LicenseGroup

    @property
    def is_expired(self) -> bool:
        """Whether the licence of the group has run out (LG-28, LG-145)."""
        return is_expired(self.group)


def place_of(user: User) -> Place | None:
    """Return the account's place as User, or None: read anew with every request (LG-10, LG-133, LG-152).

    Somebody whose membership of that organisation has ended, or whose organisation is suspended, has none.
    """
    row = LicencePlace.objects.select_related("tenant").filter(user_id=user.pk).first()
    if row is None or row.tenant.status != Tenant.Status.ACTIVE:
        return None
    with tenant_context(row.tenant_id, user.pk):
        member = (
            LicenseGroupMember.objects.select_related("group")
            .filter(tenant_id=row.tenant_id, pk=row.member_id, status=MemberStatus.ACTIVE, is_user=True)
            .first()
        )
        membership = Membership.objects.filter(tenant_id=row.tenant_id, user_id=user.pk, is_active=True).first()
    if member is None or membership is None:
        return None
    membership.user = user
    return Place(row.tenant, membership, member.pk, member.group)


def own_panels(user: User):
    """Return the account's panels, in the order in which they were made."""
    return PersonalUI.objects.filter(user_id=user.pk).order_by("created_at", "pk")


def get_panel(user: User, pk: UUID) -> PersonalUI:
    """Return one of the own panels; another person's does not exist."""
    return get_object_or_404(own_panels(user), pk=pk)
