"""Dashboard of a license group: its plan, its seats by day and where they lead, and places to give to somebody else."""

from config.policy import console_view
from config.ui.responses import page
from licensing.usage import forecast, inactive_places, pending_users, seat_days, unused_places, utc_today, waiting
from licensing.usage_chart import draw
from licensing.views.gate import with_group

SOON = 30  # days before the end of a licence, or of its seats, from which the page warns


@console_view("licensing.view")
@with_group
def dashboard(request, group):
    """Show the group at a glance (LG-27); everything is read by a fixed number of queries."""
    today = utc_today()
    days = seat_days(group, today)
    found = forecast(days)
    context = {
        "group": group,
        "section": "dashboard",
        "days": days,
        "forecast": found,
        "chart": draw(days, found),
        "warns": bool(found and found.runs_out and (found.runs_out - today).days <= SOON),
        "ends_soon": bool(group.expires_at and (group.expires_at.date() - today).days <= SOON),
        "pending": pending_users(group),
        "waiting": waiting(group),
        "unused": unused_places(group),
        "inactive": inactive_places(group),
    }
    return page(request, "licensing/dashboard.html", context)
