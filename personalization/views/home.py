"""Where every job starts."""

from django.shortcuts import redirect
from django.urls import reverse

from accounts.views import no_entry
from audit.access import visible_events
from audit.models import TOLD_ONCE
from audit.texts import description
from config.policy import console_view
from config.ui.lists import COUNT_LIMIT
from config.ui.responses import page
from personalization.access import administered_groups, visible_tasks, visible_users
from personalization.models import TaskState
from roles.access import helpers

RECENT = 8
OPEN = (TaskState.RUNNABLE, TaskState.RUNNING, TaskState.WAITING, TaskState.PAUSED)
TROUBLED = (TaskState.WARNING, TaskState.FAILED)


@console_view("account.own")
def home(request):
    """Show what the person's role offers, or who can help where there is no entry (AC-LOG-2)."""
    rights, tenant = request.rights, request.tenant
    if rights.role is None and rights.may("licensing.own"):
        return redirect("licensing:start", tenant.slug)
    if rights.role is None:
        return no_entry(request, helpers(tenant.pk))
    context = {
        "users": visible_users(rights, tenant.pk).order_by().values("pk")[: COUNT_LIMIT + 1].count(),
        "count_limit": COUNT_LIMIT,
        "events": [
            (event, description(event))
            for event in visible_events(rights, tenant.pk, request.membership.pk)
            .filter(TOLD_ONCE)
            .order_by("-id")[:RECENT]
        ],
        "search_url": reverse("personalization:user-list", args=[tenant.slug]),
        "tasks": None,
    }
    if rights.may("tasks.view"):
        tasks = visible_tasks(rights, tenant.pk)
        context["tasks"] = {
            "open": tasks.filter(state__in=OPEN).count(),
            "troubled": tasks.filter(state__in=TROUBLED).order_by("-id").values("pk")[:100].count(),
            "groups": administered_groups(rights, tenant.pk).count(),
        }
    return page(request, "personalization/home.html", context)
