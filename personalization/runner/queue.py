"""The queue of a tenant: which task is next, when a batch is large enough, when a task ends."""

import time
from dataclasses import dataclass
from enum import Enum, auto

import structlog
from django.db import connection
from django.db.models import Case, Q, When

from accounts.models import Membership, Tenant
from audit.actions import Actor
from audit.models import Channel, Outcome
from config.tenancy import tenant_context
from personalization.actions.tasks import QUEUE_LOCK, counters, tell
from personalization.models import ItemState, SettingsGroup, Task, TaskItem, TaskOperation, TaskState
from personalization.runner.batch import Batch, Item, work
from personalization.statistics import learn_tenant
from roles.rights import Rights, rights_of

log = structlog.get_logger(__name__)

SMALLEST_BATCH, LARGEST_BATCH = 25, 1_000
PROFILES_AT_FIRST = 10_000
"""So many the first batch of a run may have in its hands, if every user has one in each settings group."""
FAST_SECONDS = 0.5
"""A batch that took less lets the next one double; one that took twice as long halves it."""
LONGEST_PAUSE = 10.0
"""Seconds until the queue is looked at again while the running task waits for a further try."""
SHORT_PAUSE = 1.0
"""Up to so many seconds the runner waits itself."""
BUSY_PAUSES = (0.1, 0.2, 0.4)
"""A runner that is just finding its queue empty may not see the task that rang: its last look must be over."""


class Turn(Enum):
    """How one look at the queue ended."""

    WORKED = auto()
    HELD_BACK = auto()  # every pending user waits for a further try, or is held by somebody else
    IDLE = auto()
    BUSY = auto()  # another runner, or somebody who pauses or cancels, holds the queue


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look at the queue found: `pause` is the number of seconds until more can be done, `size` the number of users
    that the batch could have."""

    turn: Turn
    pause: float = 0.0
    size: int = 0


def run_tenant(tenant_id, *, seconds=20.0):
    """Work off a tenant's queue for at most `seconds`.

    Return in how many seconds to ring again: 0 at once, None when there is nothing left for this runner. A busy queue
    is the business of whoever holds it: another runner goes on, a pause or cancel rings when it is done.
    """
    if not Tenant.objects.filter(pk=tenant_id, status=Tenant.Status.ACTIVE).exists():
        return None
    size, deadline, busy_pauses = None, time.monotonic() + seconds, iter(BUSY_PAUSES)
    while time.monotonic() < deadline:
        started = time.monotonic()
        looked = run_batch(tenant_id, size)
        if looked.turn is Turn.HELD_BACK:
            if looked.pause > SHORT_PAUSE:
                return looked.pause
            time.sleep(looked.pause)
            continue
        if looked.turn is Turn.BUSY and (pause := next(busy_pauses, None)):
            time.sleep(pause)
            continue
        if looked.turn is not Turn.WORKED:
            return None
        size = next_size(looked.size, time.monotonic() - started)
    return 0


def first_size(tenant_id):
    """Return the number of users of a run's first batch: the fewer, the more settings groups the tenant has."""
    groups = SettingsGroup.objects.filter(tenant_id=tenant_id).count()
    return min(max(PROFILES_AT_FIRST // max(groups, 1), SMALLEST_BATCH), LARGEST_BATCH)


def next_size(size, took):
    """Return the number of users of the next batch after one that `took` so many seconds."""
    if took < FAST_SECONDS:
        return min(size * 2, LARGEST_BATCH)
    return max(size // 2, SMALLEST_BATCH) if took > 2 * FAST_SECONDS else size


def run_batch(tenant_id, size=None):
    """Do the next batch of the oldest runnable task in a transaction of its own; the last one ends the task.

    `size` is the number of users at most, None for that of a run's first batch.
    """
    with tenant_context(tenant_id):
        now = _enter(tenant_id)
        if now is None:
            return Looked(Turn.BUSY)
        task = _next_task(tenant_id, now)
        if task is None:
            return Looked(Turn.IDLE)
        by = _creator(task)
        if task.state != TaskState.RUNNING:
            _start(task, by, now)
        size = size or first_size(tenant_id)
        items = _due(task, now, size + 1)
        has_more, items = len(items) > size, items[:size]
        if items:
            operations = list(TaskOperation.objects.filter(tenant_id=tenant_id, task_id=task.pk).order_by("position"))
            work(Batch(task, operations, items, by, now))
        if has_more:
            task.save(update_fields=_PROGRESS)
            return Looked(Turn.WORKED, size=size)
        held_until = _held_until(task)
        if held_until is None:
            _finish(task, by, now)
        task.save(update_fields=_PROGRESS)
        if items or held_until is None:
            return Looked(Turn.WORKED, size=size)
        return Looked(Turn.HELD_BACK, min((held_until - now).total_seconds(), LONGEST_PAUSE))


_PROGRESS = (
    *("state", "started_at", "ended_at"),
    *("done", "succeeded", "partial", "failed", "denied", "retries", "changed"),
)
"""What the runner writes of a task, at the end of a batch; it has held the row since it chose the task."""

_DUE = """
SELECT i.id, i.managed_user_id, coalesce(u.group_id, i.group_id), i.attempts, i.applied, u.domain || '\\' || u.name
FROM personalization_taskitem i
LEFT JOIN personalization_manageduser u ON u.tenant_id = i.tenant_id AND u.id = i.managed_user_id
WHERE i.tenant_id = %s AND i.task_id = %s AND i.state = 0 AND (i.retry_after IS NULL OR i.retry_after <= %s)
ORDER BY i.id LIMIT %s
"""


def _due(task, now, size):
    """Return the first `size` pending items whose time has come, as Items."""
    with connection.cursor() as cursor:
        cursor.execute(_DUE, [task.tenant_id, task.pk, now, size])
        return [Item(*row) for row in cursor.fetchall()]


def _held_until(task):
    """Return when the next pending item may be tried again, None where nothing is pending."""
    pending = TaskItem.objects.filter(tenant_id=task.tenant_id, task_id=task.pk, state=ItemState.PENDING)
    return pending.order_by("retry_after").values_list("retry_after", flat=True).first()


# The checks of foreign keys are statements that the server plans once and keeps: planned for a tenant that is in no
# statistics, each would read the whole tenant. `force_generic_plan` reaches only them: ours are sent with values.
_ENTER = f"""
SELECT pg_try_advisory_xact_lock({QUEUE_LOCK}), statement_timestamp(),
       set_config('plan_cache_mode', 'force_generic_plan', true), set_config('enable_seqscan', 'off', true)
"""


def _enter(tenant_id):
    """Become the tenant's only runner until the transaction ends and return the database's time, or None."""
    with connection.cursor() as cursor:
        cursor.execute(_ENTER, [str(tenant_id)])
        is_mine, now, *_settings = cursor.fetchone()
        return now if is_mine else None


def _next_task(tenant_id, now):
    runnable = Q(state__in=[TaskState.RUNNABLE, TaskState.RUNNING]) | Q(state=TaskState.WAITING, run_after__lte=now)
    has_begun = Case(When(state=TaskState.RUNNING, then=0), default=1)
    tasks = Task.objects.select_for_update(no_key=True).filter(runnable, tenant_id=tenant_id)
    return tasks.order_by(has_begun, "number").first()


def _creator(task):
    """Return the task's creator with the rights of this moment (decision 15); none for whoever has left."""
    membership = (
        Membership.objects.select_related("user")
        .filter(
            tenant_id=task.tenant_id, pk=task.creator_id, is_active=True, user__is_active=True, user__locked_at=None
        )
        .first()
    )
    rights = rights_of(membership) if membership else Rights()
    return Actor(
        id=task.creator_id,
        name=task.creator_name,
        channel=Channel.WORKER,
        user_id=task.creator_user_id,
        role=rights.role or "",
        groups=tuple(sorted(rights.groups, key=str)),
        rights=rights,
    )


def _start(task, by, now):
    task.state = TaskState.RUNNING
    if task.started_at is None:
        task.started_at = now
        tell("task.started", task, by, selected=task.selected)
        learn_tenant(task.tenant_id)


_OUTCOMES = {TaskState.WARNING: Outcome.WARNING, TaskState.FAILED: Outcome.FAILED}


def _finish(task, by, now):
    task.state, task.ended_at = verdict(task), now
    tell("task.completed", task, by, outcome=_OUTCOMES.get(task.state, Outcome.OK), **counters(task))


def verdict(task):
    """Return the final state: a warning where fewer than half of the users succeeded at least partially, failed where
    none did (spec 4.7, AC-TSK-8)."""
    good = task.succeeded + task.partial
    if task.selected and not good:
        return TaskState.FAILED
    return TaskState.WARNING if good * 2 < task.selected else TaskState.COMPLETED
