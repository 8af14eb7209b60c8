"""Verbs of Blocked User Roles: bar somebody from the role User, member or not, and lift it (LG-100 to LG-133)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audit.actions import Actor
from config.errors import Conflict, Refused
from licensing.actions.rules import (
    MOST_ROWS,
    accounts_of,
    active,
    check_admin,
    check_license,
    check_number,
    current,
    end_members,
    lock_group,
    take_user,
    tell,
)
from licensing.models import (
    LicenseGroup,
    LicenseGroupMember,
    LicenseRoleBlock,
    MailState,
    MemberStatus,
    role_names,
)


@dataclass(frozen=True, slots=True)
class Blocked:
    """What a block did: entries written, addresses that were listed before, members who lost User, who left."""

    blocked: int
    already: tuple[str, ...] = ()
    lost_role: int = 0
    left: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """What blocking addresses does: Users who lose the role, (address, key) of others, addresses listed before."""

    users: list[LicenseGroupMember]
    others: list[tuple[str, str]]
    already: tuple[str, ...]
    accounts: Mapping[str, tuple[UUID, str]]


@transaction.atomic
def block_members(
    *, tenant_id: UUID, group_id: UUID, shown: Mapping[UUID, int], giving_up: bool = False, by: Actor
) -> Blocked:
    """Take the role User from members and bar them from it, all or none (LG-109 to LG-116).

    Raises Refused where one is pending or no User (LG-113), and for oneself without `giving_up`; Conflict for rows that
    changed since.
    """
    group = lock_group(tenant_id, group_id)
    check_admin(group, by)
    check_license(group)
    rows = current(group, shown)
    if any(row.status != MemberStatus.ACTIVE or not row.is_user for row in rows):
        raise Refused(_("Only active members with the role User can be blocked."), code="not-user")
    if not giving_up and any(row.user_id == by.user_id for row in rows):
        raise Refused(_("With this you take the role User from yourself."), code="own-rights")
    return _take_role(group, rows, by=by)


@transaction.atomic
def block_addresses(
    *, tenant_id: UUID, group_id: UUID, addresses: Iterable[tuple[str, str]], giving_up: bool = False, by: Actor
) -> Blocked:
    """Bar addresses from the role User, members or not (LG-118 to LG-120, LG-127 to LG-130).

    addresses: (address, key) pairs. Listed ones stay as they are and are reported. Raises Refused with `problems`
    {address: sentence} for pending ones (LG-128), and for oneself without `giving_up`.
    """
    group = lock_group(tenant_id, group_id)
    check_admin(group, by)
    check_license(group)
    plan = plan_addresses(tenant_id=tenant_id, group_id=group_id, addresses=addresses)
    if not giving_up and any(row.user_id == by.user_id for row in plan.users):
        raise Refused(_("With this you take the role User from yourself."), code="own-rights")
    done = _take_role(group, plan.users, by=by)
    more = _write_blocks(group, plan.others, accounts=plan.accounts, by=by, tells=False)
    return Blocked(done.blocked + more, plan.already, done.lost_role, done.left)


def plan_addresses(*, tenant_id: UUID, group_id: UUID, addresses: Iterable[tuple[str, str]]) -> Plan:
    """Return what blocking (address, key) pairs would do now (LG-127). Raises Refused with `problems` (LG-128)."""
    wanted = {key: address for address, key in addresses}
    if len(wanted) > MOST_ROWS:
        raise Refused(_("At most %(most)s addresses in one step.") % {"most": MOST_ROWS}, code="too-many")
    accounts = {key: (user_id, "") for key, user_id in accounts_of(wanted).items()}
    mine = Q(address_key__in=list(wanted)) | Q(user_id__in=[user_id for user_id, _roles in accounts.values()])
    found = LicenseGroupMember.objects.filter(mine, tenant_id=tenant_id, group_id=group_id)
    members = list(found.exclude(status=MemberStatus.ENDED).order_by("address_key"))
    pending = [row for row in members if row.status == MemberStatus.PENDING]
    if pending:
        sentence = _("is invited: cancel the invitation first.")
        raise Refused(
            _("Nobody was blocked: some addresses are invited."),
            field="addresses",
            code="pending",
            problems={row.address: sentence for row in pending},
        )
    listed = LicenseRoleBlock.objects.filter(tenant_id=tenant_id, group_id=group_id, address_key__in=list(wanted))
    already = dict(listed.values_list("address_key", "address"))
    users = [row for row in members if row.is_user]
    known = {row.address_key for row in users}
    others = [(address, key) for key, address in wanted.items() if key not in known and key not in already]
    return Plan(users, others, tuple(already.values()), accounts)


@transaction.atomic
def unblock(*, tenant_id: UUID, group_id: UUID, block_ids: Iterable[UUID], by: Actor) -> int:
    """Take entries off the list, all or none; nobody gets a role or a seat by it (LG-121 to LG-124).

    Raises Refused "own-rights-raised" for one's own: auto-assign would make its Admin User (decision 20); the owner may.
    """
    group = lock_group(tenant_id, group_id)
    check_admin(group, by)
    check_license(group)
    wanted = set(block_ids)
    check_number(len(wanted))
    rows = list(LicenseRoleBlock.objects.filter(tenant_id=tenant_id, group_id=group_id, pk__in=wanted))
    if len(rows) != len(wanted):
        raise Conflict(_("Some of these entries are gone already. Nothing was done; select again."), code="block-gone")
    if _bars_oneself(group, rows, by=by):
        raise Refused(_("You cannot lift your own block; another Admin can."), code="own-rights-raised")
    LicenseRoleBlock.objects.filter(tenant_id=tenant_id, group_id=group_id, pk__in=wanted).delete()
    tell("license.unblocked", group, sorted(rows, key=lambda row: row.address_key), by=by, labels={})
    return len(rows)


def _bars_oneself(group, rows, *, by):
    mine = active(group).filter(user_id=by.user_id).first()
    if mine and mine.is_owner:
        return False
    keys = {*User.objects.filter(pk=by.user_id).values_list("email_key", flat=True)}
    if mine:
        keys.add(mine.address_key)
    return any(row.user_id == by.user_id or row.address_key in keys for row in rows)


def _take_role(group, rows, *, by):
    """Take User from active members of a locked group and list them; Admins stay, others leave (LG-104, LG-105)."""
    leaving = [row for row in rows if not row.is_admin]
    take_user(group, [row for row in rows if row.is_admin])
    end_members(group, leaving, "blocked")
    written = add_blocks(group, rows, by=by)
    return Blocked(written, (), len(rows), len(leaving))


def add_blocks(group: LicenseGroup, rows: list[LicenseGroupMember], *, by: Actor) -> int:
    """List members of a locked group who no longer hold User; return how many entries are new."""
    listed = LicenseRoleBlock.objects.filter(tenant_id=group.tenant_id, group_id=group.pk)
    known = set(listed.filter(address_key__in=[row.address_key for row in rows]).values_list("address_key", flat=True))
    new = [row for row in rows if row.address_key not in known]
    accounts = {row.address_key: (row.user_id, row.roles) for row in new}
    pairs = [(row.address, row.address_key) for row in new]
    return _write_blocks(group, pairs, accounts=accounts, by=by, tells=group.tells_blocked)


def _write_blocks(group, pairs, *, accounts, by, tells):
    if not pairs:
        return 0
    now = timezone.now()
    blocks = LicenseRoleBlock.objects.bulk_create(
        [
            LicenseRoleBlock(
                tenant_id=group.tenant_id,
                group_id=group.pk,
                address=address,
                address_key=key,
                user_id=accounts.get(key, (None, ""))[0],
                created_at=now,
                created_by=by.name[:200],
                mail_state=MailState.PENDING if tells else "",
            )
            for address, key in pairs
        ]
    )
    tell(
        "license.blocked",
        group,
        blocks,
        by=by,
        labels={"after": role_names(False, True)},
        own=lambda row: {"before": accounts.get(row.address_key, (None, ""))[1] or "–"},
    )
    return len(blocks)
