"""The one verb of the summary page: ask for a new count."""

from __future__ import annotations

from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from audit.actions import Actor, record
from personalization.bell import ring_count_on_commit
from personalization.models import SummaryCount
from personalization.summary import SLOW


@transaction.atomic
def request_count(*, tenant_id: UUID, by: Actor) -> bool:
    """Let a worker count the figures of the summary again; return whether this call asked for it.

    False while an earlier request waits: it will do, and nothing is written. One that no worker has taken up for two
    minutes is made anew.
    """
    if by.rights is not None and not by.rights.may("summary.view"):
        raise PermissionDenied("summary.view")
    SummaryCount.objects.bulk_create([SummaryCount(tenant_id=tenant_id)], ignore_conflicts=True)
    row = SummaryCount.objects.select_for_update(no_key=True).get(tenant_id=tenant_id)
    if row.is_pending and row.asked_at and timezone.now() - row.asked_at < SLOW:
        return False
    row.asked_at = Now()
    row.save(update_fields=["asked_at"])
    record("summary.count-requested", tenant_id=tenant_id, by=by)
    ring_count_on_commit(tenant_id)
    return True
