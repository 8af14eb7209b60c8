"""Who opens an invitation's link, and what they can do with it (LG-70, LG-E7)."""

from dataclasses import dataclass
from typing import ClassVar

from accounts.models import Membership, Source, User


@dataclass(frozen=True, slots=True)
class Visitor:
    """What the page offers.

    OWN: signed in with the invited address, or with an account whose address this link proves; OTHER: signed in with
    another address; MEMBER: the address has an account that signs in here; ELSEWHERE: its account belongs to other
    organisations only; NEW: no account has this address yet.
    """

    OWN: ClassVar[str] = "own"
    OTHER: ClassVar[str] = "other"
    MEMBER: ClassVar[str] = "member"
    ELSEWHERE: ClassVar[str] = "elsewhere"
    NEW: ClassVar[str] = "new"

    kind: str
    user: User | None = None
    membership: Membership | None = None

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
        fits = user.email_key == row.address_key or not user.email_key and account is None
        return Visitor(Visitor.OWN if fits else Visitor.OTHER, user, mine)
    if account is None:
        return Visitor(Visitor.NEW)
    here = Membership.objects.filter(tenant_id=request.tenant.pk, user_id=account.pk).exists()
    return Visitor(Visitor.MEMBER if here else Visitor.ELSEWHERE)


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
