"""Steering a task that is in the queue: pause, resume, cancel, start now, put off, rename, retry what failed."""

import datetime
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.actions import record
from audit.models import Event, Outcome
from audit.texts import description
from config.errors import Conflict, Refused
from config.names import check_name
from personalization.access import may_steer
from personalization.bell import ring_on_commit
from personalization.clock import when
from personalization.models import FINAL_STATES, ItemState, Task, TaskItem, TaskState

QUEUE_LOCK = "hashtextextended('personalization.queue' || %s, 0)"
"""The advisory lock of a tenant's queue, held by its one runner for the length of a batch and by who stops a task."""

LONGEST_DEFERRAL = datetime.timedelta(days=366)
_STEERED = (
    "task.paused", "task.resumed", "task.canceled", "task.deferral-changed", "task.renamed", "task.retried",
)  # fmt: skip

UNFINISHED = (TaskState.RUNNABLE, TaskState.WAITING, TaskState.RUNNING, TaskState.PAUSED)


def counters(task):
    """Return the counters that the audit trail and the page show (AC-AUD-7)."""
    names = ("selected", "succeeded", "partial", "failed", "denied", "retries", "changed")
    return {name: getattr(task, name) for name in names}


def tell(verb, task, by, *, outcome=Outcome.OK, **labels):
    """Write the event of a task; whoever administers the one group that it touches may read it (R8)."""
    record(
        verb,
        tenant_id=task.tenant_id,
        by=by,
        subject=task,
        task_id=task.pk,
        outcome=outcome,
        group_id=UUID(task.scope_groups[0]) if len(task.scope_groups) == 1 else None,
        labels={"number": task.number, "task": task.name, **labels},
    )


def locked(task, by, *, version=None, between_batches=False):
    """Return the task under a row lock, for its creator while he administers all of its groups or for a Primary
    Administrator (spec 2.2 may_task, AC-TSK-7).

    `between_batches` waits for the batch that runs. The wait stands in line: the runner cannot begin another batch
    before it (AC-TSK-4).
    """
    if between_batches:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT pg_advisory_xact_lock({QUEUE_LOCK})", [str(task.tenant_id)])
    row = Task.objects.select_for_update(no_key=True).get(tenant_id=task.tenant_id, pk=task.pk)
    if not may_steer(by.rights, row, by.id):
        raise PermissionDenied("tasks.change_any")
    if version is not None and row.version != version:
        raise Conflict(
            _("The task was changed after this page was opened."),
            code="stale-task",
            changes=[(_("State"), None, TaskState(row.state).label), *_last_steered(row)],
        )
    return row


def _last_steered(row):
    """Return who steered the task last, how and when, as a line of a conflict; none where no event tells it."""
    events = Event.objects.filter(tenant_id=row.tenant_id, subject_id=row.pk, verb__in=_STEERED)
    if event := events.order_by("-id").first():
        actor, text = event.labels.get("actor", "…"), description(event)
        yield _("Last change"), None, _("%(time)s: %(actor)s %(text)s") % {
            "time": when(event.at), "actor": actor, "text": text
        }  # fmt: skip


def _expect(row, states):
    if row.state not in states:
        raise Conflict(
            _("That is not possible any more: the task is %(state)s.") % {"state": TaskState(row.state).label},
            code="wrong-state",
        )


def _save(row, **values):
    for name, value in values.items():
        setattr(row, name, value)
    row.version += 1
    row.save(update_fields=[*values, "version"])


@transaction.atomic
def pause_task(*, task, version=None, by):
    """Stop a task after its current batch (AC-TSK-4)."""
    row = locked(task, by, version=version, between_batches=True)
    _expect(row, (TaskState.RUNNABLE, TaskState.WAITING, TaskState.RUNNING))
    _save(row, state=TaskState.PAUSED)
    tell("task.paused", row, by, **counters(row))
    ring_on_commit(row.tenant_id)  # for the tasks behind it
    return row


@transaction.atomic
def resume_task(*, task, version=None, by):
    """Go on where a paused task stopped; no item runs twice."""
    row = locked(task, by, version=version)
    _expect(row, (TaskState.PAUSED,))
    _save(row, state=TaskState.WAITING if row.run_after > timezone.now() else TaskState.RUNNABLE)
    tell("task.resumed", row, by, **counters(row))
    ring_on_commit(row.tenant_id)
    return row


def check_cancel(task):
    """Raise Conflict where a task has ended already."""
    _expect(task, UNFINISHED)


@transaction.atomic
def cancel_task(*, task, version=None, by):
    """End a task for good: finished users stay as they are, the others are left alone (AC-TSK-5, AC-MCS-4)."""
    row = locked(task, by, version=version, between_batches=True)
    check_cancel(row)
    now = timezone.now()
    pending = TaskItem.objects.filter(tenant_id=row.tenant_id, task_id=row.pk, state=ItemState.PENDING)
    left = pending.update(state=ItemState.CANCELED, retry_after=None, ended_at=now)
    _save(row, state=TaskState.CANCELED, ended_at=now)
    tell("task.canceled", row, by, left=left, **counters(row))
    ring_on_commit(row.tenant_id)
    return row


@transaction.atomic
def start_now(*, task, version=None, by):
    """Take away the deferral of a task."""
    row = locked(task, by, version=version)
    _expect(row, (TaskState.WAITING,))
    before = row.run_after
    _save(row, state=TaskState.RUNNABLE, run_after=timezone.now())
    after = row.run_after.isoformat(timespec="seconds")
    tell("task.deferral-changed", row, by, before=before.isoformat(timespec="seconds"), after=after)
    ring_on_commit(row.tenant_id)
    return row


@transaction.atomic
def defer_task(*, task, run_after, version=None, by):
    """Put a task off to a time (aware datetime), or change the time of one that waits. Not once it has begun."""
    row = locked(task, by, version=version)
    _expect(row, (TaskState.RUNNABLE, TaskState.WAITING))
    if row.started_at is not None:
        raise Conflict(_("The task has begun already. Pause it instead."), code="wrong-state")
    if run_after <= timezone.now():
        raise Refused(_("Choose a time in the future."), field="run_after", code="past")
    if run_after > timezone.now() + LONGEST_DEFERRAL:
        raise Refused(_("Choose a time within a year."), field="run_after", code="too-late")
    before = row.run_after
    _save(row, state=TaskState.WAITING, run_after=run_after)
    after = run_after.isoformat(timespec="seconds")
    tell("task.deferral-changed", row, by, before=before.isoformat(timespec="seconds"), after=after)
    return row


@transaction.atomic
def rename_task(*, task, name, version=None, by):
    """Give a task another name; events tell the one it had at their time."""
    row = locked(task, by, version=version)
    before = row.name
    _save(row, name=checked_name(name))
    tell("task.renamed", row, by, before=before, after=row.name)
    return row


def checked_name(name):
    """Return the name of a task without spaces around it; 1 to 100 characters that can be seen."""
    name = check_name(name)
    if not 1 <= len(name) <= 100:
        raise Refused(_("Give the task a name of 1 to 100 characters."), field="name", code="name")
    return name


@transaction.atomic
def retry_failed(*, task, version=None, by):
    """Give the failed users of an ended task new tries; only those, and where part of the steps worked only the rest
    (P8)."""
    row = locked(task, by, version=version)
    _expect(row, (TaskState.COMPLETED, TaskState.WARNING, TaskState.FAILED))
    if Task.objects.filter(tenant_id=row.tenant_id, undo_of_id=row.pk).exclude(state=TaskState.CANCELED).exists():
        raise Conflict(_("This task has been undone. Submit a new one."), code="undone")
    items = TaskItem.objects.filter(tenant_id=row.tenant_id, task_id=row.pk)
    again = {"state": ItemState.PENDING, "attempts": 0, "retry_after": None, "error": "", "ended_at": None}
    failed = items.filter(state=ItemState.FAILED).update(outcome="", **again)
    partial = items.filter(state=ItemState.PARTIAL).update(**again)
    if not failed + partial:
        raise Refused(_("No user of this task has failed."), code="nothing-to-retry")
    _save(
        row,
        state=TaskState.RUNNABLE,
        ended_at=None,
        failed=row.failed - failed,
        partial=row.partial - partial,
        done=row.done - failed - partial,
    )
    tell("task.retried", row, by, retried=failed + partial)
    ring_on_commit(row.tenant_id)
    return row


def has_ended(task):
    """Say whether a task is in a final state."""
    return task.state in FINAL_STATES
