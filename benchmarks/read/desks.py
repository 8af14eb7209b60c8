"""A tenant whose users are spread over 200 personalization groups, as operators with a scope see it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import connection

from accounts.models import Tenant, UserGroup
from benchmarks.fixtures import Bench, vacuum
from config.tenancy import tenant_context
from personalization.models import PersonalizationGroup

DESKS, OWN = 200, 20
USERS = {"S": 10_000, "M": 100_000}
_DEAL = """
UPDATE personalization_manageduser u SET group_id = (%(groups)s::uuid[])[1 + n.n %% %(desks)s]
FROM (SELECT id, row_number() OVER (ORDER BY sid) AS n FROM personalization_manageduser WHERE tenant_id = %(tenant)s) n
WHERE u.tenant_id = %(tenant)s AND u.id = n.id
"""


def divided(bench: Bench) -> Tenant:
    """Return the tenant: 10,000 users at size S, 100,000 at M. Made once."""
    tenant = bench.tenant(USERS[bench.size], name="desks")
    if not desks_of(tenant):
        with tenant_context(tenant.pk):
            _divide(tenant)
        vacuum()
    return tenant


def desks_of(tenant: Tenant) -> list[UUID]:
    """Return the ids of the 200 groups in their order."""
    with tenant_context(tenant.pk):
        named = PersonalizationGroup.objects.filter(tenant=tenant, name__startswith="Desk ").order_by("position")
        return list(named.values_list("pk", flat=True))


def _divide(tenant: Tenant) -> None:
    """Deal the users out, and make a user group for each desk that the operator of B3 is not in."""
    rows = [PersonalizationGroup(tenant=tenant, name=f"Desk {n:03}", position=100 + n) for n in range(DESKS)]
    PersonalizationGroup.objects.bulk_create(rows)
    UserGroup.objects.bulk_create(
        [UserGroup(tenant=tenant, name=f"other desk {n}", source="local") for n in range(OWN, DESKS)]
    )
    with connection.cursor() as cursor:
        values: dict[str, Any] = {"groups": [row.pk for row in rows], "desks": DESKS, "tenant": tenant.pk}
        cursor.execute(_DEAL, values)
