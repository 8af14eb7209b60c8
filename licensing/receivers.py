"""What licensing does when somebody signs in, or proves an address: use is noted, auto-assign looks (LG-141)."""

import structlog
from django.db import transaction
from django.dispatch import receiver
from django.utils import timezone

from accounts.signals import signed_in
from licensing.actions.auto_assign import auto_assign
from licensing.models import LicenseGroupMember, MemberStatus

log = structlog.get_logger(__name__)


@receiver(signed_in, dispatch_uid="licensing.receivers.join_and_note_use")
def join_and_note_use(sender, *, membership, by, **kwargs):
    """Give the person the place that the domain's group has for them, and note that their memberships are in use.

    Trouble here never stops a sign-in: it is undone to where the sign-in stood, and logged. The group is locked before any
    of its rows, as everywhere.
    """
    mine = LicenseGroupMember.objects.filter(
        tenant_id=membership.tenant_id, user_id=membership.user_id, status=MemberStatus.ACTIVE
    )
    try:
        with transaction.atomic():
            auto_assign(membership=membership, by=by)
            mine.update(last_used_at=timezone.now())
    except Exception:
        log.exception("license_not_assigned", membership=str(membership.pk))
