"""How people become members: accepting an invitation, and auto-assign (LG-60, LG-68 to LG-76, LG-141)."""

from dataclasses import dataclass
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.addresses import domain_of, read_address
from accounts.models import Membership, Source, User
from audit.actions import Actor, record
from config.errors import Conflict, Refused
from config.identifiers import text_key
from config.tenancy import tenant_context
from licensing.access import is_expired
from licensing.actions.invitations import make_active, split_name
from licensing.actions.members import drop_place
from licensing.actions.rules import active, check_license, end_members, granting, is_blocked, lock_group, tell
from licensing.models import (
    Device,
    GroupDomain,
    LicencePlace,
    LicenseGroup,
    LicenseGroupMember,
    MemberStatus,
    role_names,
)
from licensing.public_domains import is_public

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


@granting
def auto_assign(*, membership: Membership, by: Actor) -> LicenseGroupMember | None:
    """Give a person without a User place the role User in the group of the verified address's domain (LG-141).

    Called at every sign-in into the tenant and when an address is verified. Nothing happens without a free seat, for a
    blocked person, in an expired group, with the switch off, or by a domain that is public by now (LG-161). Inside the
    tenant's context.
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
    ).values_list("group_id", flat=True)
    group_id = found.first()
    if group_id is None:
        return None
    group = lock_group(tenant_id, group_id)
    mine = active(group).filter(user_id=user.pk).first()
    if is_blocked(group, user.pk, mine) or is_expired(group) or not group.auto_assign_users or group.free < 1:
        return None
    if LicencePlace.objects.filter(user_id=user.pk).exists():  # another sign-in came first
        return None
    row = _assigned(group, membership, user.email, user.email_key)
    tell("license.auto-assigned", group, [row], by=by, labels={}, own=lambda one: {"after": one.roles})
    return row


@granting
def assign_at_device(*, device: Device, membership: Membership, by: Actor) -> LicenseGroupMember:
    """Return the place as User of who has authenticated at a device of the group, made now where it may be (LG-141).

    Raises NotAdmitted "no-place" with the switch off, "license-expired", "blocked", "placed-elsewhere", "no-seat",
    "no-address" and "invited" (see `_listed_under`), "device-gone" where it was removed or got another key meanwhile.
    Inside the tenant's context.
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
    address, key = (mine.address, mine.address_key) if mine else _listed_under(group, membership)
    if is_blocked(group, user.pk, mine, keys=[key]):
        raise NotAdmitted(_("You cannot be User of %(group)s. Ask its administrators.") % names, code="blocked")
    if LicencePlace.objects.filter(user_id=user.pk).exists():
        raise NotAdmitted(_("You are User of another license group. Leave it first."), code="placed-elsewhere")
    if group.free < 1:
        raise NotAdmitted(_("No licence is free in %(group)s. Ask its administrators.") % names, code="no-seat")
    row = _assigned(group, membership, address, key)
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


def _assigned(group, membership, address, key):
    mine = active(group).filter(user_id=membership.user_id).first()
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
