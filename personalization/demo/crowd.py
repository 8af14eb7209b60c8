"""The large fixture: any number of users, set-based, in batches; the settings are a few hundred distinct states."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
from django.db import connection
from django.utils import timezone
from psycopg import sql

from accounts.models import Tenant
from config.tenancy import tenant_context
from launcher.demo_people import ACME
from personalization.demo.desks import Desk
from personalization.demo.nights import EVERYTHING
from personalization.demo.programs import number as number_value
from personalization.models import (
    ManagedUser,
    PersonalizationGroup,
    ReportedGroup,
    SettingsGroup,
    SettingsProfile,
)
from personalization.store import plan_references_once, put_snapshots

BATCH = 10_000
DISTINCT = 400
DOMAINS = {"FINANCE": "Finance", "SALES": "Sales", "ENG": "Engineering", "PLANT": "Default Users"}
_MARK = "HKCU\\Software\\Roamkeep\\Fixture"
_TABLES = ("manageduser", "reportedmembership", "settingsprofile", "backup", "snapshot", "snapshotblob", "blob")
_GIVEN = "Agnes Bruno Carla David Elena Frank Greta Hugo Irene Jonas Klara Leon Marta Nils Olga Paul Rita Sven Tina Uwe"
_FAMILY = "Adler Becker Conrad Decker Engel Fuchs Graf Hahn Iller Jung Keller Lang Moser Neumann Otto Peters Roth Simon"

# Names are plain letters, so that lower() gives the stored key that `text_key` gives.
_USERS = """
INSERT INTO personalization_manageduser
    (id, tenant_id, sid, domain, domain_key, name, name_key, display_name, group_id, last_logon_at, last_endpoint,
     is_logged_on, created_at)
SELECT roamkeep_uuid7(), %(tenant)s, 'S-1-5-21-1000-2000-3000-' || 10000 + n, domain, lower(domain),
       name, lower(name), given || ' ' || family, group_id,
       %(now)s - make_interval(mins => (n::bigint * 7919 %% 20160)::int), 'WS-' || n, n %% 5 = 0, %(now)s
FROM (
    SELECT n, (%(domains)s::text[])[1 + n %% %(parts)s] AS domain, (%(groups)s::uuid[])[1 + n %% %(parts)s] AS group_id,
           given, family, lower(given) || '.' || lower(family) || n AS name
    FROM (
        SELECT n, (%(given)s::text[])[1 + n %% 20] AS given, (%(family)s::text[])[1 + n / 20 %% 18] AS family
        FROM generate_series(%(first)s::int, %(last)s::int) AS n
    ) numbers
) people
RETURNING id
"""
_REPORTED = """
INSERT INTO personalization_reportedmembership (id, tenant_id, reported_group_id, managed_user_id)
SELECT roamkeep_uuid7(), %(tenant)s, (%(reported)s::uuid[])[1 + (%(first)s + place - 1) %% %(parts)s], id
FROM unnest(%(users)s::uuid[]) WITH ORDINALITY AS u (id, place)
"""
# One profile and its backups in one statement. `turn` says where in the ring of states the profile began; each backup
# stands one further, and so does the current state where the profile changed since its newest backup.
_PROFILES = """
WITH chosen AS MATERIALIZED (
    SELECT id AS user_id, roamkeep_uuid7() AS id, %(first)s + place - 1 AS turn,
           ((%(first)s + place - 1) * 61 + %(salt)s) %% 100 < %(changed)s AS has_changed
    FROM unnest(%(users)s::uuid[]) WITH ORDINALITY AS u (id, place)
), profile AS (
    INSERT INTO personalization_settingsprofile
        (id, tenant_id, managed_user_id, settings_group_id, variant, snapshot_id, version, saved_at, endpoint, os)
    SELECT id, %(tenant)s, user_id, %(settings_group)s, '',
           (%(ring)s::uuid[])[1 + (turn + %(backups)s - 1 + has_changed::int) %% %(length)s],
           %(backups)s + has_changed::int, %(now)s - make_interval(mins => (turn %% 600)::int), '', 'Windows 11 24H2'
    FROM chosen
)
INSERT INTO personalization_backup
    (id, tenant_id, profile_id, snapshot_id, created_at, origin, created_by, name, comment, version)
SELECT roamkeep_uuid7(), %(tenant)s, id, (%(ring)s::uuid[])[1 + (turn + night) %% %(length)s],
       (%(nights)s::timestamptz[])[1 + night], 'nightly', '', '', '', 1
FROM chosen CROSS JOIN generate_series(0, %(backups)s - 1) AS night
"""


@dataclass(frozen=True, slots=True)
class Size:
    """What to make: users, settings groups each of them has, nightly backups per profile, and how many of 100 profiles
    changed since their newest backup."""

    users: int
    groups: int
    backups: int
    changed: int = 5


def fill(tenant: Tenant, size: Size, say: Callable[[str], object] = lambda line: None) -> None:
    """Fill a tenant that has no managed users yet. Memory does not depend on `size.users`.

    Each batch is a transaction of its own; a run that was cut off is not taken up again. Raises ValueError for a tenant
    in use.
    """
    now = timezone.now()
    with tenant_context(tenant.pk):
        if ManagedUser.objects.filter(tenant=tenant).exists():
            raise ValueError(f"{tenant.slug} has managed users already; name a new tenant.")
        domains, groups, reported = _groups(tenant)
        rings = _rings(tenant, size)
    common = {"tenant": tenant.pk, "now": now, "backups": size.backups, "changed": size.changed, "parts": len(domains)}
    common |= {"domains": domains, "groups": groups, "reported": reported, "nights": _nights(tenant, now, size.backups)}
    common |= {"given": _GIVEN.split(), "family": _FAMILY.split()}
    for first in range(0, size.users, BATCH):
        last = min(first + BATCH, size.users) - 1
        with tenant_context(tenant.pk), connection.cursor() as cursor:
            plan_references_once()
            values = common | {"first": first, "last": last}
            cursor.execute(_USERS, values)
            values["users"] = [id for (id,) in cursor.fetchall()]
            cursor.execute(_REPORTED, values)
        for salt, (settings_group, ring) in enumerate(rings.items()):
            with tenant_context(tenant.pk), connection.cursor() as cursor:
                plan_references_once()
                place = {"settings_group": settings_group, "ring": ring, "length": len(ring), "salt": 17 * salt}
                cursor.execute(_PROFILES, values | place)
        say(f"{last + 1:,} of {size.users:,} users")


def _groups(tenant: Tenant) -> tuple[list[str], list[UUID], list[UUID]]:
    """Return domains, and the personalization and reported group of each."""
    groups, reported = [], []
    for position, (domain, name) in enumerate(DOMAINS.items()):
        row, _made = PersonalizationGroup.objects.get_or_create(
            tenant=tenant, name=name, defaults={"position": position}
        )
        groups.append(row.pk)
        reported.append(ReportedGroup.objects.get_or_create(tenant=tenant, name=f"{domain}\\Staff")[0].pk)
    return list(DOMAINS), groups, reported


def _rings(tenant: Tenant, size: Size) -> dict[UUID, list[UUID]]:
    """Return {settings group: its distinct snapshots}: longer than a history, so that no two nights of it are equal."""
    length = max(size.backups + 2, min(24, DISTINCT // size.groups))
    rings = {}
    for number in range(size.groups):
        program = EVERYTHING[number % len(EVERYTHING)]
        name = program.name if number < len(EVERYTHING) else f"{program.name} {number // len(EVERYTHING) + 1}"
        row, _made = SettingsGroup.objects.get_or_create(
            tenant=tenant, name=name, defaults={"kind": program.kind, "programs": list(program.executables)}
        )
        desk = Desk(ACME, f"crowd{number}", f"Crowd {number}", "FINANCE")
        states = [[*program.items(desk, n), number_value(_MARK, "State", n)] for n in range(1, length + 1)]
        rings[row.pk] = [snapshot.pk for snapshot in put_snapshots(tenant_id=tenant.pk, states=states)]
    return rings


def _nights(tenant: Tenant, now: datetime, count: int) -> list[datetime]:
    """The last runs at 01:00 of the tenant's clock, oldest first."""
    local = now.astimezone(ZoneInfo(tenant.time_zone)).replace(hour=1, minute=0, second=0, microsecond=0)
    newest = local if local <= now else local - timedelta(days=1)
    return [newest - timedelta(days=days) for days in reversed(range(count))]


def analyze() -> bool:
    """Bring the planner's statistics up to date, as the owner of the tables; return whether that role is known here."""
    url = os.environ.get("DATABASE_OWNER_URL")
    if not url:
        return False
    with psycopg.connect(url, dbname=connection.settings_dict["NAME"], autocommit=True) as owner:
        for table in _TABLES:
            owner.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(f"personalization_{table}")))
    return True


def count(tenant: Tenant) -> dict[str, int]:
    """Return how many managed users and profiles the tenant has."""
    with tenant_context(tenant.pk):
        models = {"users": ManagedUser, "profiles": SettingsProfile}
        return {name: model.objects.filter(tenant=tenant).count() for name, model in models.items()}
