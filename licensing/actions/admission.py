"""How people become members by an invitation (LG-60, LG-68 to LG-76)."""

from dataclasses import dataclass
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Membership, Source, User
from audit.actions import Actor, record
from config.errors import Conflict, Refused
from config.identifiers import text_key
from config.tenancy import tenant_context
from licensing.actions.invitations import make_active
from licensing.actions.members import drop_place
from licensing.actions.rules import active, check_license, end_members, granting, is_blocked, lock_group, tell
from licensing.models import (
    LicencePlace,
    LicenseGroupMember,
    MemberStatus,
    role_names,
)

OWN_GIFT = gettext_lazy(
    "You chose the roles of this invitation yourself. You cannot give yourself a role; another Admin can."
)


class InvitationDead(Refused):
    """A used, revoked, superseded or expired invitation: one neutral sentence, status 410 (LG-69)."""

    status = 410

    def __init__(self):
        super().__init__(_("This invitation is no longer valid. Ask your administrator for a new one."), code="dead")


class PlaceElsewhere(Refused):
    """The person holds the role User elsewhere: asked to leave it first (LG-74). `group_name` is where.

    `moved`: another group was ticked, which the person is no User of any more (409).
    """

    def __init__(self, group_name, *, moved=False):
        text = _("You hold the role User in %(group)s. Tick that you leave that role there.")
        if moved:
            text = _(
                "Your role User has moved to %(group)s since you opened this page. Nothing was changed. "
                "Tick that you leave it there."
            )
            self.status = Conflict.status
        code = "place-moved" if moved else "placed-elsewhere"
        super().__init__(text % {"group": group_name}, field="leave_other", code=code)
        self.group_name = group_name


@dataclass(frozen=True, slots=True)
class Place:
    """Where an account holds the role User. `is_admin`: there is another role, with which the person stays."""

    tenant_id: UUID
    group_id: UUID
    group_name: str
    member_id: UUID
    is_admin: bool


def place_of(user_id: UUID | None) -> Place | None:
    """Return the one User place of an account over all organisations (LG-17), or None."""
    found = LicencePlace.objects.filter(user_id=user_id).first() if user_id else None
    if found is None:
        return None
    with tenant_context(found.tenant_id):
        row = LicenseGroupMember.objects.select_related("group").get(tenant_id=found.tenant_id, pk=found.member_id)
        return Place(found.tenant_id, row.group_id, row.group.name, row.pk, row.is_admin)


def live_invitation(tenant_id: UUID, pair: tuple[UUID, int] | None) -> LicenseGroupMember:
    """Return the invitation that a link's (member, generation) opens now, with its group, or raise InvitationDead."""
    if pair is None:
        raise InvitationDead
    member_id, generation = pair
    row = (
        LicenseGroupMember.objects.select_related("group")
        .filter(tenant_id=tenant_id, pk=member_id, status=MemberStatus.PENDING, generation=generation)
        .first()
    )
    if row is None or not row.expires_at or row.expires_at <= timezone.now():
        raise InvitationDead
    return row


@granting
def accept(
    *,
    tenant_id: UUID,
    pair: tuple[UUID, int],
    user: User,
    membership: Membership | None,
    first_name: str,
    last_name: str,
    leave_other: UUID | None = None,
    by: Actor,
) -> LicenseGroupMember:
    """Make the signed-in person a member of the group that invited the address (LG-60, LG-70 to LG-74).

    `membership` is made (local, without roles) where it is missing (UM-04); the link proves an account's address that
    was not proven before. `leave_other` is the group whose role User the person gives up, as the page named it. Groups
    are locked in id order. Raises InvitationDead, PlaceElsewhere, Refused "other-address", "address-taken", "login-taken",
    "no-seat", "suspended" (LG-E7), "deactivated", "own-rights-raised" (decision 20), "license-expired" (LG-28). Where a
    block leaves no role the invitation ends and is returned so (LG-73).
    """
    row = live_invitation(tenant_id, pair)
    other = place_of(user.pk) if row.is_user else None
    group, other_group = _lock_both(tenant_id, row.group_id, other)
    row = live_invitation(tenant_id, pair)
    check_license(group)
    if not User.objects.filter(pk=user.pk, is_active=True, locked_at=None).exists():
        raise Refused(_("This account is suspended. Ask your administrator."), code="suspended")
    if membership and not membership.is_active:
        raise Refused(_("Your access to this organisation was ended. Ask your administrator."), code="deactivated")
    _prove_address(user, row)
    mine = active(group).filter(user_id=user.pk).first()
    if row.is_user and is_blocked(group, user.pk, row, mine):
        row.is_user = False
    if not (row.is_user or row.is_admin):
        return _revoke(group, row, by=by)
    if gives_oneself(row, user):
        raise Refused(OWN_GIFT, code="own-rights-raised")
    other = place_of(user.pk) if row.is_user else None
    if other and other.group_id != group.pk:
        if leave_other is None:
            raise PlaceElsewhere(other.group_name)
        if leave_other != other.group_id or other_group is None or other_group.pk != other.group_id:
            raise PlaceElsewhere(other.group_name, moved=True)
        _leave_other(other, other_group, by=by)
    if row.is_user and not (mine and mine.is_user) and group.free < 1:
        raise Refused(
            _("No licence is free in %(group)s. Your invitation stays valid; its administrators are told.")
            % {"group": group.name},
            code="no-seat",
        )
    if membership is None:
        _make_membership(tenant_id, user, row.address, f"{first_name} {last_name}".strip(), by=by)
    if mine:
        return _merge(group, row, mine, by=by)
    make_active(row, user.pk, first_name, last_name)
    tell("license.invitation-accepted", group, [row], by=by, labels={}, own=lambda one: {"after": one.roles})
    return row


def gives_oneself(row: LicenseGroupMember, user: User) -> bool:
    """Tell whether the person chose roles of the invitation that accepting would add; the owner may (decision 20)."""
    if row.roles_by != user.pk:
        return False
    mine = active(row.group).filter(user_id=user.pk).first()
    if mine and mine.is_owner:
        return False
    adds_user = row.is_user and not (mine and mine.is_user) and not is_blocked(row.group, user.pk, row, mine)
    return adds_user or row.is_admin and not (mine and mine.is_admin)


def _make_membership(tenant_id, user, address, name, *, by):
    login = address[:200]
    if Membership.objects.filter(tenant_id=tenant_id, login_key=text_key(login), source=Source.LOCAL).exists():
        raise Conflict(
            _("%(login)s signs in here with another account. Sign in with that account.") % {"login": login},
            code="login-taken",
        )
    try:
        with transaction.atomic():
            membership = Membership.objects.create(
                tenant_id=tenant_id, user=user, login=login, name=name[:200], source=Source.LOCAL
            )
    except IntegrityError:  # the person accepts two invitations at once
        raise Conflict(
            _("Your roles changed in the meantime. Open the invitation again."), code="membership-made"
        ) from None
    labels = {"person": f"{membership.name} ({membership.login})", "source": Source.LOCAL.value}
    record("membership.created", tenant_id=tenant_id, by=by, subject=membership, labels=labels)


@transaction.atomic
def end_if_blocked(*, tenant_id: UUID, pair: tuple[UUID, int], by: Actor) -> bool:
    """End an invitation that would leave no role, for the address is blocked (LG-73); return whether it ended.

    For somebody without an account yet: none is made then. The group stays locked until the end of the transaction.
    Raises InvitationDead, Refused with an expired licence (LG-28).
    """
    row = live_invitation(tenant_id, pair)
    group = lock_group(tenant_id, row.group_id)
    row = live_invitation(tenant_id, pair)
    check_license(group)
    if row.is_admin or not is_blocked(group, None, row):
        return False
    _revoke(group, row, by=by)
    return True


def _lock_both(tenant_id, group_id, other):
    """Lock the inviting group and the one that is left, in id order, each in its own tenant; return both."""
    wanted = {(group_id, tenant_id)} | ({(other.group_id, other.tenant_id)} if other else set())
    locked = {}
    for pk, owner in sorted(wanted, key=lambda pair: pair[0].int):
        with tenant_context(owner):
            locked[pk] = lock_group(owner, pk)
    return locked[group_id], locked[other.group_id] if other else None


def _prove_address(user, row):
    if user.email_key == row.address_key:
        return
    if user.email_key:
        raise Refused(
            _("This invitation is for another address. Sign in with the account of the invited address."),
            code="other-address",
        )
    try:
        with transaction.atomic():
            User.objects.filter(pk=user.pk, email_key=None).update(email=row.address, email_key=row.address_key)
    except IntegrityError:
        raise Refused(
            _("The invited address belongs to another account. Sign in with that account."), code="address-taken"
        ) from None


def _revoke(group, row, *, by):
    end_members(group, [row], "blocked")
    tell("license.invitation-revoked", group, [row], by=by, labels={"before": role_names(True, False)})
    row.status = MemberStatus.ENDED
    return row


def _leave_other(other, other_group, *, by):
    with tenant_context(other.tenant_id):
        row = LicenseGroupMember.objects.get(tenant_id=other.tenant_id, pk=other.member_id)
        if row.is_owner and not row.is_admin:
            raise Refused(_("The group owner cannot leave."), code="owner")
        drop_place(group=other_group, row=row, by=by)


def _merge(group, row, mine, *, by):
    """The person is a member under another address: that membership gets the roles, the invitation ends."""
    end_members(group, [row], "accepted")
    before = mine.roles
    mine.is_user, mine.is_admin = mine.is_user or row.is_user, mine.is_admin or row.is_admin
    mine.version += 1
    mine.save(update_fields=["is_user", "is_admin", "version"])
    mine.group = group  # the caller names it after the transaction, when no row of the tenant can be read any more
    labels = {"after": mine.roles, "invited": row.address}
    tell("license.invitation-accepted", group, [mine], by=by, labels=labels, own=lambda _row: {"before": before})
    return mine
