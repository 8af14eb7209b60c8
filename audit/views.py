"""Events: list, one event, CSV."""

from django.core.exceptions import BadRequest
from django.http import StreamingHttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from audit import tallies
from audit.access import get_event, visible_events
from audit.actions import record
from audit.exports import csv_lines, export_is_running
from audit.lists import EventList
from audit.texts import description, kind_name, label_text
from config.errors import Conflict
from config.policy import console_view
from config.ui.lists import filtered, list_page
from config.ui.responses import page


def _readable(request):
    return visible_events(request.rights, request.tenant.pk, request.membership.pk)


@console_view("audit.view")
def event_list(request):
    """List the events the person may read, those of the running minute too."""
    tallies.write_open(request.tenant.pk)
    return list_page(request, EventList, _readable(request), "audit/event_list.html")


@console_view("audit.view")
def event(request, pk):
    """Show one event with everything it holds."""
    row = get_event(request.rights, request.tenant.pk, request.membership.pk, pk)
    changes = [(name, label_text(name, value)) for name, value in sorted(row.labels.items()) if name != "actor"]
    context = {
        "event": row,
        "role": label_text("actor_role", row.actor_role),
        "kind": kind_name(row.verb),
        "description": description(row),
        "changes": changes,
    }
    return page(request, "audit/event.html", context)


@console_view("audit.export")
def event_export(request):
    """Stream the filtered events as CSV; one export per person at a time."""
    events = filtered(request, EventList, _readable(request))
    if events is None:
        raise BadRequest("the filter does not validate")
    if export_is_running(request.membership.pk):
        raise Conflict(_("Another export of yours is still running. Start this one when it has finished."))
    tallies.write_open(request.tenant.pk)
    record(
        "audit.exported",
        tenant_id=request.tenant.pk,
        by=request.actor,
        labels={"filter": request.GET.urlencode() or gettext_noop("everything")},
    )
    name = f"roamkeep-events-{request.tenant.slug}-{timezone.localdate():%Y-%m-%d}.csv"
    response = StreamingHttpResponse(csv_lines(events, request.membership.pk), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
