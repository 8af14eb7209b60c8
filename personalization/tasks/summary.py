"""When the figures of the summary are counted: on request, and now and then where something has happened."""

from __future__ import annotations

from accounts.models import Tenant
from config.celery import app
from personalization.bell import ring_count
from personalization.summary import count, is_due


@app.task(name="personalization.count_summary")
def count_summary(tenant_id: str) -> None:
    """Count the figures of a tenant where that is due; once more where somebody asked meanwhile.

    A second worker leaves it to the first, which sees the later request when it is done.
    """
    if not Tenant.objects.filter(pk=tenant_id, status=Tenant.Status.ACTIVE).exists():
        return
    while is_due(tenant_id) and count(tenant_id):
        pass


@app.task(name="personalization.count_summaries")
def count_summaries() -> None:
    """Ring for every active tenant whose figures are due: changed ones, and what a lost bell left behind."""
    for tenant_id in Tenant.objects.filter(status=Tenant.Status.ACTIVE).order_by("id").values_list("pk", flat=True):
        if is_due(tenant_id):
            ring_count(tenant_id)
