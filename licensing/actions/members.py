"""Verbs of members: roles, removal, leaving (LG-77 to LG-99, LG-154 to LG-157)."""

from collections.abc import Mapping
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.actions import Actor
from config.errors import Refused
from licensing.actions.blocks import add_blocks
from licensing.actions.rules import (
    OWN_USER,
    active,
    blocked_among,
    check_admin,
    check_free,
    check_license,
    current,
    end_members,
    granting,
    lock_group,
    placed_elsewhere,
    take_user,
    tell,
)
from licensing.models import LicenseGroup, LicenseGroupMember, MemberStatus, role_names


@granting
def set_roles(
    *,
    tenant_id: UUID,
    group_id: UUID,
    shown: Mapping[UUID, int],
    is_user: bool,
    is_admin: bool,
    giving_up: bool = False,
    by: Actor,
) -> int:
    """Give members and invitations one role set, all or none; return how many have changed.

    shown: {member: version of the page}. Raises Refused: no role (LG-85), owner without Admin (LG-20), blocked (LG-88),
    a place elsewhere (LG-17), no free seats (LG-87), own rights raised or given up without `giving_up` (decision 20);
    Conflict for rows that changed since.
    """
    group = lock_group(tenant_id, group_id)
    check_admin(group, by)
    check_license(group)
    rows = current(group, shown)
    if not (is_user or is_admin):
        raise Refused(_("Choose at least one role; to take both away, remove the member."), code="no-role")
    if not is_admin and any(row.is_owner for row in rows):
        raise Refused(_("The group owner stays Admin."), field="is_admin", code="owner")
    changed = [row for row in rows if (row.is_user, row.is_admin) != (is_user, is_admin)]
    gaining = [row for row in changed if is_user and not row.is_user]
    _check_gaining(group, gaining, by)
    own = next((row for row in changed if row.user_id and row.user_id == by.user_id), None)
    if own and not giving_up and (own.is_admin and not is_admin or own.is_user and not is_user):
        raise Refused(_("With this you take a role from yourself."), code="own-rights")
    before = {row.pk: (row.is_user, row.is_admin) for row in changed}
    LicenseGroupMember.objects.filter(tenant_id=tenant_id, pk__in=list(before)).update(
        is_user=is_user, is_admin=is_admin, version=F("version") + 1
    )
    raised = [row for row in changed if is_user and not row.is_user or is_admin and not row.is_admin]
    open_ones = [row.pk for row in raised if row.status == MemberStatus.PENDING]
    LicenseGroupMember.objects.filter(tenant_id=tenant_id, pk__in=open_ones).update(roles_by=by.user_id)
    tell(
        "license.roles-changed",
        group,
        changed,
        by=by,
        labels={"after": role_names(is_user, is_admin)},
        own=lambda row: {"before": role_names(*before[row.pk])},
    )
    return len(changed)


def _check_gaining(group, gaining, by):
    """Check the rows that get the role User: pending ones use no seat until they accept (LG-61, LG-E3)."""
    if not gaining:
        return
    keys, users = blocked_among(group, [row.address_key for row in gaining], [row.user_id for row in gaining])
    blocked = [row.address for row in gaining if row.address_key in keys or row.user_id in users]
    if blocked:
        raise Refused(
            _("On the list of Blocked User Roles: %(addresses)s. Remove the block first.")
            % {"addresses": _some(blocked)},
            field="is_user",
            code="blocked",
        )
    seated = [row for row in gaining if row.status == MemberStatus.ACTIVE]
    if any(row.user_id == by.user_id and not row.is_owner for row in seated):
        raise Refused(OWN_USER, field="is_user", code="own-rights-raised")
    elsewhere = placed_elsewhere([row.user_id for row in seated])
    if elsewhere:
        named = [row.address for row in seated if row.user_id in elsewhere]
        raise Refused(
            _("User in another license group already: %(addresses)s. They have to leave it first.")
            % {"addresses": _some(named)},
            field="is_user",
            code="placed-elsewhere",
        )
    check_free(group, len(seated))


def _some(addresses):
    return ", ".join(addresses[:5]) + (" …" if len(addresses) > 5 else "")


@transaction.atomic
def remove_members(
    *,
    tenant_id: UUID,
    group_id: UUID,
    shown: Mapping[UUID, int],
    also_block: bool = False,
    giving_up: bool = False,
    by: Actor,
) -> int:
    """End memberships and cancel invitations, all or none; return how many (LG-92 to LG-99).

    also_block: bar the removed Users from the role as well, so that auto-assign does not bring them back (LG-E10).
    Raises Refused for the owner and for oneself without `giving_up`, Conflict for rows that changed since.
    """
    group = lock_group(tenant_id, group_id)
    check_admin(group, by)
    check_license(group)
    rows = current(group, shown)
    if any(row.is_owner for row in rows):
        raise Refused(_("The group owner cannot be removed."), code="owner")
    if not giving_up and any(row.user_id and row.user_id == by.user_id for row in rows):
        raise Refused(_("With this you leave the license group yourself."), code="own-rights")
    active_rows = [row for row in rows if row.status == MemberStatus.ACTIVE]
    pending = [row for row in rows if row.status == MemberStatus.PENDING]
    end_members(group, active_rows, "removed")
    end_members(group, pending, "revoked")
    own = {row.pk: {"before": row.roles} for row in rows}
    tell("license.member-removed", group, active_rows, by=by, labels={}, own=lambda row: own[row.pk])
    tell("license.invitation-revoked", group, pending, by=by, labels={}, own=lambda row: own[row.pk])
    if also_block:
        add_blocks(group, [row for row in active_rows if row.is_user], by=by)
    return len(rows)


@transaction.atomic
def leave(*, tenant_id: UUID, group_id: UUID, by: Actor) -> LicenseGroup:
    """End one's own membership with both roles; panels stay (LG-155).

    Raises Refused for non-members, and what `check_leave` raises.
    """
    group = lock_group(tenant_id, group_id)
    row = active(group).filter(user_id=by.user_id).first() if by.user_id else None
    if row is None:
        raise Refused(_("You are no member of this license group any more."), code="not-member")
    check_leave(group, row)
    end_members(group, [row], "left")
    tell("license.member-left", group, [row], by=by, labels={}, own=lambda one: {"before": one.roles})
    return group


def check_leave(group: LicenseGroup, row: LicenseGroupMember) -> None:
    """Raise Refused where nobody leaves, for the licence has expired (LG-28), and for the owner (LG-156)."""
    check_license(group)
    if row.is_owner:
        raise Refused(
            _("The group owner cannot leave. Ask the platform operator to transfer the ownership first."), code="owner"
        )


@transaction.atomic
def drop_place(*, group: LicenseGroup, row: LicenseGroupMember, by: Actor) -> None:
    """Take the role User from a member of a locked group, who leaves it where that was the only role (LG-74, LG-105)."""
    before = row.roles
    if row.is_admin:
        take_user(group, [row])
        tell(
            "license.roles-changed",
            group,
            [row],
            by=by,
            labels={"after": role_names(False, True)},
            own=lambda _row: {"before": before},
        )
    else:
        end_members(group, [row], "left")
        tell("license.member-left", group, [row], by=by, labels={}, own=lambda _row: {"before": before})


def note_use(*, tenant_id: UUID, member_id: UUID) -> None:
    """Keep that a place of a User is used now; in the place's tenant, whether a sign-in, a panel or a device says so."""
    LicenseGroupMember.objects.filter(tenant_id=tenant_id, pk=member_id).update(last_used_at=timezone.now())
