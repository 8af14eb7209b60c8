"""When the nightly run is due: once per tenant and local day, at 01:00 of its clock or the first hour after."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import structlog
from django.utils import timezone

from accounts.models import Tenant
from config.celery import app
from config.tenancy import tenant_context
from personalization.actions.nightly import nightly, note_failure
from personalization.models import NightlyRun
from personalization.summary import count

log = structlog.get_logger(__name__)

FROM_HOUR = 1


def day_due(tenant: Tenant, now: datetime) -> date | None:
    """Return the tenant's calendar day whose run may begin at `now`, or None before 01:00 of its clock.

    The day is the key of the run, so an hour that comes twice does not double it and one that is left out does not skip
    it (AC-BGS-4).
    """
    try:
        local = now.astimezone(ZoneInfo(tenant.time_zone))
    except (ZoneInfoNotFoundError, ValueError):
        local = now
    return local.date() if local.hour >= FROM_HOUR else None


@app.task(name="personalization.run_nightly")
def run_nightly() -> None:
    """Do the run of every active tenant where it is due and not done; one tenant's trouble does not stop the others."""
    for tenant in Tenant.objects.filter(status=Tenant.Status.ACTIVE).order_by("id"):
        day = day_due(tenant, timezone.now())
        if day is None:
            continue
        try:
            with tenant_context(tenant.pk):
                is_done = NightlyRun.objects.filter(tenant=tenant, day=day, ended_at__isnull=False).exists()
            if not is_done:
                _run(tenant, day)
        except Exception:
            log.exception("nightly_failed", tenant=tenant.slug)


def _run(tenant: Tenant, day: date) -> None:
    try:
        run = nightly(tenant_id=tenant.pk, day=day)
    except Exception:
        note_failure(tenant_id=tenant.pk, day=day)
        raise
    if run:
        count(tenant.pk)
