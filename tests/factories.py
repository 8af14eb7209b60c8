"""Rows for tests, without surprises: every value that matters is given by the test.

Each function opens the tenant's context itself, so that a test says what it needs and no more.
"""

from dataclasses import dataclass
from uuid import UUID

from django.contrib.auth.models import Permission
from django.db import connection
from django.utils import timezone

from accounts.models import GroupMembership, Membership, Tenant, User, UserGroup
from audit.actions import Actor
from config.tenancy import operator_context, tenant_context
from personalization.models import (
    Backup,
    ManagedUser,
    PersonalizationGroup,
    PersonalizationGroupGroupGrant,
    PersonalizationGroupUserGrant,
    SettingsGroup,
    SettingsProfile,
)
from roles.catalogue import GRANT_CODENAMES, Role
from roles.models import RoleAssignment


@dataclass(frozen=True)
class World:
    """A tenant and the ids of its four personalization groups."""

    tenant: Tenant
    finance: UUID
    sales: UUID
    engineering: UUID
    default: UUID

    @property
    def pk(self):
        return self.tenant.pk

    @property
    def slug(self):
        return self.tenant.slug

    def context(self):
        return tenant_context(self.tenant.pk)

    def url(self, path=""):
        return f"/t/{self.slug}/{path}"


def world(slug, name):
    tenant = Tenant.objects.create(slug=slug, name=name, time_zone="Europe/Berlin")
    with tenant_context(tenant.pk):
        groups = [
            PersonalizationGroup.objects.create(tenant=tenant, name=title, position=position, is_default=position == 3)
            for position, title in enumerate(("Finance", "Sales", "Engineering", "Default Users"))
        ]
    return World(tenant, *(group.pk for group in groups))


def member(world, name, login, *, role=None, groups=(), user=None):
    """Return the Membership of a local person, with a User Roles entry where a role is given."""
    with world.context():
        user = user or User.objects.create(display_name=name)
        row = Membership.objects.create(tenant=world.tenant, user=user, login=login, name=name, source="local")
        if role:
            entry(world, row, role, groups)
    row.user = user
    return row


def group(world, name, *, members=()):
    """Return a local UserGroup with members."""
    with world.context():
        row = UserGroup.objects.create(tenant=world.tenant, name=name, source="local")
        for one in members:
            GroupMembership.objects.create(tenant=world.tenant, user=one.user, group=row, source="local")
    return row


def entry(world, subject, role, groups=()):
    """Return the RoleAssignment of a person or group, with its guardian rows, as the tables hold them."""
    is_group = isinstance(subject, UserGroup)
    with world.context():
        row = RoleAssignment.objects.create(
            tenant=world.tenant,
            membership=None if is_group else subject,
            group=subject if is_group else None,
            role=role,
            subject_name=subject.name,
            subject_key=subject.name_key,
            granted_by="test",
            granted_at=timezone.now(),
        )
        if codename := GRANT_CODENAMES.get(Role(role)):
            permission = Permission.objects.get(codename=codename)
            for content_object_id in groups:
                common = {"tenant": world.tenant, "permission": permission, "content_object_id": content_object_id}
                if is_group:
                    PersonalizationGroupGroupGrant.objects.create(group=subject, **common)
                else:
                    PersonalizationGroupUserGrant.objects.create(user_id=subject.user_id, **common)
    return row


def operator(name, email):
    """Return the User of a platform operator, committed: the application's database role appoints nobody."""
    user = User.objects.create(display_name=name, email=email, email_key=email)
    appoint(user)
    return user


def appoint(user):
    """Make a committed account a platform operator."""
    with operator_context() as alias:
        user.is_operator = bool(User.objects.using(alias).filter(pk=user.pk).update(is_operator=True))


def managed_user(world, name, *, domain="FINANCE", group=None, display_name=""):
    with world.context():
        return ManagedUser.objects.create(
            tenant=world.tenant,
            sid=f"S-1-5-21-{domain}-{name}",
            domain=domain,
            name=name,
            display_name=display_name or name.title(),
            group_id=group or world.finance,
        )


def settings_group(world, name, kind="application"):
    with world.context():
        return SettingsGroup.objects.create(tenant=world.tenant, name=name, kind=kind)


def actor(member):
    """Return the Actor of a member, with the rights the tables give at this moment."""
    from roles.rights import rights_of

    with tenant_context(member.tenant_id):
        rights = rights_of(member)
    return Actor(
        id=member.pk,
        name=member.name,
        user_id=member.user_id,
        role=rights.role or "",
        groups=tuple(rights.groups),
        rights=rights,
    )


def check_now():
    """Run deferred constraints now, as a commit would."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")


def settings(**values):
    """Return registry items of a program: `name="text"` each under one key."""
    from personalization.formats.items import RegistryValue
    from personalization.formats.values import RegistryType, encode_text

    key = "HKCU\\Software\\Contoso"
    return [RegistryValue(key, name, RegistryType.SZ, encode_text(text)) for name, text in values.items()]


def profile(world, user, settings_group, items=None, **columns):
    """Return the profile of a user in a settings group, with current settings where `items` are given."""
    from personalization.store import put_snapshot

    with world.context():
        snapshot = put_snapshot(tenant_id=world.pk, items=items) if items is not None else None
        return SettingsProfile.objects.create(
            tenant=world.tenant,
            managed_user=user,
            settings_group=settings_group,
            snapshot=snapshot,
            saved_at=columns.pop("saved_at", timezone.now()),
            **columns,
        )


def backup(world, profile, items, *, created_at=None, origin="nightly", **columns):
    """Return a backup of a profile."""
    from personalization.store import put_snapshot

    with world.context():
        return Backup.objects.create(
            tenant=world.tenant,
            profile=profile,
            snapshot=put_snapshot(tenant_id=world.pk, items=items),
            created_at=created_at or timezone.now(),
            origin=origin,
            **columns,
        )
