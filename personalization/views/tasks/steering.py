"""Pause, resume, cancel, start, retry and undo a task: from its page, or from the panel at the foot of any page."""

from contextlib import contextmanager

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.submissions import hidden, once
from config.errors import Conflict
from config.policy import console_view
from config.ui.formats import formats
from config.ui.responses import confirm, done
from personalization.access import get_own_task
from personalization.actions import tasks as actions
from personalization.forms import shown_version
from personalization.lists import TaskList
from personalization.models import TaskOperation, TaskState, Verb
from personalization.views.tasks.progress import address_of

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


def _done(request, row, message):
    """Answer a success: on the task's own page and without a script go there, elsewhere stay and renew the panel."""
    address = address_of(request, row)
    is_own_page = (request.htmx.current_url_abs_path or "").partition("?")[0] == address
    return done(request, address, message=message, changed=None if is_own_page else TaskList.name)


def _steer(verb, sentence):
    @console_view("tasks.change", methods=("POST",))
    def view(request, pk):
        row = get_own_task(request.rights, request.tenant.pk, pk, request.membership.pk)
        with _naming_what_was_shown(request):
            changed = verb(task=row, version=shown_version(request, row.version), by=request.actor)
        return _done(request, row, sentence % {"number": changed.number})

    return view


pause = _steer(actions.pause_task, gettext_lazy("Task #%(number)s pauses after the users it works on now."))
resume = _steer(actions.resume_task, gettext_lazy("Task #%(number)s goes on."))
start = _steer(actions.start_now, gettext_lazy("Task #%(number)s starts now."))
retry = _steer(actions.retry_failed, gettext_lazy("The failed users of task #%(number)s are tried again."))


@console_view("tasks.change", methods=("GET", "POST"))
def cancel(request, pk):
    """Ask, then end a task for good; one that has ended is not asked about."""
    row = get_own_task(request.rights, request.tenant.pk, pk, request.membership.pk)
    if request.method != "POST":
        actions.check_cancel(row)
    answer = confirm(
        request,
        title=_("Cancel task #%(number)s?") % {"number": row.number},
        consequence=_("Whoever is finished stays as they are now. A canceled task cannot go on."),
        verb=_("Cancel the task"),
        back=address_of(request, row),
        hidden=_shown(request, row),
        details=_reached(row),
    )
    if answer:
        return answer
    with _naming_what_was_shown(request):
        actions.cancel_task(task=row, version=shown_version(request, row.version), by=request.actor)
    return _done(request, row, _("Task #%(number)s is canceled.") % {"number": row.number})


def _reached(row):
    """Return the lines that tell how many users are finished and how many are left alone."""
    left = max(row.selected - row.done, 0)
    finished = ngettext("%(count)s user is finished", "%(count)s users are finished", row.done)
    alone = ngettext("%(count)s user is left alone", "%(count)s users are left alone", left)
    return [finished % {"count": formats().integer(row.done)}, alone % {"count": formats().integer(left)}]


@console_view("tasks.change", methods=("GET", "POST"))
@once
def undo(request, pk):
    """Ask, then submit the inverse task; a task that cannot be undone is not asked about."""
    row = get_own_task(request.rights, request.tenant.pk, pk, request.membership.pk)
    if request.method != "POST":
        actions.check_undo(row)
    steps = TaskOperation.objects.filter(tenant_id=request.tenant.pk, task_id=row.pk).order_by("position")
    verbs = list(steps.values_list("verb", flat=True))
    sentences = dict.fromkeys(str(UNDONE[verb]) for verb in verbs if verb in UNDONE)
    changes = ngettext("%(count)s change", "%(count)s changes", row.changed)
    answer = confirm(
        request,
        title=_("Undo task #%(number)s?") % {"number": row.number},
        consequence=" ".join(sentences),
        verb=_("Undo the task"),
        back=address_of(request, row),
        hidden=[hidden(request), *_shown(request, row)],
        danger=Verb.CREATE_BACKUPS in verbs,
        details=[row.name, changes % {"count": formats().integer(row.changed)}],
    )
    if answer:
        return answer
    with _naming_what_was_shown(request):
        made = actions.undo_task(task=row, version=shown_version(request, row.version), by=request.actor)
    return done(
        request,
        address_of(request, made),
        message=_("Task #%(number)s undoes what task #%(undone)s changed.")
        % {"number": made.number, "undone": row.number},
    )
