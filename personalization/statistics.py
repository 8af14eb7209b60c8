"""Does the database know the tenant? A planner that takes a large tenant for an empty one makes every lookup a scan."""

import structlog
from django.db import connection

log = structlog.get_logger(__name__)

_TABLES = (
    "personalization_manageduser",
    "personalization_settingsprofile",
    "personalization_backup",
    "personalization_taskitem",
)
_COUNTED = 10_000
_TOO_LOW = 20  # times fewer rows expected than there are


def learn_tenant(tenant_id):
    """Renew the statistics if they do not know this tenant: the first bulk work after an import, before autovacuum.

    Runs in the caller's transaction and costs a few milliseconds where nothing is to be done.
    """
    with connection.cursor() as cursor:
        unknown = [
            table for table, expected in _expected(cursor, tenant_id) if _is_more(cursor, table, tenant_id, expected)
        ]
        if unknown:
            cursor.execute("SELECT personalization_learn_tenants(%s)", [unknown])
            log.info("statistics_renewed", tables=unknown, tenant_id=str(tenant_id))


def _expected(cursor, tenant_id):
    """Return each table with the rows that the planner expects of the tenant, all from one plan."""
    every = " UNION ALL ".join(f"SELECT 1 FROM {table} WHERE tenant_id = %(tenant)s" for table in _TABLES)
    cursor.execute(f"EXPLAIN (FORMAT JSON) {every}", {"tenant": tenant_id})
    parts = cursor.fetchone()[0][0]["Plan"]["Plans"]
    return [(table, part["Plan Rows"]) for table, part in zip(_TABLES, parts, strict=True)]


def _is_more(cursor, table, tenant_id, expected):
    """Say whether there are many times more rows than expected; counted only where the answer could be yes."""
    if expected * _TOO_LOW >= _COUNTED:
        return False
    first = f"SELECT 1 FROM {table} WHERE tenant_id = %s LIMIT {_COUNTED}"
    cursor.execute(f"SELECT count(*) FROM ({first}) counted", [tenant_id])
    return cursor.fetchone()[0] > _TOO_LOW * expected
