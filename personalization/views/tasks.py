"""Tasks: the queue, the wizard, one task with its results, the panel at the foot of every page."""

import datetime
from contextlib import contextmanager

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.submissions import hidden, once
from config.errors import Conflict, Refused
from config.policy import console_view
from config.ui.lists import list_page
from config.ui.responses import confirm, done, fragment, page
from personalization.access import (
    administered_groups,
    administered_users,
    get_own_task,
    get_task,
    may_see_details,
    reported_groups,
    settings_groups,
    visible_tasks,
)
from personalization.actions import tasks as actions
from personalization.clock import soon
from personalization.forms import TaskForm, TaskSubmitForm, shown_version
from personalization.lists import TASK_STATES, TaskItemList, TaskList
from personalization.models import FINAL_STATES, TaskItem, TaskOperation, TaskState, Verb

OPEN_STATES = (TaskState.RUNNING, TaskState.RUNNABLE, TaskState.WAITING, TaskState.PAUSED)
PANEL_SIZE, POLL_SECONDS = 6, 2
_PUT_BACK = gettext_lazy(
    "Each user's settings from before the task come back. Users whose settings changed since are skipped and listed."
)
UNDONE = {
    Verb.CREATE_BACKUPS: gettext_lazy("The backups that this task made are deleted; those protected since stay."),
    Verb.RESTORE_LATEST: _PUT_BACK,
    Verb.RESTORE_NOT_LATER: _PUT_BACK,
    Verb.DELETE_OLDER: gettext_lazy("The backups that this task deleted come back."),
}
"""What undoing a step does, as one sentence."""


@console_view("tasks.view")
def task_list(request):
    """List the tasks of the tenant."""
    return list_page(
        request, TaskList, visible_tasks(request.rights, request.tenant.pk), "personalization/task_list.html"
    )


def _address(request, task):
    return reverse("personalization:task", args=[request.tenant.slug, task.pk])


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


@console_view("tasks.view")
def task_panel(request):
    """Show what runs, what waits and what ended last; polls itself while something is open."""
    tasks = visible_tasks(request.rights, request.tenant.pk)
    open_tasks = list(tasks.filter(state__in=OPEN_STATES).order_by("number")[:PANEL_SIZE])
    ended = list(tasks.filter(state__in=FINAL_STATES).order_by("-id")[: PANEL_SIZE - len(open_tasks)])
    rows = [
        (
            f"#{task.number} {task.name}",
            _address(request, task),
            *TASK_STATES[task.state],
            task.done,
            task.selected,
            progress_note(task),
        )
        for task in [*open_tasks, *ended]
    ]
    context = {
        "tasks": rows,
        "running": sum(task.state == TaskState.RUNNING for task in open_tasks),
        "poll": POLL_SECONDS if any(task.state != TaskState.PAUSED for task in open_tasks) else None,
        "panel_url": request.path,
        "all_url": reverse("personalization:task-list", args=[request.tenant.slug]),
    }
    if request.htmx:
        return fragment(request, "personalization/task_panel.html", "panel", context)
    return page(request, "personalization/task_panel.html", context)


def _form(request, data=None):
    rights, tenant_id = request.rights, request.tenant.pk
    return TaskForm(
        data,
        settings_groups=settings_groups(tenant_id),
        groups=administered_groups(rights, tenant_id).order_by("position", "name_key"),
        reported_groups=reported_groups(tenant_id).order_by("name_key"),
        users=administered_users(rights, tenant_id),
    )


def _plan(form):
    """Return (operations, targets) of a valid form."""
    chosen = form.cleaned_data
    operation = actions.Operation(
        verb=chosen["verb"],
        kinds=tuple(chosen["kinds"]),
        settings_groups=tuple(group.pk for group in chosen["settings_groups"]),
        not_later_than=chosen["not_later_than"],
        age_days=chosen["age_days"],
        include_protected=chosen["include_protected"],
    )
    targets = actions.Targets(
        groups=tuple(group.pk for group in chosen["groups"]),
        reported_groups=tuple(group.pk for group in chosen["reported_groups"]),
        users=form.named_users,
    )
    return [operation], targets


@console_view("tasks.submit", methods=("GET", "POST"))
def task_new(request):
    """First step: what and for whom. A valid post shows the preview with exact counts."""
    form = _form(request, request.POST or None)
    if request.method == "POST" and form.is_valid() and "back" not in request.POST:
        return _preview(request, form)
    status = 422 if request.method == "POST" and not form.is_valid() else 200
    return page(request, "personalization/task_new.html", {"form": form}, status=status)


def _preview(request, form, submit=None, status=200):
    operations, targets = _plan(form)
    seen = actions.preview(tenant_id=request.tenant.pk, operations=operations, targets=targets, by=request.actor)
    verb = Verb(operations[0].verb)
    submit = submit or TaskSubmitForm(count=seen.users, initial={"name": str(verb.label)})
    chosen = [(name, value) for name in form.fields for value in form.data.getlist(name)]
    return page(
        request,
        "personalization/task_preview.html",
        {"form": submit, "plan": form, "preview": seen, "verb": verb, "chosen": chosen, "expected": seen.users},
        status=status,
    )


@console_view("tasks.submit", methods=("POST",))
@once
def task_submit(request):
    """Last step: name, time, typed count; then the task is in the queue."""
    form = _form(request, request.POST)
    if not form.is_valid():
        return page(request, "personalization/task_new.html", {"form": form}, status=422)
    operations, targets = _plan(form)
    try:
        expected = int(request.POST.get("expected", ""))
    except ValueError:
        expected = None
    submit = TaskSubmitForm(request.POST, count=expected or 0)
    if not submit.is_valid():
        return _preview(request, form, submit, status=422)
    delay = submit.cleaned_data["delay"]
    try:
        task = actions.submit_task(
            tenant_id=request.tenant.pk,
            name=submit.cleaned_data["name"],
            operations=operations,
            targets=targets,
            run_after=timezone.now() + datetime.timedelta(hours=delay) if delay else None,
            expected_users=expected,
            by=request.actor,
        )
    except Refused as refused:
        if refused.field not in submit.fields:
            raise
        submit.add_error(refused.field, refused.message)
        return _preview(request, form, submit, status=422)
    message = ngettext(
        "Task #%(number)s is in the queue for %(count)s user.", "Task #%(number)s is in the queue for %(count)s users.",
        task.selected,
    ) % {"number": task.number, "count": task.selected}  # fmt: skip
    return done(request, _address(request, task), message=message)


@console_view("tasks.view")
def task(request, pk):
    """Show one task: progress, counters, results by user; details only inside one's own groups (decision 13)."""
    row = get_task(request.rights, request.tenant.pk, pk)
    details = may_see_details(request.rights, row, request.membership.pk)
    may_steer = request.rights.is_primary or row.creator_id == request.membership.pk
    steps = TaskOperation.objects.filter(tenant_id=request.tenant.pk, task_id=row.pk).order_by("position")
    context = {
        "task": row,
        "status": TASK_STATES[row.state],
        "is_open": row.state in OPEN_STATES,
        "poll": POLL_SECONDS if row.state in (TaskState.RUNNING, TaskState.RUNNABLE) else None,
        "note": progress_note(row),
        "details": details,
        "steps": list(steps),
        "may_steer": may_steer,
        "may_undo": may_steer and actions.may_undo(row),
        "parts": [
            (str(_("Succeeded")), row.succeeded, "ok"),
            (str(_("Partially succeeded")), row.partial, "warning"),
            (str(_("Failed")), row.failed, "error"),
            (str(_("Not authorised")), row.denied, "off"),
            (str(_("Waiting")), max(row.selected - row.done, 0), "info"),
        ],
    }
    if request.htmx.target == "task-progress":
        answer = fragment(request, "personalization/task.html", "progress", context)
        if not context["poll"]:  # buttons and results of the page are those of a running task
            answer["HX-Refresh"] = "true"
        return answer
    if not details:
        return page(request, "personalization/task.html", context | {"listing": None})
    items = TaskItem.objects.filter(tenant_id=request.tenant.pk, task_id=row.pk)
    return list_page(request, TaskItemList, items, "personalization/task.html", context)


@contextmanager
def _naming_what_was_shown(request):
    """Let the answer to a stale page name the state that the page showed, which no row remembers."""
    try:
        yield
    except Conflict as conflict:
        shown = request.POST.get("state")
        if conflict.code == "stale-task" and shown in TaskState.values:
            (what, _unknown, now), *further = conflict.changes
            conflict.changes = ((what, TaskState(shown).label, now), *further)
        raise


def _shown(request, row):
    """Return the hidden fields that carry on what the page of a task showed."""
    return [("version", shown_version(request, row.version)), ("state", request.POST.get("state") or row.state)]


def _steer(verb, sentence):
    @console_view("tasks.change", methods=("POST",))
    def view(request, pk):
        row = get_own_task(request.rights, request.tenant.pk, pk, request.membership.pk)
        with _naming_what_was_shown(request):
            changed = verb(task=row, version=shown_version(request, row.version), by=request.actor)
        return done(request, _address(request, row), message=sentence % {"number": changed.number})

    return view


pause = _steer(actions.pause_task, gettext_lazy("Task #%(number)s pauses after the users it works on now."))
resume = _steer(actions.resume_task, gettext_lazy("Task #%(number)s goes on."))
start = _steer(actions.start_now, gettext_lazy("Task #%(number)s starts now."))
retry = _steer(actions.retry_failed, gettext_lazy("The failed users of task #%(number)s are tried again."))


@console_view("tasks.change", methods=("GET", "POST"))
def cancel(request, pk):
    """Ask, then end a task for good."""
    row = get_own_task(request.rights, request.tenant.pk, pk, request.membership.pk)
    left = max(row.selected - row.done, 0)
    answer = confirm(
        request,
        title=_("Cancel task #%(number)s?") % {"number": row.number},
        consequence=_(
            "%(done)s users are finished and stay as they are; %(left)s are left alone. A canceled task cannot go on."
        )
        % {"done": row.done, "left": left},
        verb=_("Cancel the task"),
        back=_address(request, row),
        hidden=_shown(request, row),
    )
    if answer:
        return answer
    with _naming_what_was_shown(request):
        actions.cancel_task(task=row, version=shown_version(request, row.version), by=request.actor)
    return done(request, _address(request, row), message=_("Task #%(number)s is canceled.") % {"number": row.number})


@console_view("tasks.change", methods=("GET", "POST"))
@once
def undo(request, pk):
    """Ask, then submit the inverse task."""
    row = get_own_task(request.rights, request.tenant.pk, pk, request.membership.pk)
    steps = TaskOperation.objects.filter(tenant_id=request.tenant.pk, task_id=row.pk).order_by("position")
    verbs = list(steps.values_list("verb", flat=True))
    sentences = dict.fromkeys(str(UNDONE[verb]) for verb in verbs if verb in UNDONE)
    answer = confirm(
        request,
        title=_("Undo task #%(number)s?") % {"number": row.number},
        consequence=" ".join(sentences),
        verb=_("Undo the task"),
        back=_address(request, row),
        hidden=[hidden(request), *_shown(request, row)],
        danger=Verb.CREATE_BACKUPS in verbs,
        details=[row.name, ngettext("%(count)s change", "%(count)s changes", row.changed) % {"count": row.changed}],
    )
    if answer:
        return answer
    with _naming_what_was_shown(request):
        made = actions.undo_task(task=row, version=shown_version(request, row.version), by=request.actor)
    return done(
        request,
        _address(request, made),
        message=_("Task #%(number)s undoes what task #%(undone)s changed.")
        % {"number": made.number, "undone": row.number},
    )
