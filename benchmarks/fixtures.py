"""Tenants, people and connections of the benchmarks, made set-based and kept for the length of a run."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import Permission
from django.db import connection, connections
from django.test import Client
from django.utils import timezone
from psycopg.conninfo import conninfo_to_dict

from accounts.models import GroupMembership, Membership, Tenant, User, UserGroup
from config.tenancy import tenant_context
from personalization.demo.crowd import Size, analyze, fill
from personalization.models import PersonalizationGroup, PersonalizationGroupGroupGrant, PersonalizationGroupUserGrant
from roles.catalogue import GRANT_CODENAMES, Role
from roles.models import RoleAssignment

SIZES = {"S": (1_000, 10_000), "M": (10_000, 1_000_000)}  # users of the small and of the large tenant of a list


@dataclass(slots=True)
class Bench:
    """What a benchmark gets: the size ("S" or "M"), a voice, and tenants that are made once and shared by name."""

    size: str
    say: Callable[[str], object] = lambda line: None
    _tenants: dict[str, Tenant] = field(default_factory=dict)

    def tenant(self, users: int, *, groups: int = 1, backups: int = 1, changed: int = 5, name: str = "") -> Tenant:
        """Return a tenant with so many users, settings groups per user, backups per profile, per cent changed.

        One tenant per set of figures, kept through the run and found again by the next on the same database; with
        `name` a tenant apart, for benchmarks that write.
        """
        slug = f"bench-{users}-{groups}-{backups}-{changed}" + (f"-{name}" if name else "")
        if slug not in self._tenants:
            self._tenants[slug] = self._found(slug) or self._made(slug, Size(users, groups, backups, changed))
        return self._tenants[slug]

    @property
    def rounds(self) -> int:
        """How many quiet rounds a race of reads takes."""
        return {"S": 5, "M": 7}[self.size]

    def small(self) -> Tenant:
        """The tenant from which a list grows: 1,000 users at size S, 10,000 at M; one profile and one backup each."""
        return self.tenant(SIZES[self.size][0])

    def large(self) -> Tenant:
        """The tenant to which a list grows: 10,000 users at size S, 1,000,000 at M."""
        return self.tenant(SIZES[self.size][1])

    def _found(self, slug: str) -> Tenant | None:
        row = Tenant.objects.using("owner").filter(slug=slug).first()
        if row and row.name != slug:  # a run was cut off while it filled this one
            row.slug = f"{slug}-{row.pk.hex[-8:]}"
            row.save(using="owner")
            return None
        return Tenant.objects.get(pk=row.pk) if row else None

    def _made(self, slug: str, size: Size) -> Tenant:
        self.say(f"  making {slug}: {size.users:,} users, {size.users * size.groups:,} profiles")
        tenant = Tenant.objects.create(slug=slug, name="unfinished", time_zone="Europe/Berlin")
        fill(tenant, size)
        Tenant.objects.using("owner").filter(pk=tenant.pk).update(name=slug)
        tenant.name = slug
        vacuum()
        return tenant


def vacuum() -> None:
    """Bring statistics and visibility up to date, as the owner: a fixture is measured as a table that has settled."""
    analyze()
    owner = connections["owner"]
    with owner.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname ~ '^(personalization|roles|accounts|licensing)_'"
        )
        for (table,) in cursor.fetchall():
            cursor.execute(f"VACUUM (ANALYZE) {owner.ops.quote_name(table)}")


def connect_owner() -> None:
    """Give Django a third connection, `owner`: it makes peers' tables and reads without row-level security."""
    parts = conninfo_to_dict(os.environ["DATABASE_OWNER_URL"])
    known = {"user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT", "dbname": "NAME"}
    own = {key: str(parts[name]) for name, key in known.items() if name in parts}
    connections.settings["owner"] = connections.settings["default"] | own
    if connection.settings_dict["NAME"] != connections["owner"].settings_dict["NAME"]:
        raise RuntimeError("DATABASE_OWNER_URL names another database than DATABASE_URL.")


def member(
    tenant: Tenant, login: str, *, role: str = Role.PRIMARY_ADMIN, groups: Iterable[UUID] = (), via: int = 0
) -> Membership:
    """Return a local person with a User Roles entry; made once per tenant and login.

    groups: personalization groups of the entry; via: the entry belongs to so many user groups of which the person is a
    member, `groups` dealt out among them, instead of to the person.
    """
    with tenant_context(tenant.pk):
        if row := Membership.objects.filter(tenant=tenant, login=login).select_related("user").first():
            return row
        user = User.objects.create(display_name=login.title())
        row = Membership.objects.create(tenant=tenant, user=user, login=login, name=login.title(), source="local")
        row.user = user
        chosen = list(groups)
        if not via:
            _entry(tenant, row, role, chosen)
        for number in range(via):
            group = UserGroup.objects.create(tenant=tenant, name=f"{login} desk {number}", source="local")
            GroupMembership.objects.create(tenant=tenant, user=user, group=group, source="local")
            _entry(tenant, group, role, chosen[number::via])
    return row


def _entry(tenant: Tenant, subject: Any, role: str, groups: Iterable[UUID]) -> None:
    is_group = isinstance(subject, UserGroup)
    RoleAssignment.objects.create(
        tenant=tenant,
        membership=None if is_group else subject,
        group=subject if is_group else None,
        role=role,
        subject_name=subject.name,
        subject_key=subject.name_key,
        granted_by="benchmark",
        granted_at=timezone.now(),
    )
    if codename := GRANT_CODENAMES.get(Role(role)):
        permission = Permission.objects.get(codename=codename)
        for content_object_id in groups:
            common = {"tenant": tenant, "permission": permission, "content_object_id": content_object_id}
            if is_group:
                PersonalizationGroupGroupGrant.objects.create(group=subject, **common)
            else:
                PersonalizationGroupUserGrant.objects.create(user_id=subject.user_id, **common)


def personalization_groups(tenant: Tenant) -> list[UUID]:
    """Return the ids of the tenant's personalization groups in their order."""
    with tenant_context(tenant.pk):
        return list(
            PersonalizationGroup.objects.filter(tenant=tenant).order_by("position").values_list("pk", flat=True)
        )


def sign_in(member: Membership) -> Client:
    """Return a browser in which the member is signed in: requests go through the whole stack of middleware."""
    client = Client()
    session = client.session
    session[SESSION_KEY] = str(member.user_id)
    session[BACKEND_SESSION_KEY] = "accounts.backends.SessionBackend"
    session[HASH_SESSION_KEY] = member.user.get_session_auth_hash()
    session["tenant_id"] = str(member.tenant_id)
    session.save()
    client.cookies[settings.SESSION_COOKIE_NAME] = str(session.session_key)
    return client


def page(client: Client, address: str, **headers: str) -> bytes:
    """Return the bytes of a page, or raise where it is not a 200."""
    response = client.get(address, headers=headers or None)
    if response.status_code != 200:
        raise AssertionError(f"{address} answered {response.status_code}")
    return response.content
