"""The stand of these benchmarks: a real worker on the real broker, tasks up to their end, and what a round has written
taken back before the next."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.db import connection, connections
from django.utils import timezone

from accounts.models import Membership, Tenant
from audit.actions import Actor
from benchmarks.fixtures import member, personalization_groups
from config.celery import app
from config.tenancy import tenant_context
from launcher.service import Running, start
from launcher.workers import Worker
from personalization.actions.tasks import Operation, Targets, submit_task
from personalization.models import FINAL_STATES, ManagedUser, Task, TaskState
from roles.rights import rights_of

SQL = Path(__file__).resolve().parent.parent / "sql"
KINDS = ("application", "windows")
POLL = 0.002
WRITTEN = (
    "personalization_backup",
    "personalization_settingsprofile",
    "personalization_taskitem",
    "personalization_task",
    "personalization_taskoperation",
    "personalization_nightlyrun",
    "audit_event",
)


# --- workers --------------------------------------------------------------------------------------------------------
class BenchWorker(Worker):
    """The product's worker; it ends with the benchmarks, however they end."""

    stop_signal = signal.SIGKILL


class PeerWorker(BenchWorker):
    """A worker of the same kind for `benchmarks.write.per_user`, on a queue of its own."""

    name = "peer-worker"

    def command(self) -> list[str]:
        line = super().command()
        line[line.index("config")] = "benchmarks.write.per_user"
        return [*line, "-Q", "peer", "-n", "peer@%h"]


@contextmanager
def worker(kind: type[Worker] = BenchWorker, *, concurrency: int = 2) -> Iterator[Running]:
    """Run a worker process as `up` does for the length of a block."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings", "LOG_LEVEL": "ERROR"}
        running = start(kind(environment, concurrency=concurrency), Path(folder))
        try:
            deadline = time.monotonic() + 60
            while not app.control.ping(timeout=0.5):
                if running.exit_code() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"the worker does not answer: {running.last_lines()}")
            yield running
        finally:
            running.stop()


# --- tasks ----------------------------------------------------------------------------------------------------------
def actor(row: Membership) -> Actor:
    """Return what actions take as `by`, with the person's rights of now."""
    with tenant_context(row.tenant_id):
        rights = rights_of(row)
    return Actor(id=row.pk, name=row.name, user_id=row.user_id, role=rights.role or "", rights=rights)


class Desk:
    """A Primary Administrator of a tenant who submits tasks for all of its managed users."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        self.member = member(tenant, "bench-admin")
        self.by = actor(self.member)
        self.targets = Targets(groups=tuple(personalization_groups(tenant)))
        with tenant_context(tenant.pk):
            self.users = ManagedUser.objects.filter(tenant=tenant).count()

    def submit(self, verb: str, **options: Any) -> Task:
        """Submit a task and return it; the bell has rung."""
        with tenant_context(self.tenant.pk):
            return submit_task(
                tenant_id=self.tenant.pk,
                name="Benchmark",
                operations=[Operation(verb, kinds=KINDS, **options)],
                targets=self.targets,
                expected_users=self.users,
                by=self.by,
            )

    def state(self, task: Task) -> Task:
        """Return the task as it is now."""
        with tenant_context(self.tenant.pk):
            return Task.objects.only("state", "done", "changed", "succeeded").get(pk=task.pk)

    def to_end(self, task: Task, *, seconds: float = 900) -> Task:
        """Wait until a task has ended well; raise where it has not.

        One bare statement a look: what waits shares the cores with the worker, and is no part of the figure.
        """
        deadline = time.monotonic() + seconds
        look = "SELECT state FROM personalization_task WHERE id = %s"
        while row_of(look, [task.pk])[0] not in FINAL_STATES and time.monotonic() < deadline:
            time.sleep(POLL)
        row = self.state(task)
        if row.state not in FINAL_STATES:
            raise TimeoutError(f"the task is {row.state} with {row.done} users done")
        if row.state != TaskState.COMPLETED or row.succeeded != self.users:
            raise AssertionError(f"the task is {row.state}, {row.succeeded} of {self.users} users succeeded")
        return row

    def do(self, verb: str, **options: Any) -> Task:
        """Submit a task and wait for its end: what the person sees as its duration."""
        return self.to_end(self.submit(verb, **options))


# --- bare statements ------------------------------------------------------------------------------------------------
def bare(tenant: Tenant, name: str, **values: Any) -> int:
    """Run `benchmarks/sql/<name>.sql` in one transaction as the application's role; return the number of rows.

    The checks of foreign keys get the same plans as in the product: planned per row they would be the whole figure.
    """
    with tenant_context(tenant.pk), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('plan_cache_mode', 'force_generic_plan', true)")
        cursor.execute((SQL / f"{name}.sql").read_text(), {"tenant": tenant.pk, **values})
        return cursor.rowcount


# --- what is there, and back to it ----------------------------------------------------------------------------------
def as_owner(statement: str, values: Any = None) -> list[tuple]:
    """Run a statement as the owner of the tables, outside any transaction."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall() if cursor.description else []


def row_of(statement: str, values: Any) -> tuple:
    """Return the one row of a statement that the owner runs."""
    return as_owner(statement, values)[0]


class Base:
    """A tenant's profiles and backups as they are when this is made; `put_back` returns to them."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant, self.since = tenant, timezone.now()
        self.mark = f"bench_{tenant.pk.hex}"
        for table in ("backup", "settingsprofile"):
            as_owner(f"DROP TABLE IF EXISTS {self.mark}_{table}")
            as_owner(
                f"CREATE UNLOGGED TABLE {self.mark}_{table} AS "
                f"SELECT * FROM personalization_{table} WHERE tenant_id = %s",
                [tenant.pk],
            )
            as_owner(f"ALTER TABLE {self.mark}_{table} ADD PRIMARY KEY (id)")
            as_owner(f"ANALYZE {self.mark}_{table}")

    def put_back(self, *_variant: str) -> None:
        """Take back what was written since, and let the tables settle."""
        tenant = [self.tenant.pk]
        as_owner("DELETE FROM personalization_backup WHERE tenant_id = %s AND created_at > %s", [*tenant, self.since])
        as_owner(
            "UPDATE personalization_backup SET deleted_at = NULL, deleted_task_id = NULL, version = 1 "
            "WHERE tenant_id = %s AND deleted_at IS NOT NULL",
            tenant,
        )
        if row_of("SELECT count(*) FROM personalization_backup WHERE tenant_id = %s", tenant) != row_of(
            f"SELECT count(*) FROM {self.mark}_backup", None
        ):
            as_owner(
                f"INSERT INTO personalization_backup SELECT b.* FROM {self.mark}_backup b LEFT JOIN "
                "personalization_backup there ON there.tenant_id = b.tenant_id AND there.id = b.id "
                "WHERE there.id IS NULL"
            )
        as_owner(
            "UPDATE personalization_settingsprofile p SET snapshot_id = b.snapshot_id, version = b.version "
            f"FROM {self.mark}_settingsprofile b WHERE p.tenant_id = %s AND p.id = b.id "
            "AND (p.snapshot_id, p.version) IS DISTINCT FROM (b.snapshot_id, b.version)",
            tenant,
        )
        for table in WRITTEN[2:]:
            as_owner(f"DELETE FROM {table} WHERE tenant_id = %s", tenant)
        for table in WRITTEN:
            as_owner(f"VACUUM (ANALYZE) {table}")

    def forget(self) -> None:
        """Drop the copies."""
        for table in ("backup", "settingsprofile"):
            as_owner(f"DROP TABLE IF EXISTS {self.mark}_{table}")

    # --- fingerprints: (number of rows, digest of them in order) ----------------------------------------------------
    def made(self, *origins: str) -> tuple:
        """What backups of these origins were written since."""
        return row_of(
            "SELECT count(*), md5(string_agg(profile_id::text || snapshot_id::text, ',' ORDER BY profile_id)) "
            "FROM personalization_backup WHERE tenant_id = %s AND created_at > %s AND origin = ANY(%s)",
            [self.tenant.pk, self.since, list(origins)],
        )

    def current(self) -> tuple:
        """What is current in every profile."""
        return row_of(
            "SELECT count(*), md5(string_agg(id::text || coalesce(snapshot_id::text, '') || version, ',' ORDER BY id)) "
            "FROM personalization_settingsprofile WHERE tenant_id = %s",
            [self.tenant.pk],
        )

    def deleted(self) -> tuple:
        """Which backups are deleted."""
        return row_of(
            "SELECT count(*), md5(string_agg(id::text, ',' ORDER BY id)) FROM personalization_backup "
            "WHERE tenant_id = %s AND deleted_at IS NOT NULL",
            [self.tenant.pk],
        )


@contextmanager
def settled(tenant: Tenant) -> Iterator[Base]:
    """Yield the Base of a tenant; autovacuum leaves the tables to `put_back` meanwhile."""
    with quiet():
        base = Base(tenant)
        try:
            yield base
        finally:
            base.put_back()
            base.forget()


@contextmanager
def quiet() -> Iterator[None]:
    """Keep autovacuum, which the cleaning between rounds would call, away from the tables that are written."""
    for table in WRITTEN:
        as_owner(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
    try:
        yield
    finally:
        for table in WRITTEN:
            as_owner(f"ALTER TABLE {table} RESET (autovacuum_enabled)")


def same(what: str, *found: Any) -> None:
    """Raise unless all fingerprints are equal and there is something at all."""
    if any(one != found[0] for one in found) or not found[0][0]:
        raise AssertionError(f"{what} differ: {found}")
