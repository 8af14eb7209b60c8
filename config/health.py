"""Whether this process lives, and whether it can serve."""

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import JsonResponse

from config.policy import public_view


@public_view()
def alive(request):
    """Answer 200 as long as the process answers at all."""
    _forget_person(request)
    return JsonResponse({"status": "alive"})


@public_view()
def ready(request):
    """Answer 200 when the database answers and holds every migration, else 503 with the reason."""
    _forget_person(request)
    try:
        executor = MigrationExecutor(connection)
        pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError:
        return JsonResponse({"status": "database away"}, status=503, headers={"Retry-After": "10"})
    if pending:
        return JsonResponse({"status": "migrations pending"}, status=503, headers={"Retry-After": "10"})
    return JsonResponse({"status": "ready"})


def _forget_person(request):
    # The log of requests names the account, which reads session and user from the database.
    request.user = None
