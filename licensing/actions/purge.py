"""The end of what nobody took: expired invitations are kept for a while, then deleted (LG-166)."""

from collections import Counter
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from audit.actions import Actor, event, record_many
from licensing.models import LicenseGroup, LicenseGroupMember, MemberStatus

KEPT = timedelta(days=90)  # after the invitation expired


@transaction.atomic
def purge_invitations(*, tenant_id: UUID, by: Actor) -> int:
    """Delete the tenant's invitations that expired 90 days ago or earlier; return how many.

    One event per license group tells the number. Rows that an Admin works on at this moment wait for the next run.
    """
    over = LicenseGroupMember.objects.filter(
        tenant_id=tenant_id, status=MemberStatus.PENDING, expires_at__lte=timezone.now() - KEPT
    )
    found = dict(over.select_for_update(skip_locked=True).values_list("pk", "group_id"))
    if not found:
        return 0
    LicenseGroupMember.objects.filter(tenant_id=tenant_id, pk__in=list(found)).delete()
    counts = Counter(found.values())
    groups = LicenseGroup.objects.filter(tenant_id=tenant_id).in_bulk(list(counts))
    record_many(
        event(
            "license.invitations-purged",
            tenant_id=tenant_id,
            by=by,
            subject=groups[pk],
            license_group_id=pk,
            count=count,
            labels={"license_group": groups[pk].name, "count": count},
        )
        for pk, count in sorted(counts.items(), key=lambda pair: str(pair[0]))
    )
    return len(found)
