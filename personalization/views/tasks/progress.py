"""What the pages and the panel say of a task: where it is, how far, and what undoes it."""

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from personalization.clock import soon
from personalization.models import TaskState

OPEN_STATES = (TaskState.RUNNING, TaskState.RUNNABLE, TaskState.PAUSED, TaskState.WAITING)
POLL_SECONDS = 2


def address_of(request, task, verb=""):
    """Return the address of a task's page, or of what a verb such as "pause" does to it."""
    name = f"personalization:task-{verb}" if verb else "personalization:task"
    return reverse(name, args=[request.tenant.slug, task.pk])


def progress_note(task, now=None):
    """Return rate and remaining time of a running task in words, or why it does not run."""
    if task.state == TaskState.WAITING:
        return _("starts %(when)s") % {"when": soon(task.run_after)}
    if task.state != TaskState.RUNNING or not task.started_at or not task.done:
        return ""
    seconds = max(((now or timezone.now()) - task.started_at).total_seconds(), 0.1)
    rate = task.done / seconds
    left = (task.selected - task.done) / rate
    rest = (
        _("%(seconds)d s left") % {"seconds": left + 1}
        if left < 90
        else _("%(minutes)d min left") % {"minutes": left / 60 + 1}
    )
    return _("%(rate)d users/s, %(rest)s") % {"rate": rate, "rest": rest}


def parts_of(task):
    """Return (label, users, status kind) of every result: whom a canceled task never reached is no longer waiting."""
    rest = max(task.selected - task.done, 0)
    is_canceled = task.state == TaskState.CANCELED
    parts = [
        (_("Succeeded"), task.succeeded, "ok"),
        (_("Partially succeeded"), task.partial, "warning"),
        (_("Failed"), task.failed, "error"),
        (_("Not authorised"), task.denied, "waiting" if is_canceled else "off"),
        (_("Waiting"), 0 if is_canceled else rest, "info"),
    ]
    return [*parts, (_("Canceled"), rest, "off")] if is_canceled else parts


def undo_words(undo):
    """Return what stands before the link to the task that undoes a task."""
    if undo.state in OPEN_STATES:
        return _("Being undone by")
    return _("Not undone, tried by") if undo.state == TaskState.FAILED else _("Undone by")
