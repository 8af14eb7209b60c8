"""The Personalization Summary: figures at a glance (spec 4.9)."""

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.submissions import hidden, once
from config.policy import console_view
from config.ui.formats import formats
from config.ui.responses import done, fragment, page
from personalization import summary as figures
from personalization.actions.summary import request_count

BARS, ROWS = 12, 50
"""Groups in a picture and in the table: the largest; the totals are of all."""
POLL_SECONDS = {"": None, "counting": 2, "late": 30}
TEMPLATE = "personalization/summary.html"
RUN_STATES = {
    "none": ("waiting", gettext_lazy("No run yet")),
    "running": ("running", gettext_lazy("Running")),
    "failed": ("error", gettext_lazy("Failed")),
    "completed": ("ok", gettext_lazy("Completed")),
}


@console_view("summary.view")
def summary(request):
    """Show the figures of the groups that the person administers, and the line of the count to those who wait for it."""
    now, rights, tenant = timezone.now(), request.rights, request.tenant
    scope = figures.scope_of(rights, tenant.pk)
    waiting = _waiting(scope.count, now)
    context = {
        "scope": scope,
        "is_counted": scope.count is not None and scope.count.counted_at is not None,
        "is_counting": waiting == "counting",
        "is_late": waiting == "late",
        "poll": POLL_SECONDS[waiting],
        "address": request.path,
    }
    if request.htmx.target == "summary-count":
        answer = fragment(request, TEMPLATE, "count", context)
        if not waiting:  # every figure of the page is that of the count before
            answer["HX-Refresh"] = "true"
        return answer
    run = figures.last_run(tenant, now)
    counted = [(name, row) for name, row in scope.groups if row]
    by_bytes = sorted(counted, key=lambda pair: -pair[1].bytes)
    by_users = sorted(counted, key=lambda pair: -pair[1].users)
    return page(
        request,
        TEMPLATE,
        context
        | {
            "submission": hidden(request),
            "group_count": len(scope.groups),
            "settings_groups": figures.settings_group_counts(tenant.pk),
            "queue": figures.queue_of(rights, tenant.pk, now),
            "tasks_url": reverse("personalization:task-list", args=[tenant.slug]),
            "run": run,
            "run_mark": ("error", _("Older than 26 hours")) if run.is_old else RUN_STATES[run.state],
            "run_result": RUN_STATES[run.state][1],
            "run_took": _duration(run.seconds),
            "database_bytes": figures.database_bytes() if rights.is_primary else None,
            "rows": by_bytes[:ROWS],
            "uncounted": len(scope.groups) - len(counted),
            "size_bars": [(name, row.bytes, None) for name, row in by_bytes[:BARS]],
            "size_words": [formats().size(row.bytes) for _name, row in by_bytes[:BARS]],
            "user_bars": [(name, row.users, None) for name, row in by_users[:BARS]],
        },
    )


def _waiting(count, now):
    """Return "" where no count is to come, else "counting", or "late" where no worker has taken it up."""
    if count is None or not count.is_pending:
        return ""
    return "counting" if now - count.asked_at < figures.SLOW else "late"


def _duration(seconds):
    """Return a length of time in words, to its two largest units; "" for None."""
    if seconds is None:
        return ""
    if seconds < 1:
        return _("less than a second")
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return _("%(hours)d h %(minutes)d min") % {"hours": hours, "minutes": minutes}
    if minutes:
        return _("%(minutes)d min %(seconds)d s") % {"minutes": minutes, "seconds": seconds}
    return _("%(seconds)d s") % {"seconds": seconds}


@console_view("summary.view", methods=("POST",))
@once
def count_now(request):
    """Ask for a new count; the page shows when it is there."""
    request_count(tenant_id=request.tenant.pk, by=request.actor)
    return done(
        request,
        reverse("personalization:summary", args=[request.tenant.slug]),
        message=_("The figures are being counted."),
    )
