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
        unknown = [table for table in _TABLES if not _is_known(cursor, table, tenant_id)]
        if unknown:
            cursor.execute("SELECT personalization_learn_tenants(%s)", [unknown])
            log.info("statistics_renewed", tables=unknown, tenant_id=str(tenant_id))


def _is_known(cursor, table, tenant_id):
    cursor.execute(f"EXPLAIN (FORMAT JSON) SELECT 1 FROM {table} WHERE tenant_id = %s", [tenant_id])
    expected = cursor.fetchone()[0][0]["Plan"]["Plan Rows"]
    first = f"SELECT 1 FROM {table} WHERE tenant_id = %s LIMIT {_COUNTED}"
    cursor.execute(f"SELECT count(*) FROM ({first}) counted", [tenant_id])
    return cursor.fetchone()[0] <= _TOO_LOW * expected
