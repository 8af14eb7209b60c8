"""Who opens an invitation's link, and what they can do with it (LG-70, LG-E7)."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from accounts.models import Membership, Source, User
from licensing.actions.admission import Place, gives_oneself, place_of
from licensing.actions.rules import active
from licensing.models import LicenseGroupMember, MemberStatus


@dataclass(frozen=True, slots=True)
class Visitor:
    """What the page offers.

    OWN: signed in with the invited address, or with an account whose address this link proves; OTHER: signed in with
    another address; MEMBER: the address has an account that signs in here; ELSEWHERE: its account belongs to other
    organisations only; NEW: no account has this address yet. `place`: where OWN holds the role User instead, which
    accepting ends (LG-74); `is_giver`: OWN chose the roles, and so cannot take them (decision 20).
    """

    OWN: ClassVar[str] = "own"
    OTHER: ClassVar[str] = "other"
    MEMBER: ClassVar[str] = "member"
    ELSEWHERE: ClassVar[str] = "elsewhere"
    NEW: ClassVar[str] = "new"

    kind: str
    user: User | None = None
    membership: Membership | None = None
    place: Place | None = None
    is_giver: bool = False

    @property
    def can_accept(self):
        return self.kind == self.OWN

    @property
    def can_register(self):
        return self.kind == self.NEW


def visitor_of(request, row) -> Visitor:
    """Return who opens the link of the invitation `row`; inside the tenant's context."""
    account = User.objects.filter(email_key=row.address_key).first()
    user = _session_user(request)
    if user:
        mine = Membership.objects.filter(tenant_id=request.tenant.pk, user_id=user.pk).first()
        if user.email_key == row.address_key or not user.email_key and account is None:
            return Visitor(Visitor.OWN, user, mine, _elsewhere(user, row), gives_oneself(row, user))
        return Visitor(Visitor.OTHER, user, mine)
    if account is None:
        return Visitor(Visitor.NEW)
    here = Membership.objects.filter(tenant_id=request.tenant.pk, user_id=account.pk).exists()
    return Visitor(Visitor.MEMBER if here else Visitor.ELSEWHERE)


def accepted_by(request, pair: tuple[UUID, int] | None) -> LicenseGroupMember | None:
    """Return the active membership of who is signed in where they themselves have accepted by this link, or None.

    pair: (member, generation) of the link; inside the tenant's context. Nobody else learns what became of it (LG-69).
    """
    if pair is None or not request.membership:
        return None
    found = LicenseGroupMember.objects.select_related("group").filter(tenant_id=request.tenant.pk)
    row = found.filter(pk=pair[0], generation=pair[1]).first()
    if row is None or row.status == MemberStatus.PENDING:
        return None
    if row.status == MemberStatus.ACTIVE:
        return row if row.user_id == request.user.pk else None
    if row.end_reason != "accepted" or row.address_key != request.user.email_key:
        return None
    # a second address of a member: the invitation's roles went to the membership that was there
    return active(row.group).select_related("group").filter(user_id=request.user.pk).first()


def _elsewhere(user, row):
    place = place_of(user.pk) if row.is_user else None
    return place if place and place.group_id != row.group_id else None


def _session_user(request):
    """Return the account of the session where it counts in this tenant, or would count after joining (decision 26)."""
    if not request.user.is_authenticated:
        return None
    if request.membership:
        return request.user
    is_here = request.session.get("tenant_id") == str(request.tenant.pk)
    mine = Membership.objects.filter(tenant_id=request.tenant.pk, user_id=request.user.pk).first()
    if mine:  # deactivated: told so; a directory that was not read for long, or a session of elsewhere: sign in here
        return request.user if not mine.is_active and is_here else None
    return request.user if request.session.get("opened_by") == Source.LOCAL else None
