"""Whether this process lives, and whether it can serve."""

import structlog
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import JsonResponse

from config.policy import public_view

log = structlog.get_logger(__name__)

# Any other role stands under the policies of every table, and cannot lift them.
_STANDS_ABOVE = """
SELECT rolsuper OR rolbypassrls OR rolname = %s
    OR EXISTS (SELECT FROM pg_class WHERE relowner = pg_roles.oid AND relrowsecurity)
FROM pg_roles WHERE rolname = current_user
"""


@public_view()
def alive(request):
    """Answer 200 as long as the process answers at all."""
    _forget_person(request)
    return JsonResponse({"status": "alive"})


@public_view()
def ready(request):
    """Answer 200 when the database answers, holds every migration and keeps tenants apart, else 503 with the reason."""
    _forget_person(request)
    try:
        executor = MigrationExecutor(connection)
        pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
        with connection.cursor() as cursor:
            cursor.execute(_STANDS_ABOVE, [settings.DATABASE_ROLES["operator"]])
            (stands_above,) = cursor.fetchone()
    except DatabaseError:
        return _not_ready("database away")
    if pending:
        return _not_ready("migrations pending")
    if stands_above:
        log.error(
            "row_level_security_void",
            hint="DATABASE_URL names a superuser, a role with BYPASSRLS, the owner of the tables or the operator's role: "
            "name the application's role, which `python -m launcher.roles` makes.",
        )
        return _not_ready("row-level security is void for this database role")
    return JsonResponse({"status": "ready"})


def _not_ready(reason):
    return JsonResponse({"status": reason}, status=503, headers={"Retry-After": "10"})


def _forget_person(request):
    # The log of requests names the account, which reads session and user from the database.
    request.user = None
