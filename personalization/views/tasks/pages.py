"""The list of tasks, and one task with its results."""

from uuid import UUID

from django.db.models import Count

from config.policy import console_view
from config.ui.lists import list_page
from config.ui.responses import fragment, page
from personalization.access import (
    administered_groups,
    administers_all_of,
    get_task,
    may_steer,
    settings_groups,
    visible_items,
    visible_tasks,
    with_undo,
)
from personalization.actions import tasks as actions
from personalization.lists import TASK_STATES, TaskItemList, TaskList
from personalization.models import Task, TaskOperation, TaskState
from personalization.outcomes import Outcome
from personalization.views.tasks.progress import (
    OPEN_STATES,
    POLL_SECONDS,
    address_of,
    parts_of,
    progress_note,
    undo_words,
)
from personalization.wording import covered_texts, step_text


@console_view("tasks.view")
def task_list(request):
    """List the tasks of the tenant."""
    tasks = with_undo(visible_tasks(request.rights, request.tenant.pk))
    return list_page(request, TaskList, tasks, "personalization/task_list.html")


@console_view("tasks.view")
def task(request, pk):
    """Show one task: progress, counters, results by user; details only inside one's own groups (decision 13)."""
    row = get_task(request.rights, request.tenant.pk, pk)
    items = visible_items(request.rights, row, request.membership.pk)
    steers = may_steer(request.rights, row, request.membership.pk)
    undo = actions.undo_of(row)
    undone = Task.objects.filter(tenant_id=row.tenant_id, pk=row.undo_of_id).first() if row.undo_of_id else None
    context = {
        "task": row,
        "status": TASK_STATES[row.state],
        "is_open": row.state in OPEN_STATES,
        "poll": POLL_SECONDS if row.state in (TaskState.RUNNING, TaskState.RUNNABLE) else None,
        "note": progress_note(row),
        "details": items is not None,
        "is_whole": administers_all_of(request.rights, row),
        "groups": _group_names(request, row),
        "steps": _steps(row, undone),
        "may_steer": steers,
        "may_undo": steers and actions.may_undo(row),
        "parts": parts_of(row),
        "undo": undo and (undo_words(undo), undo.number, address_of(request, undo), TASK_STATES[undo.state]),
        "undone": undone and (undone.number, address_of(request, undone)),
        "not_put_back": _not_put_back(row, items),
    }
    if request.htmx.target == "task-progress":
        answer = fragment(request, "personalization/task.html", "progress", context)
        if not context["poll"]:  # buttons and results of the page are those of a running task
            answer["HX-Refresh"] = "true"
        return answer
    if items is None:
        return page(request, "personalization/task.html", context | {"listing": None})
    return list_page(request, TaskItemList, items, "personalization/task.html", context)


def _not_put_back(row, items):
    """Return (word, text, users) of those whom an undo that has ended skipped, wholly or in part (decision 14)."""
    if items is None or not row.undo_of_id or row.state in OPEN_STATES:
        return []
    skipped = items.filter(outcome__in=[Outcome.CHANGED_SINCE, Outcome.PARTLY_UNDONE]).order_by().values("outcome")
    found = dict(skipped.annotate(users=Count("id")).values_list("outcome", "users"))
    return [(word.value, word.label, found[word]) for word in Outcome if word in found]


def _group_names(request, row):
    """Return the names of the chosen personalization groups that the person administers now."""
    chosen = row.scope.get("groups", [])
    if request.rights.is_primary:
        return chosen
    known = administered_groups(request.rights, row.tenant_id).filter(name__in=chosen)
    return list(known.order_by("name_key").values_list("name", flat=True))


def _steps(row, undone):
    """Return (sentence, texts of the settings groups) of every step of a task."""
    steps = list(TaskOperation.objects.filter(tenant_id=row.tenant_id, task_id=row.pk).order_by("position"))
    single = {UUID(pk) for step in steps for pk in step.settings_groups}
    names = list(settings_groups(row.tenant_id).filter(pk__in=single).values_list("pk", "name"))
    return [
        (
            step_text(
                step.verb,
                age_days=step.age_days,
                not_later_than=step.not_later_than,
                include_protected=step.include_protected,
                undo_of=undone and undone.number,
            ),
            covered_texts(step.kinds, [name for pk, name in names if str(pk) in step.settings_groups]),
        )
        for step in steps
    ]
