"""Who may read which event (R5-R9): one predicate on the event's own columns."""

from django.db.models import Q
from django.shortcuts import get_object_or_404

from audit.models import Channel, Event

SUPPORT_DESK = "persops.support_desk"


def visible_events(rights, tenant_id, membership_id):
    """Return the events the person may read.

    Own events (R5); self-service events of the person's groups (R6); for administrators the events of Support Desk users
    who share a group with them (R7, decision 9) and all events of the groups they administer (R8); for Admins of
    license groups the events of those (UM-53); for a Primary Administrator everything (R9).
    """
    events = Event.objects.filter(tenant_id=tenant_id)
    if rights.is_primary:
        return events
    groups = sorted(rights.groups, key=str)
    readable = Q(actor_id=membership_id) | Q(channel=Channel.SELF_SERVICE, group_id__in=groups)
    if rights.admin_groups:
        readable |= Q(group_id__in=sorted(rights.admin_groups, key=str))
        readable |= Q(actor_role=SUPPORT_DESK, actor_groups__overlap=groups)
    if rights.license_groups:
        readable |= Q(license_group_id__in=sorted(rights.license_groups, key=str))
    return events.filter(readable)


def get_event(rights, tenant_id, membership_id, pk):
    """Return one readable event."""
    return get_object_or_404(visible_events(rights, tenant_id, membership_id), pk=pk)
