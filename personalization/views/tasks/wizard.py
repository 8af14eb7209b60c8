"""The two steps of a new task: what and for whom, then the check with exact counts, the name and the time."""

import datetime

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.submissions import once
from config.errors import Refused
from config.policy import console_view
from config.ui.formats import formats
from config.ui.responses import done, page
from personalization.access import administered_groups, administered_users, reported_groups, settings_groups
from personalization.actions import tasks as actions
from personalization.clock import when
from personalization.forms import TaskForm, TaskSubmitForm
from personalization.models import Verb
from personalization.views.tasks.progress import address_of
from personalization.wording import covered_texts, step_text

USERS_NAMED = 20  # of those typed, on the page that tells what will be done


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
    step = _sentence(operations[0])
    context = {
        "form": submit or TaskSubmitForm(count=seen.users, initial={"name": step[:100]}),
        "preview": seen,
        "verb": Verb(operations[0].verb),
        "step": step,
        "chosen": [(name, value) for name in form.fields for value in form.data.getlist(name)],
        "expected": seen.users,
        **_told(form, operations[0]),
    }
    return page(request, "personalization/task_preview.html", context, status=status)


def _sentence(operation):
    return step_text(
        operation.verb,
        age_days=operation.age_days,
        not_later_than=operation.not_later_than,
        include_protected=operation.include_protected,
    )


def _told(form, operation):
    """Return what was chosen: (label, value) of the step's parameters, and the names of what and whom it covers."""
    chosen, facts = form.cleaned_data, []
    if operation.verb == Verb.DELETE_OLDER:
        days = ngettext("%(count)s day", "%(count)s days", operation.age_days)
        facts = [
            (_("Older than"), days % {"count": formats().integer(operation.age_days)}),
            (_("Protected backups"), _("are deleted too") if operation.include_protected else _("are kept")),
        ]
    if operation.verb == Verb.RESTORE_NOT_LATER:
        facts = [(_("Not later than"), when(operation.not_later_than))]
    users = [line.strip() for line in chosen["users"].splitlines() if line.strip()]
    more = len(users) - USERS_NAMED
    return {
        "parameters": facts,
        "covered": covered_texts(chosen["kinds"], [group.name for group in chosen["settings_groups"]]),
        "groups": [group.name for group in chosen["groups"]],
        "reported_groups": [group.name for group in chosen["reported_groups"]],
        "users": [*users[:USERS_NAMED], *([f"+{formats().integer(more)}"] if more > 0 else [])],
    }


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
    ) % {"number": task.number, "count": formats().integer(task.selected)}  # fmt: skip
    return done(request, address_of(request, task), message=message)
