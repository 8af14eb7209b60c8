"""Figures at a glance (spec 4.9): counting them, and reading what was counted together with what is live."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection
from django.db.models import Count, Q
from django.utils import timezone

from accounts.models import Tenant
from audit.models import Event
from config.tenancy import tenant_context
from personalization.access import administered_figures, administered_groups, settings_groups, visible_tasks
from personalization.models import NightlyRun, SettingsGroup, SummaryCount, TaskState
from personalization.statistics import learn_tenant

ACTIVE_DAYS = 30
FRESH = timedelta(minutes=10)
"""Younger figures are not counted again unless somebody asks: less than the time between two looks of the beat."""
LONGEST = timedelta(days=1)
"""Older figures are counted again even if nothing happened: who was active lately changes by itself."""
SLACK = timedelta(minutes=10)
"""An event may be written so long before the change that it tells becomes visible."""
SLOW = timedelta(minutes=2)
"""A count that was asked for and has not come by then has most likely met no worker."""
RUN_AGE = timedelta(hours=26)
"""A nightly run may be so old: a day, the hour in which the next begins, and an hour for the change of clocks."""

# One statement, so that every figure is of the same moment. `kept` has one row per group and distinct snapshot, which
# makes both sizes of the backups cheap: the logical one multiplies, the stored one takes each once. octet_length of a
# stored value reads its length, not the value.
_COUNT = f"""
WITH owned AS (
    SELECT p.id, u.group_id, p.snapshot_id
    FROM personalization_settingsprofile p
    JOIN personalization_manageduser u ON u.tenant_id = %(tenant)s AND u.id = p.managed_user_id
    WHERE p.tenant_id = %(tenant)s
), kept AS (
    SELECT o.group_id, b.snapshot_id, count(*) AS backups,
           count(*) FILTER (WHERE b.protected_until > statement_timestamp()) AS protected
    FROM personalization_backup b JOIN owned o ON o.id = b.profile_id
    WHERE b.tenant_id = %(tenant)s AND b.deleted_at IS NULL
    GROUP BY o.group_id, b.snapshot_id
), piece AS (
    SELECT k.group_id, s.id, octet_length(s.manifest)::bigint AS bytes
    FROM kept k JOIN personalization_snapshot s ON s.tenant_id = %(tenant)s AND s.id = k.snapshot_id
    UNION ALL
    SELECT k.group_id, b.id, octet_length(b.stored)::bigint
    FROM (SELECT DISTINCT k.group_id, l.blob_id FROM kept k
          JOIN personalization_snapshotblob l ON l.tenant_id = %(tenant)s AND l.snapshot_id = k.snapshot_id) k
    JOIN personalization_blob b ON b.tenant_id = %(tenant)s AND b.id = k.blob_id
), people AS (
    SELECT group_id, count(*) AS users,
           count(*) FILTER (WHERE last_logon_at >= statement_timestamp() - interval '{ACTIVE_DAYS} days') AS active
    FROM personalization_manageduser WHERE tenant_id = %(tenant)s GROUP BY group_id
), live AS (
    SELECT o.group_id, count(*) AS profiles, sum(s.size) AS bytes
    FROM owned o JOIN personalization_snapshot s ON s.tenant_id = %(tenant)s AND s.id = o.snapshot_id
    GROUP BY o.group_id
), older AS (
    SELECT k.group_id, sum(k.backups) AS backups, sum(k.protected) AS protected, sum(k.backups * s.size) AS bytes
    FROM kept k JOIN personalization_snapshot s ON s.tenant_id = %(tenant)s AND s.id = k.snapshot_id
    GROUP BY k.group_id
), stored AS (
    SELECT group_id, sum(bytes) AS bytes FROM piece GROUP BY group_id
), written AS (
    INSERT INTO personalization_groupfigures AS f (id, tenant_id, group_id, users, active_users, profiles, backups,
        protected_backups, current_bytes, backup_bytes, stored_bytes)
    SELECT roamkeep_uuid7(), %(tenant)s, g.id, coalesce(people.users, 0), coalesce(people.active, 0),
           coalesce(live.profiles, 0), coalesce(older.backups, 0), coalesce(older.protected, 0),
           coalesce(live.bytes, 0), coalesce(older.bytes, 0), coalesce(stored.bytes, 0)
    FROM personalization_personalizationgroup g
    LEFT JOIN people ON people.group_id = g.id LEFT JOIN live ON live.group_id = g.id
    LEFT JOIN older ON older.group_id = g.id LEFT JOIN stored ON stored.group_id = g.id
    WHERE g.tenant_id = %(tenant)s
    ON CONFLICT (tenant_id, group_id) DO UPDATE SET
        users = EXCLUDED.users, active_users = EXCLUDED.active_users, profiles = EXCLUDED.profiles,
        backups = EXCLUDED.backups, protected_backups = EXCLUDED.protected_backups,
        current_bytes = EXCLUDED.current_bytes, backup_bytes = EXCLUDED.backup_bytes,
        stored_bytes = EXCLUDED.stored_bytes
)
INSERT INTO personalization_summarycount (id, tenant_id, counted_at, stored_bytes)
SELECT roamkeep_uuid7(), %(tenant)s, statement_timestamp(), coalesce(sum(once.bytes), 0)
FROM (SELECT DISTINCT id, bytes FROM piece) once
ON CONFLICT (tenant_id) DO UPDATE SET counted_at = EXCLUDED.counted_at, stored_bytes = EXCLUDED.stored_bytes
RETURNING counted_at
"""


def count(tenant_id: UUID) -> datetime | None:
    """Count the figures of a tenant in one statement; return of which moment they are, or None where another worker is
    counting just now."""
    with tenant_context(tenant_id), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [f"summary {tenant_id}"])
        if not cursor.fetchone()[0]:
            return None
        learn_tenant(tenant_id)
        cursor.execute(_COUNT, {"tenant": tenant_id})
        return cursor.fetchone()[0]


def is_due(tenant_id: UUID) -> bool:
    """Say whether the figures are to be counted: never counted, asked for, a day old, or not fresh and something has
    happened since. Every change leaves an event, so that the newest one tells. Opens the tenant's context."""
    with tenant_context(tenant_id):
        row = SummaryCount.objects.filter(tenant_id=tenant_id).first()
        if row is None or row.counted_at is None or row.is_pending:
            return True
        age = timezone.now() - row.counted_at
        if age < FRESH or age > LONGEST:
            return age > LONGEST
        newest = Event.objects.filter(tenant_id=tenant_id).order_by("-id").values_list("at", flat=True).first()
        return newest is not None and newest >= row.counted_at - SLACK


@dataclass(frozen=True, slots=True)
class Figures:
    """Counted figures of one group or of several together; bytes as in `GroupFigures`."""

    users: int = 0
    active_users: int = 0
    profiles: int = 0
    backups: int = 0
    protected_backups: int = 0
    current_bytes: int = 0
    backup_bytes: int = 0
    stored_bytes: int = 0

    @property
    def unprotected_backups(self):
        """Backups that a clean-up may delete."""
        return self.backups - self.protected_backups

    @property
    def bytes(self):
        """Current settings and backups together, without deduplication."""
        return self.current_bytes + self.backup_bytes


COLUMNS = tuple(field.name for field in fields(Figures))


@dataclass(frozen=True, slots=True)
class Scope:
    """The figures of the groups that a person administers.

    `groups`: (name, Figures, or None where the group came after the count) in the order of the groups. `count` is None
    where the tenant was never counted. `is_shared`: `total.stored_bytes` adds up several groups, which may share
    contents; of the whole tenant it is exact.
    """

    groups: tuple[tuple[str, Figures | None], ...]
    total: Figures
    count: SummaryCount | None
    is_shared: bool


def scope_of(rights, tenant_id: UUID) -> Scope:
    """Return the groups where the person is Administrator with their counted figures (spec 2.1 rule 4). Three queries."""
    groups = list(administered_groups(rights, tenant_id).order_by("position", "name_key").values_list("pk", "name"))
    rows = {
        group_id: Figures(*values)
        for group_id, *values in administered_figures(rights, tenant_id).values_list("group_id", *COLUMNS)
    }
    last = SummaryCount.objects.filter(tenant_id=tenant_id).first()
    sums = {name: sum(getattr(row, name) for row in rows.values()) for name in COLUMNS}
    if rights.is_primary and last:
        sums["stored_bytes"] = last.stored_bytes
    return Scope(
        groups=tuple((name, rows.get(pk)) for pk, name in groups),
        total=Figures(**sums),
        count=last,
        is_shared=not rights.is_primary and len(rows) > 1,
    )


@dataclass(frozen=True, slots=True)
class Queue:
    """Open tasks of the tenant: due, not due yet, being worked on."""

    ready: int
    deferred: int
    running: int

    @property
    def total(self):
        """All of them."""
        return self.ready + self.deferred + self.running


def queue_of(rights, tenant_id: UUID, now: datetime) -> Queue:
    """Return the state of the tenant's queue; a deferred task that is due counts as ready. One query."""
    waiting = Q(state=TaskState.WAITING)
    open_states = [TaskState.RUNNABLE, TaskState.WAITING, TaskState.RUNNING]
    found = visible_tasks(rights, tenant_id).filter(state__in=open_states)
    return Queue(
        **found.aggregate(
            ready=Count("pk", filter=Q(state=TaskState.RUNNABLE) | waiting & Q(run_after__lte=now)),
            deferred=Count("pk", filter=waiting & Q(run_after__gt=now)),
            running=Count("pk", filter=Q(state=TaskState.RUNNING)),
        )
    )


def settings_group_counts(tenant_id: UUID) -> tuple[int, int]:
    """Return the tenant's numbers of settings groups: (applications, Windows settings). One query."""
    counted = settings_groups(tenant_id).order_by().values_list("kind").annotate(Count("pk"))
    found = dict(counted)
    return found.get(SettingsGroup.Kind.APPLICATION, 0), found.get(SettingsGroup.Kind.WINDOWS, 0)


@dataclass(frozen=True, slots=True)
class LastRun:
    """The newest nightly run. `state`: none, running, failed or completed; `is_old`: begun more than 26 hours ago, or
    missed. Failed or old, somebody must look (AC-SUM-3)."""

    run: NightlyRun | None
    state: str
    is_old: bool

    @property
    def seconds(self):
        """How long the run took, or None while it is not finished."""
        run = self.run
        return (run.ended_at - run.started_at).total_seconds() if run and run.ended_at else None


def last_run(tenant: Tenant, now: datetime) -> LastRun:
    """Return the tenant's newest nightly run and how it stands. A tenant without any is old once it has missed one."""
    run = NightlyRun.objects.filter(tenant_id=tenant.pk).order_by("-day").first()
    if run is None:
        return LastRun(None, "none", now - tenant.created_at > RUN_AGE)
    state = "completed" if run.ended_at else "failed" if run.failed_at else "running"
    return LastRun(run, state, now - run.started_at > RUN_AGE)


def database_bytes() -> int:
    """Return the size of the whole database in bytes, that of every organisation in it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        return cursor.fetchone()[0]
