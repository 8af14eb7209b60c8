"""What a person may do: the union over the own entry and every group's entry (spec 2.1), as a value."""

from dataclasses import dataclass
from uuid import UUID

from django.db import connection

from accounts.models import Tenant
from roles.catalogue import GRANT_CODENAMES, PERMISSIONS, SIGNED_IN, LicenseRole, Role


@dataclass(frozen=True, slots=True)
class Grant:
    """One source of rights: a role, the group it covers (None for all), and where it comes from.

    The group is a personalization group, or a license group where the role is a LicenseRole. `via` is the listed group's
    name, or "" for the person's own entry; `entry_id` and `via_id` are the keys of the entry and of that group, and the
    member's row and the license group for a LicenseRole.
    """

    role: str
    group_id: UUID | None
    via: str = ""
    entry_id: UUID | None = None
    via_id: UUID | None = None

    def gives(self, permission, group=None):
        """Say whether this source alone allows it, in `group` (an id) where one is given."""
        covers = self.role == Role.PRIMARY_ADMIN or self.group_id is not None and group in (None, self.group_id)
        return covers and permission in PERMISSIONS[self.role]


@dataclass(frozen=True, slots=True)
class Rights:
    """The effective rights of one person in one tenant. `admin_groups` and `support_groups` hold ids of personalization
    groups; a Primary Administrator has every one without naming it. `license_groups` are the license groups in which
    the person is Admin, `license_places` those where the person is User: no other role gives them (UM-E4)."""

    is_primary: bool = False
    admin_groups: frozenset = frozenset()
    support_groups: frozenset = frozenset()
    license_groups: frozenset = frozenset()
    license_places: frozenset = frozenset()
    is_member: bool = False

    @property
    def role(self):
        """The strongest role held anywhere, or None."""
        if self.is_primary:
            return Role.PRIMARY_ADMIN
        if self.admin_groups:
            return Role.ADMIN
        return Role.SUPPORT_DESK if self.support_groups else None

    @property
    def groups(self):
        """Every group in which the person may work on one user at a time (spec 2.1 rule 5)."""
        return self.admin_groups | self.support_groups

    def may(self, permission, group=None):
        """Say whether the person holds the permission, in `group` (an id) where one is given."""
        if not self.is_member:
            return False
        if permission in SIGNED_IN:
            return True
        if self.is_primary and permission in PERMISSIONS[Role.PRIMARY_ADMIN]:
            return True
        held = (
            (Role.ADMIN, self.admin_groups),
            (Role.SUPPORT_DESK, self.support_groups),
            (LicenseRole.ADMIN, self.license_groups),
            (LicenseRole.USER, self.license_places),
        )
        return any(
            permission in PERMISSIONS[role] and (bool(groups) if group is None else group in groups)
            for role, groups in held
        )


def aggregate(grants):
    """Return the Rights that a set of grants adds up to: order and repetition do not matter, nothing is taken away."""
    grants = list(grants)

    def groups(role):
        return frozenset(grant.group_id for grant in grants if grant.role == role and grant.group_id)

    return Rights(
        is_primary=any(grant.role == Role.PRIMARY_ADMIN for grant in grants),
        admin_groups=groups(Role.ADMIN),
        support_groups=groups(Role.SUPPORT_DESK),
        license_groups=groups(LicenseRole.ADMIN),
        license_places=groups(LicenseRole.USER),
        is_member=True,
    )


# One statement over the entries, the direct grants and the members of license groups: migration 0003.
_SQL = """
SELECT word, covers, via_name, entry, via_group
FROM roles_grants_of(%(tenant)s, %(membership)s, %(user)s, %(primary)s, %(license_admin)s, %(license_user)s)
"""
_ROLE_OF = {codename: role for role, codename in GRANT_CODENAMES.items()}


def grants_of(membership):
    """Return every Grant of a person in the current tenant, own entry and groups. One query."""
    with connection.cursor() as cursor:
        cursor.execute(
            _SQL,
            {
                "tenant": membership.tenant_id,
                "membership": membership.pk,
                "user": membership.user_id,
                "primary": Role.PRIMARY_ADMIN.value,
                "license_admin": LicenseRole.ADMIN.value,
                "license_user": LicenseRole.USER.value,
            },
        )
        return [Grant(_ROLE_OF.get(word, word), *rest) for word, *rest in cursor.fetchall()]


def rights_of(membership):
    """Return the Rights of a person; one who left, is disabled or locked, or None, has none (decision 22)."""
    if not membership or closed_gate(membership):
        return Rights()
    return aggregate(grants_of(membership))


def closed_gate(membership):
    """Return the code of the first gate of the person that is shut, or "" when all are open (UM-31)."""
    user = membership.user
    if not user.is_active:
        return "account-disabled"
    if user.locked_at is not None:
        return "account-locked"
    return "" if membership.is_active else "left"


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a person may do something and why (UM-33).

    `reason` is one of: account-disabled, account-locked, left, tenant-suspended (a shut gate), signed-in (every member
    may), granted (`sources` name each entry that alone suffices), no-entry, role-too-small, other-groups.
    """

    allowed: bool
    reason: str
    sources: tuple[Grant, ...] = ()


def authorize(membership, permission, group=None):
    """Decide whether the person holds the permission, in `group` (an id) where one is given (UM-29 to UM-33).

    Says the same as `rights_of(membership).may(permission, group)`, with the reason. Reads the rights anew.
    """
    if gate := closed_gate(membership):
        return Decision(False, gate)
    if membership.tenant.status != Tenant.Status.ACTIVE:
        return Decision(False, "tenant-suspended")
    if permission in SIGNED_IN:
        return Decision(True, "signed-in")
    grants = grants_of(membership)
    if sources := tuple(grant for grant in grants if grant.gives(permission, group)):
        return Decision(True, "granted", sources)
    if not grants:
        return Decision(False, "no-entry")
    elsewhere = group is not None and any(grant.gives(permission) for grant in grants)
    return Decision(False, "other-groups" if elsewhere else "role-too-small")
