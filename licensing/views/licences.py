"""Licences of a group: Subscription Details and License Usage on one page (LG-134 to LG-139)."""

from config.policy import console_view
from config.ui.responses import page
from licensing.models import Billing
from licensing.usage import inactive_places, pending_users
from licensing.views.gate import with_group


@console_view("licensing.view")
@with_group
def licences(request, group):
    """Show what was bought and how much of it is in use; Subscription Details only of a subscription (LG-136)."""
    context = {
        "group": group,
        "section": "licences",
        "is_subscription": group.billing == Billing.SUBSCRIPTION,
        "percent": round(100 * group.used / group.seats) if group.seats else 0,
        "pending": pending_users(group),
        "inactive": inactive_places(group),
    }
    return page(request, "licensing/licences.html", context)
