"""The panel at the foot of every page (spec 4.7): collapsed the current task and how many wait, expanded both queues."""

from dataclasses import dataclass

from django.db.models import Case, Count, Q, When
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from config.policy import console_view
from config.ui.formats import formats
from config.ui.responses import fragment, page
from personalization.access import may_steer, visible_tasks, with_undo
from personalization.lists import TASK_STATES
from personalization.models import FINAL_STATES, TaskState
from personalization.views.tasks.progress import OPEN_STATES, POLL_SECONDS, address_of, progress_note

QUEUE_SIZE, DEFERRED_SIZE, ENDED_SIZE = 5, 5, 3
_QUEUED = (TaskState.RUNNING, TaskState.RUNNABLE, TaskState.PAUSED)
_IN_TURN = Case(*(When(state=state, then=place) for place, state in enumerate(_QUEUED)), default=len(_QUEUED))
_BUSY = (TaskState.RUNNING, TaskState.RUNNABLE, TaskState.WAITING)


@dataclass(frozen=True, slots=True)
class Action:
    """A button of a row: a form that posts what the panel shows, or a link to a question in the dialog."""

    verb: str
    label: str
    icon: str
    address: str
    asks: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A task of the panel; `hidden` are the pairs that its forms carry on, `actions` what this person may do."""

    key: str
    name: str
    address: str
    kind: str
    label: str
    done: int
    total: int
    note: str
    hidden: tuple = ()
    actions: tuple = ()


@console_view("tasks.view")
def task_panel(request):
    """Show what runs, what waits and what ended last; polls itself while something is open."""
    tasks = visible_tasks(request.rights, request.tenant.pk)
    counts = tasks.aggregate(**{state.value: Count("pk", filter=Q(state=state)) for state in OPEN_STATES})
    queue = [_row(request, task) for task in tasks.filter(state__in=_QUEUED).order_by(_IN_TURN, "number")[:QUEUE_SIZE]]
    deferred = tasks.filter(state=TaskState.WAITING).order_by("run_after", "number")[:DEFERRED_SIZE]
    ended = with_undo(tasks.filter(state__in=FINAL_STATES)).order_by("-id")[:ENDED_SIZE]
    context = {
        "queue": queue,
        "deferred": [_row(request, task) for task in deferred],
        "ended": [_row(request, task) for task in ended],
        "running": counts[TaskState.RUNNING],
        "summary": " · ".join(_counted(counts)),
        "poll": POLL_SECONDS if any(counts[state] for state in _BUSY) else None,
        "panel_url": request.path,
        "all_url": reverse("personalization:task-list", args=[request.tenant.slug]),
    }
    if request.htmx:
        return fragment(request, "personalization/task_panel.html", "panel", context)
    return page(request, "personalization/task_panel.html", context)


def _counted(counts):
    """Return how many tasks run, are ready, stand still and are deferred, in words; what there is none of is left out."""
    words = {
        TaskState.RUNNING: ngettext("%(num)s running", "%(num)s running", counts[TaskState.RUNNING]),
        TaskState.RUNNABLE: ngettext("%(num)s ready", "%(num)s ready", counts[TaskState.RUNNABLE]),
        TaskState.PAUSED: ngettext("%(num)s paused", "%(num)s paused", counts[TaskState.PAUSED]),
        TaskState.WAITING: ngettext("%(num)s deferred", "%(num)s deferred", counts[TaskState.WAITING]),
    }
    return [text % {"num": formats().integer(counts[state])} for state, text in words.items() if counts[state]]


def _row(request, task):
    undone = getattr(task, "undone_by", None)
    return Row(
        str(task.pk),
        f"#{task.number} {task.name}",
        address_of(request, task),
        *TASK_STATES[task.state],
        task.done,
        task.selected,
        _("Undone by #%(number)s") % {"number": undone} if undone else progress_note(task),
        (("version", task.version), ("state", task.state)),
        tuple(_actions(request, task)),
    )


def _actions(request, task):
    if task.state not in OPEN_STATES or not may_steer(request.rights, task, request.membership.pk):
        return
    number = {"number": task.number}
    if task.state == TaskState.PAUSED:
        yield Action("resume", _("Resume task #%(number)s") % number, "play", address_of(request, task, "resume"))
    else:
        yield Action("pause", _("Pause task #%(number)s") % number, "pause", address_of(request, task, "pause"))
    yield Action(
        "cancel", _("Cancel task #%(number)s") % number, "stop", address_of(request, task, "cancel"), asks=True
    )
