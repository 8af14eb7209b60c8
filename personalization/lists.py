"""Lists of personalization."""

from functools import lru_cache
from itertools import product

from django import forms
from django.utils.translation import get_language, gettext, ngettext_lazy
from django.utils.translation import gettext_lazy as _
from markupsafe import Markup

from config.ui.cells import macro
from config.ui.formats import NONE
from config.ui.lists import Column, Listing
from personalization.access import search_users
from personalization.models import ItemState, TaskState
from personalization.outcomes import Outcome, outcome_text


class UserSearchForm(forms.Form):
    """Leading characters of the name, after leading characters of the domain where a backslash stands between."""

    q = forms.CharField(label=_("User"), required=False, max_length=160)


@lru_cache(maxsize=64)
def _data_shape(has_settings, has_backups, language):
    """Return the markup of a user's data in a language, with {key} for the user's key."""
    links = []
    for there, anchor, label, reason in (
        (has_settings, "settings", _("Settings"), _("no current settings")),
        (has_backups, "backups", _("Backups"), _("no backups")),
    ):
        shape = '<a href="{{key}}/#{0}">{1}</a>' if there else '<span class="none">{2}</span>'
        links.append(Markup(shape).format(anchor, label, reason))  # noqa: S704 - both shapes are ours
    if not has_settings and not has_backups:
        links = [Markup('<span class="none">{}</span>').format(_("nothing saved yet"))]
    return str(Markup(" · ").join(links))


def _data_links():
    """Return the writer of the two ways into a user's data, each only where there is some, else with the reason."""
    language = get_language()
    shapes = {there: _data_shape(*there, language) for there in product((True, False), repeat=2)}
    return lambda has_settings, row: shapes[bool(has_settings), bool(row.has_backups)].replace("{key}", str(row.pk))


class ManagedUserList(Listing):
    """Managed users of the person's groups."""

    name = "managed-users"
    caption = _("Managed users")
    counted = ngettext_lazy("%(shown)s user", "%(shown)s users", "count")
    columns = (
        Column("name", _("User"), sort=("name_key", "domain_key")),
        Column("domain", _("Domain"), sort=("domain_key", "name_key")),
        Column("display_name", _("Name")),
        Column("group", _("Group"), fields=("group_name",)),
        Column("last_logon_at", _("Last logon"), kind="time"),
        Column("has_settings", _("Data"), make_cell=_data_links),
    )
    fields = ("has_backups",)
    default_sort = "name"
    form_class = UserSearchForm
    row_url = "personalization:user"
    row_label = "name"
    empty_title = _("No users found")
    empty_text = _("A user appears here after the first logon on a managed computer.")
    empty_icon = "users"

    def shares(self):
        rights = self.request.rights
        return None if rights.is_primary else ("group_id", sorted(rights.groups, key=str))

    def filter(self, queryset, cleaned):
        return search_users(queryset, cleaned["q"]) if cleaned["q"].strip() else queryset


TASK_STATES = {
    TaskState.RUNNABLE: ("waiting", TaskState.RUNNABLE.label),
    TaskState.WAITING: ("waiting", TaskState.WAITING.label),
    TaskState.RUNNING: ("running", TaskState.RUNNING.label),
    TaskState.PAUSED: ("warning", TaskState.PAUSED.label),
    TaskState.COMPLETED: ("ok", TaskState.COMPLETED.label),
    TaskState.WARNING: ("warning", TaskState.WARNING.label),
    TaskState.FAILED: ("error", TaskState.FAILED.label),
    TaskState.CANCELED: ("off", TaskState.CANCELED.label),
}
ITEM_STATES = {
    ItemState.PENDING: ("waiting", ItemState.PENDING.label),
    ItemState.SUCCEEDED: ("ok", ItemState.SUCCEEDED.label),
    ItemState.PARTIAL: ("warning", ItemState.PARTIAL.label),
    ItemState.FAILED: ("error", ItemState.FAILED.label),
    ItemState.DENIED: ("error", ItemState.DENIED.label),
    ItemState.CANCELED: ("off", ItemState.CANCELED.label),
}


def _state(state, row):
    """Return the state of a task, and by which task it was undone."""
    status = macro("status", TASK_STATES[state][0], str(TASK_STATES[state][1]))
    if not row.undone_by:
        return status
    return status + " " + macro("badge", gettext("Undone by #%(number)s") % {"number": row.undone_by})


class TaskList(Listing):
    """Tasks of the tenant, newest first; rows are `with_undo`."""

    name = "tasks"
    caption = _("Tasks")
    counted = ngettext_lazy("%(shown)s task", "%(shown)s tasks", "count")
    columns = (
        Column("name", _("Name")),
        Column("number", _("Number"), kind="number", sort=("number",)),
        Column("state", _("State"), kind="status", fields=("state", "undone_by"), cell=_state),
        Column("done", _("Users"), kind="progress", fields=("done", "selected")),
        Column("failed", _("Failed"), kind="number"),
        Column("creator_name", _("Created by")),
        Column("created_at", _("Created"), kind="time"),
    )
    default_sort = "-number"
    paging = "time"
    row_url = "personalization:task"
    row_label = "name"
    empty_title = _("No tasks yet")
    empty_text = _("A task backs up or restores the settings of many users, and can be undone as a whole.")
    empty_icon = "queue-list"


class TaskItemFilterForm(forms.Form):
    """Results by state, and by what happened: an undo skips whom it must, and that is a success too."""

    state = forms.TypedChoiceField(
        label=_("Result"), required=False, coerce=int, empty_value=None, choices=[("", _("All")), *ItemState.choices]
    )
    outcome = forms.ChoiceField(label=_("What happened"), required=False, choices=[("", _("All")), *Outcome.choices])


def _tries(failed, row):
    """Return how often a user was tried: `attempts` counts the failed tries only. A user who is gone never was."""
    return failed + 1 if row.state == ItemState.SUCCEEDED else failed


def _reason(error, row):
    """Return a refusal's sentence; of a fault the ledger keeps its kind alone, because its text might hold data."""
    if error.isidentifier():
        return gettext("An internal fault (%(kind)s): the server's log tells more.") % {"kind": error}
    return error or NONE


class TaskItemList(Listing):
    """What a task did for each user."""

    name = "task-items"
    caption = _("Results by user")
    counted = ngettext_lazy("%(shown)s user", "%(shown)s users", "count")
    columns = (
        Column("user_label", _("User"), sort=("id",)),
        Column("state", _("Result"), kind="status", choices=ITEM_STATES),
        Column("outcome", _("What happened"), cell=lambda value, row: outcome_text(value)),
        Column("changed", _("Changed"), kind="number"),
        Column("attempts", _("Tries"), kind="number", cell=_tries),
        Column("error", _("Reason"), cell=_reason),
        Column("ended_at", _("Ended"), kind="time"),
    )
    default_sort = "user_label"
    form_class = TaskItemFilterForm
    row_url = "personalization:user"
    row_target = "managed_user_id"
    row_label = "user_label"
    fields = ("managed_user_id",)
    empty_title = _("No users")
    empty_text = _("No users matched.")

    def filter(self, queryset, cleaned):
        if cleaned["state"] is not None:
            queryset = queryset.filter(state=cleaned["state"])
        return queryset.filter(outcome=cleaned["outcome"]) if cleaned["outcome"] else queryset
