"""One batch: rights, locks, the steps, and each user alone where the batch as a whole fails."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db import connection, transaction

from audit.actions import Actor
from config.errors import Refused
from personalization import moves
from personalization.actions.tasks import Operation, scope_of
from personalization.models import ItemState, Task, TaskOperation, Verb
from personalization.outcomes import Outcome
from personalization.runner.results import Result, write
from personalization.runner.steps import HOLD_THEMSELVES, STEPS, Step

log = structlog.get_logger(__name__)

ATTEMPTS = 3
FIRST_PAUSE = timedelta(seconds=2)  # grows fourfold with every try (AC-TSK-9)
LOCKED_PAUSE = timedelta(seconds=1)
IN_USE = "somebody else was changing these settings"


@dataclass(slots=True)
class Item:
    """A pending item: `applied` operations are done for good, `attempts` tries have failed. `group_id` is the user's of
    now, `label` the name; None where the user is gone."""

    pk: UUID
    user_id: UUID
    group_id: UUID
    attempts: int
    applied: int
    label: str | None


@dataclass(frozen=True, slots=True)
class Batch:
    """What one transaction takes on: items of one task, its steps, its creator with the rights of now, the time."""

    task: Task
    operations: list[TaskOperation]
    items: list[Item]
    by: Actor
    now: datetime
    scopes: dict = field(default_factory=dict)

    def scope(self, operation):
        """Return the settings groups that a step covers, None for all."""
        if operation.verb == Verb.UNDO:
            return None
        if operation.pk not in self.scopes:
            tenant_id, groups = self.task.tenant_id, tuple(UUID(pk) for pk in operation.settings_groups)
            chosen, is_all = scope_of(tenant_id, Operation(operation.verb, tuple(operation.kinds), groups))
            self.scopes[operation.pk] = None if is_all else chosen
        return self.scopes[operation.pk]


def work(batch):
    """Do a batch and write what came of it, in the caller's transaction; the counters of the task are the caller's to
    save."""
    rights, groups = batch.by.rights, {item.group_id for item in batch.items}
    open_groups = {group for group in groups if rights.may("tasks.submit", group)}
    results, allowed = {}, []
    for item in batch.items:
        if item.label is None:
            results[item.pk] = Result(ItemState.FAILED, outcome=Outcome.GONE, applied=item.applied)
        elif item.group_id not in open_groups:
            results[item.pk] = Result(ItemState.DENIED, outcome=Outcome.DENIED, applied=item.applied)
        else:
            allowed.append(item)
    try:
        with transaction.atomic():
            results |= _together(batch, allowed)
    except Exception as error:
        if _connection_is_lost():
            raise
        log.warning("batch_failed", task_id=str(batch.task.pk), users=len(allowed), error=type(error).__name__)
        for item in allowed:
            results[item.pk] = _alone(batch, item)
    write(batch, results)


def _connection_is_lost():
    """Say whether nothing can be written any more: then the next runner begins the whole batch anew."""
    return connection.connection is None or connection.connection.closed


def _together(batch, items):
    """Apply every step to all items at once; return {item id: Result}."""
    done, locked_out = _apply(batch, items, batch.operations)
    steps = len(batch.operations)
    return {
        item.pk: _held_back(batch, item)
        if item.user_id in locked_out
        else done[item.user_id].ended(ItemState.SUCCEEDED, steps)
        for item in items
    }


def _alone(batch, item):
    """Apply the steps to one item in a savepoint: all of them or, at the last try, as many as work, in their order.

    Until the last try a failure takes back the steps before it too, so that a user who is canceled while waiting for
    the next try is untouched.
    """
    is_last = item.attempts + 1 >= ATTEMPTS
    done = Result(applied=item.applied)
    parts = [[operation] for operation in batch.operations[item.applied :]] if is_last else [batch.operations]
    for part in parts:
        try:
            with transaction.atomic():
                step, locked_out = _apply(batch, [item], part)
        except Exception as error:
            if _connection_is_lost():
                raise
            log.warning("item_failed", task_id=str(batch.task.pk), item_id=str(item.pk), error=type(error).__name__)
            item.attempts += 1
            done.error = error.message if isinstance(error, Refused) else type(error).__name__
            if not is_last:
                done.retry_after = batch.now + FIRST_PAUSE * 4 ** (item.attempts - 1)
                return done
            if done.applied:
                return done.ended(ItemState.PARTIAL, done.applied)
            done.outcome = Outcome.FAILED
            return done.ended(ItemState.FAILED, 0)
        if locked_out:
            if done.applied == item.applied:
                return _held_back(batch, item)
            done.error = IN_USE
            return done.ended(ItemState.PARTIAL, done.applied)
        done.add(step[item.user_id])
        done.applied += len(part) if is_last else 0
    return done.ended(ItemState.SUCCEEDED, len(batch.operations))


def _held_back(batch, item):
    """Return the result of a user whose settings somebody else is changing right now: soon again, and not a try."""
    return Result(applied=item.applied, retry_after=batch.now + LOCKED_PAUSE)


def _apply(batch, items, operations):
    """Apply steps to users and check what the commit would check; return ({user: Result}, users whom another holds)."""
    tenant_id = batch.task.tenant_id
    starts = {item.user_id: item.applied for item in items}
    scopes = [batch.scope(operation) for operation in operations]
    every = None if None in scopes else frozenset().union(*scopes)
    held = {}
    if len(operations) > 1 or operations[0].verb not in HOLD_THEMSELVES:
        held = moves.hold_users(tenant_id=tenant_id, user_ids=starts, settings_group_ids=every)
    locked_out = {user_id for user_id, profiles in held.items() if not profiles.is_whole}
    results = {user_id: Result() for user_id in starts if user_id not in locked_out}
    for operation, scope in zip(operations, scopes, strict=True):
        reached = [user_id for user_id in results if starts[user_id] <= operation.position]
        mine = {user_id: held[user_id] for user_id in reached if user_id in held}
        done = STEPS[operation.verb](Step(batch.task, operation, reached, mine, scope))
        locked_out |= done.locked_out
        for user_id in reached:
            results[user_id].add(Result(changed=done.changed.get(user_id, 0), outcome=done.word(user_id)))
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
    return results, locked_out
