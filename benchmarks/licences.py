"""A license group of any size for the benchmarks: accounts, memberships, members, seats; written as the owner."""

from __future__ import annotations

from uuid import UUID

from django.db import connections

from accounts.models import Membership, Tenant
from audit.actions import Actor
from audit.models import Channel
from benchmarks.fixtures import member, vacuum
from config.tenancy import tenant_context
from licensing.actions.operator import Purchase, create_group
from licensing.models import LicenseGroup

OPERATOR = Actor(id=None, name="Benchmark", channel=Channel.COMMAND)
# Every tenth is pending, every fourth active one an Admin as well, every fifth an Admin alone.
_FILL = """
WITH made AS MATERIALIZED (
    SELECT n, roamkeep_uuid7() AS id, format('person%%s.%%s@%%s.test', n, %(mark)s, %(slug)s) AS address,
           (ARRAY['Ada', 'Ben', 'Chloe', 'Dmitri', 'Eva', 'Femi', 'Grace', 'Hiro', 'Ines', 'Jonas'])[1 + n %% 10] AS first,
           (ARRAY['Adler', 'Brandt', 'Castro', 'Dubois', 'Ekman', 'Fischer', 'Garcia'])[1 + n %% 7] || ' ' || n AS last,
           n %% 10 = 9 AND NOT %(all_users)s AS pending
    FROM generate_series(1, %(members)s) n
), accounts AS (
    INSERT INTO accounts_user (id, password, email, email_key, display_name, is_active, is_operator, time_zone, language,
                               created_at)
    SELECT id, '!', address, address, first || ' ' || last, true, false, '', '', now() FROM made WHERE NOT pending
), memberships AS (
    INSERT INTO accounts_membership (id, tenant_id, user_id, login, login_key, name, name_key, contact_email, is_active,
                                     inactive_by_directory, source, created_at)
    SELECT roamkeep_uuid7(), %(tenant)s, id, address, address, first || ' ' || last, lower(first || ' ' || last), '',
           true, false, 'local', now() FROM made WHERE NOT pending
)
INSERT INTO licensing_licensegroupmember
    (id, tenant_id, group_id, user_id, address, address_key, first_name, first_key, last_name, last_key, status, is_user,
     is_admin, is_owner, added_at, end_reason, invited_by, words, generation, sent_at, expires_at, mail_state,
     last_used_at, version)
SELECT roamkeep_uuid7(), %(tenant)s, %(group)s, CASE WHEN pending THEN NULL ELSE id END, address, address,
       CASE WHEN pending THEN '' ELSE first END, CASE WHEN pending THEN '' ELSE lower(first) END,
       CASE WHEN pending THEN '' ELSE last END, CASE WHEN pending THEN '' ELSE lower(last) END,
       CASE WHEN pending THEN 'pending' ELSE 'active' END, %(all_users)s OR n %% 5 > 0, n %% 4 = 0 OR n %% 5 = 0, false,
       now() - n * interval '1 minute', '', '', '', CASE WHEN pending THEN 1 ELSE 0 END,
       CASE WHEN pending THEN now() END, CASE WHEN pending THEN now() + interval '7 days' END, '',
       CASE WHEN pending THEN NULL ELSE now() END, 1
FROM made
"""


def license_group(
    tenant: Tenant, *, members: int, seats: int, all_users: bool = False
) -> tuple[LicenseGroup, Membership]:
    """Return a new license group with so many members besides its owner, and that owner; tables are vacuumed.

    all_users: everybody is an active User; otherwise every tenth is invited and every fifth an Admin alone.
    """
    owner = member(tenant, "licence-owner")
    address = f"owner@{tenant.slug}.test"
    group = create_group(
        tenant_id=tenant.pk,
        owner=owner,
        address=(address, address),
        purchase=Purchase("Standard", "subscription", "yearly", seats),
        name="Benchmark",
        by=OPERATOR,
    )
    values = {
        "tenant": tenant.pk,
        "slug": tenant.slug,
        "group": group.pk,
        "mark": group.pk.hex[-6:],  # another run on the same database makes people of its own
        "members": members,
        "all_users": all_users,
    }
    with connections["owner"].cursor() as cursor:
        cursor.execute(_FILL, values)
    vacuum()
    return group, owner


def seats_of(tenant: Tenant, group_id: UUID) -> tuple[int, int]:
    """Return (used by the count that the database keeps, active Users counted now)."""
    with tenant_context(tenant.pk), connections["default"].cursor() as cursor:
        cursor.execute(
            "SELECT g.used, (SELECT count(*) FROM licensing_licensegroupmember m WHERE m.tenant_id = g.tenant_id "
            "AND m.group_id = g.id AND m.status = 'active' AND m.is_user) FROM licensing_licensegroup g "
            "WHERE g.tenant_id = %s AND g.id = %s",
            [tenant.pk, group_id],
        )
        return cursor.fetchone()
