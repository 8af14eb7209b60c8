"""Wiring that runs at start-up: database privileges after migrations, how times are read, checks of declared policies."""

from datetime import UTC

import psycopg
from django.apps import AppConfig, apps
from django.conf import settings
from django.core import checks
from django.db import connections
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate
from psycopg.pq import Format
from psycopg.types.datetime import TimestamptzLoader


def grant_privileges(sender, using, **kwargs):
    """Give the application's and the operator's role what each model declares in `app_privileges` (default: all rows).

    The operator's role may do more where a model says so in `operator_privileges`.
    Nobody but the owner may TRUNCATE: it ignores row-level security.
    """
    if sender.label != "contenttypes":  # once per run: the signal comes for each app that has models, when all exist
        return
    roles, everything = settings.DATABASE_ROLES, "SELECT, INSERT, UPDATE, DELETE"
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tableowner = current_user")
        tables = [name for (name,) in cursor.fetchall()]
        declared = {
            model._meta.db_table: getattr(model, "app_privileges", everything)
            for model in apps.get_models(include_auto_created=True)
        }
        of_operator = {
            model._meta.db_table: model.operator_privileges
            for model in apps.get_models(include_auto_created=True)
            if hasattr(model, "operator_privileges")
        }
        statements = [f"GRANT USAGE ON SCHEMA public TO {roles['app']}, {roles['operator']}"]
        for table in tables:
            statements += [
                f'REVOKE ALL ON "{table}" FROM {roles["app"]}, {roles["operator"]}, PUBLIC',
                f'GRANT {declared.get(table, everything)} ON "{table}" TO {roles["app"]}',
                f'GRANT {of_operator.get(table, declared.get(table, everything))} ON "{table}" TO {roles["operator"]}',
            ]
        statements.append(
            f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {roles['app']}, {roles['operator']}"
        )
        cursor.execute("; ".join(statements))


class TimeLoader(TimestamptzLoader):
    """psycopg's own reader of times, written in C, where Django puts one in Python that takes ten times as long.

    Django's only changes the zone, to the one that the connection is set to anyway: UTC. It asks a reader for `timezone`.
    """

    timezone = UTC

    def __new__(cls, oid, context=None):
        return psycopg.adapters.get_loader(oid, Format.TEXT)(oid, context)


def read_times(sender, connection, **kwargs):
    """Read times of a new connection by `TimeLoader`, unless its zone is set to another one."""
    if connection.timezone == UTC:
        connection.connection.adapters.register_loader("timestamptz", TimeLoader)


class ConfigApp(AppConfig):
    """The wiring as an app: commands, privileges, checks."""

    name = "config"

    def ready(self):
        connection_created.connect(read_times, dispatch_uid="config.read_times")
        post_migrate.connect(grant_privileges, dispatch_uid="config.grant_privileges")
        checks.register(check_policies, deploy=False)


def declared_views(patterns=None, prefix=""):
    """Yield (route, view, name) of every address of the project."""
    from django.urls import get_resolver

    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        route = prefix + str(pattern.pattern)
        if hasattr(pattern, "url_patterns"):
            yield from declared_views(pattern.url_patterns, route)
        else:
            yield route, pattern.callback, pattern.name


def check_policies(app_configs, **kwargs):
    """Refuse to start with an address whose view declares no policy."""
    return [
        checks.Error(
            f"The address {route!r} has a view without a policy.",
            hint="Decorate the view with console_view(permission) or public_view().",
            id="config.E001",
        )
        for route, view, _ in declared_views()
        if not hasattr(view, "policy")
    ]
