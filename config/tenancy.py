"""Tenant context: which tenant's rows the running transaction may see (decision 27)."""

from contextlib import contextmanager

from django.db import connection, connections, transaction

_READ = "SELECT current_setting('app.tenant_id', true), current_setting('app.user_id', true)"
_SET = "SELECT set_config('app.tenant_id', %s, true), set_config('app.user_id', %s, true)"


@contextmanager
def tenant_context(tenant_id, user_id=None):
    """Open a transaction in which row-level security shows the rows of one tenant.

    `tenant_id` and `user_id` are UUIDs; the user's own memberships stay readable. Contexts nest: SET LOCAL survives the
    release of a savepoint, so the outer values are put back. Where there is none, the end of the transaction does that.
    """
    with transaction.atomic():
        is_nested, outer = bool(connection.savepoint_ids), []
        with connection.cursor() as cursor:
            if is_nested:
                cursor.execute(_READ)
                outer = [value or "" for value in cursor.fetchone()]
            cursor.execute(_SET, [str(tenant_id or ""), str(user_id or "")])
        yield
        if is_nested and not connection.needs_rollback:
            with connection.cursor() as cursor:
                cursor.execute(_SET, outer)


@contextmanager
def operator_context():
    """Open a transaction on the operator's database role, which sees every tenant.

    For `/operator/` and management commands only; yields the alias to pass to `.using()`.
    """
    with transaction.atomic(using="operator"):
        yield "operator"
    if not connections["operator"].in_atomic_block:
        connections["operator"].close()


def streamed(chunks, tenant_id, user_id):
    """Yield the chunks of a streamed answer inside their own tenant context: they run after the request's has closed."""
    with tenant_context(tenant_id, user_id):
        yield from chunks
