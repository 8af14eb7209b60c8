"""What a batch leaves in the ledger: results per user, events, and last the counters."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from audit.actions import record_rows
from config.identifiers import uuid_array
from personalization.models import ItemState
from personalization.moves import WITHOUT_NESTED_LOOPS


@dataclass(slots=True)
class Result:
    """What happened to one user: profiles or backups touched, the outcome's word, and when to try again if pending."""

    state: int = ItemState.PENDING
    changed: int = 0
    outcome: str = ""
    error: str = ""
    applied: int = 0
    retry_after: datetime | None = None

    def add(self, step):
        """Add a step that worked; one that changed something outweighs one that found nothing to do."""
        if step.changed or not self.outcome:
            self.outcome = step.outcome
        self.changed += step.changed

    def ended(self, state, applied):
        """Return this result as a final one with so many steps done."""
        self.state, self.applied = state, applied
        return self


# `state = 0`: an item that has ended is never written again, whatever a caller believes. The array once more: without
# it each batch would read every pending item of the task.
_ITEMS = """
UPDATE personalization_taskitem i
SET group_id = r.group_id, state = r.state, attempts = r.attempts, applied = r.applied, retry_after = r.retry_after,
    changed = i.changed + r.changed, outcome = r.outcome, error = r.error,
    ended_at = CASE WHEN r.state = 0 THEN NULL ELSE %(now)s END
FROM unnest(%(items)s::uuid[], %(groups)s::uuid[], %(states)s::smallint[], %(attempts)s::smallint[],
            %(applied)s::smallint[], %(retries)s::timestamptz[], %(changed)s::int[], %(outcomes)s::text[],
            %(errors)s::text[])
     AS r (id, group_id, state, attempts, applied, retry_after, changed, outcome, error)
WHERE i.tenant_id = %(tenant)s AND i.task_id = %(task)s AND i.id = r.id AND i.state = 0
  AND i.id = ANY(%(items)s::uuid[])
"""


def _array(values):
    """Return values that need no escapes as the text of an array, as `uuid_array` does."""
    return "{" + ",".join(map(str, values)) + "}"


def write(batch, results):
    """Write the results of a batch and add them to the counters of its task, which the runner saves.

    One event per user whose data changed (decision 31).
    """
    task = batch.task
    pairs = [(item, results[item.pk]) for item in batch.items]
    is_troubled = any(result.error for _, result in pairs)
    with connection.cursor() as cursor:
        cursor.execute(
            WITHOUT_NESTED_LOOPS.format(_ITEMS),
            {
                "tenant": task.tenant_id,
                "task": task.pk,
                "now": batch.now,
                "items": uuid_array(item.pk for item, _ in pairs),
                "groups": uuid_array(item.group_id for item, _ in pairs),
                "states": _array(int(result.state) for _, result in pairs),
                "attempts": _array(item.attempts for item, _ in pairs),
                "applied": _array(result.applied for _, result in pairs),
                "retries": _array(
                    result.retry_after.isoformat() if result.retry_after else "NULL" for _, result in pairs
                ),
                "changed": _array(result.changed for _, result in pairs),
                "outcomes": _array(f'"{result.outcome}"' for _, result in pairs),
                "errors": [result.error[:300] for _, result in pairs] if is_troubled else _array(['""'] * len(pairs)),
            },
        )
    record_rows(
        "user.changed",
        tenant_id=task.tenant_id,
        by=batch.by,
        rows=[
            (
                item.user_id,
                item.group_id,
                {"user": item.label, "changed": result.changed, "outcome": str(result.outcome)},
            )
            for item, result in pairs
            if result.changed
        ],
        subject_type="manageduser",
        task_id=task.pk,
        labels={"number": task.number, "task": task.name},
    )
    states = Counter(result.state for _, result in pairs)
    task.done += len(pairs) - states[ItemState.PENDING]
    task.succeeded += states[ItemState.SUCCEEDED]
    task.partial += states[ItemState.PARTIAL]
    task.failed += states[ItemState.FAILED]
    task.denied += states[ItemState.DENIED]
    task.retries += sum(1 for _, result in pairs if result.error and result.retry_after)
    task.changed += sum(result.changed for _, result in pairs)
