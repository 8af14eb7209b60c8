"""Verbs of work on many users: preview, submit, steer, retry, undo (spec 4.4, 4.7).

A task is a row, its steps and one item per managed user; `personalization.runner` works it off. What may be chosen is
limited to the creator's own groups here, and again when each batch runs.
"""

from personalization.actions.tasks.plan import (
    EARLIEST,
    TYPED_ABOVE,
    Operation,
    Preview,
    Targets,
    Touched,
    preview,
    scope_of,
)
from personalization.actions.tasks.steering import (
    LONGEST_DEFERRAL,
    QUEUE_LOCK,
    cancel_task,
    check_cancel,
    counters,
    defer_task,
    pause_task,
    rename_task,
    resume_task,
    retry_failed,
    start_now,
    tell,
)
from personalization.actions.tasks.submission import check_undo, may_undo, submit_task, undo_of, undo_task

__all__ = [
    "EARLIEST",
    "LONGEST_DEFERRAL",
    "QUEUE_LOCK",
    "TYPED_ABOVE",
    "Operation",
    "Preview",
    "Targets",
    "Touched",
    "cancel_task",
    "check_cancel",
    "check_undo",
    "counters",
    "defer_task",
    "may_undo",
    "pause_task",
    "preview",
    "rename_task",
    "resume_task",
    "retry_failed",
    "scope_of",
    "start_now",
    "submit_task",
    "tell",
    "undo_of",
    "undo_task",
]
