"""Reading groups and the enabled flag of people again, above all of those who are signed in (decision 4).

A directory is asked with no transaction open, in batches; what it said is written in one transaction per batch. A
failed read changes nothing at all: neither groups nor the time of the last good read, which decides when a session must
sign in again (`accounts.middleware.membership_of`).
"""

import time
from datetime import timedelta

import structlog
from django.conf import settings
from django.db.models import F, Q
from django.utils import timezone

from accounts import throttle
from accounts.actions import deactivate_by_directory
from accounts.connections import active_connections, directory_of
from accounts.directory import DirectoryUnavailable
from accounts.models import DirectoryConnection, Membership, Session, Source, Submission, Tenant, UserGroup
from accounts.people import Reading, store_groups, store_readings
from accounts.sessions import IDLE, live_sessions
from audit.actions import Actor
from audit.models import Channel
from config.tenancy import tenant_context

log = structlog.get_logger(__name__)
BATCH = 100
LONGEST_RUN = 45.0  # seconds; the beat rings every minute
LATE = timedelta(days=1)  # for people without a session: who left is noticed within a day (UC-189)
SUBMISSIONS_KEPT = timedelta(days=1)
SERVER = Actor(id=None, name="re-reading of the directory", channel=Channel.WORKER)


def reread_all():
    """Read what is due in every active tenant, and delete what has expired."""
    ends_at = time.monotonic() + LONGEST_RUN
    Session.objects.filter(expire_date__lte=timezone.now()).delete()
    Session.objects.filter(seen_at__lte=timezone.now() - IDLE).delete()
    for tenant in Tenant.objects.filter(status=Tenant.Status.ACTIVE).order_by("id"):
        with tenant_context(tenant.pk):
            throttle.sweep(tenant.pk)
            Submission.objects.filter(tenant=tenant, created_at__lt=timezone.now() - SUBMISSIONS_KEPT).delete()
            connections = list(active_connections(tenant.pk))
        for connection in connections:
            try:
                _reread_people(tenant, connection, ends_at)
                _reread_listed_groups(tenant, connection)
            except DirectoryUnavailable as outage:
                log.warning(
                    "directory not read again", tenant=tenant.slug, directory=connection.name, reason=str(outage)
                )


def _reread_people(tenant, connection, ends_at):
    """Read the due people of one connection, batch after batch, until none is due or time is up."""
    started_at = timezone.now()
    while time.monotonic() < ends_at:
        with tenant_context(tenant.pk):
            due = _due(tenant.pk, connection.pk, started_at)
            seen = dict(due.values_list("directory_uid", "groups_read_at")[:BATCH])
        if not seen:
            return
        read_at = timezone.now()
        people = directory_of(connection).read_many(seen)
        with tenant_context(tenant.pk):
            _store(tenant.pk, connection.pk, seen, people, read_at)


def _due(tenant_id, directory_id, now):
    """Return the active members to read: those with a live session every DIRECTORY_REREAD_SECONDS, others every day."""
    signed_in = live_sessions().filter(tenant_id=tenant_id).values("user_id")
    soon = Q(user_id__in=signed_in, groups_read_at__lte=now - timedelta(seconds=settings.DIRECTORY_REREAD_SECONDS))
    late = Q(groups_read_at=None) | Q(groups_read_at__lte=now - LATE)
    return Membership.objects.filter(
        soon | late, tenant_id=tenant_id, directory_id=directory_id, source=Source.DIRECTORY, is_active=True
    ).order_by(F("groups_read_at").asc(nulls_last=True), "id")


def _reread_listed_groups(tenant, connection):
    """Note renamed groups of User Roles, and those that are gone: an entry of such a group is shown as unresolved."""
    now = timezone.now()
    due_at = now - timedelta(seconds=settings.DIRECTORY_REREAD_SECONDS)
    if connection.groups_read_at and connection.groups_read_at > due_at:
        return
    with tenant_context(tenant.pk):
        listed = UserGroup.objects.filter(tenant=tenant, directory=connection, is_listed=True)
        uids = list(listed.order_by("id").values_list("directory_uid", flat=True))
    directory = directory_of(connection)
    found = {uid: directory.entry(uid) for uid in uids}
    with tenant_context(tenant.pk):
        gone = [uid for uid, entry in found.items() if entry is None]
        UserGroup.objects.filter(tenant=tenant, directory=connection, directory_uid__in=gone).update(is_resolved=False)
        store_groups(
            tenant_id=tenant.pk,
            directory_id=connection.pk,
            entries={uid: entry for uid, entry in found.items() if entry},
        )
        DirectoryConnection.objects.filter(tenant=tenant, pk=connection.pk).update(groups_read_at=now)


def _store(tenant_id, directory_id, seen, people, read_at):
    """Write one batch. A member who signed in while we were reading has newer groups already and is left alone."""
    rows = Membership.objects.select_related("user").select_for_update(of=["self"]).order_by("id")
    members = rows.filter(tenant_id=tenant_id, directory_id=directory_id, directory_uid__in=list(seen), is_active=True)
    readings = []
    for member in members:
        if member.groups_read_at != seen[member.directory_uid]:
            continue
        person = people[member.directory_uid]
        if person and person.entry.enabled:
            readings.append(Reading(member, person, read_at))
        else:
            reason = "disabled in the directory" if person else "gone from the directory"
            deactivate_by_directory(membership=member, reason=reason, by=SERVER)
    store_readings(tenant_id=tenant_id, directory_id=directory_id, readings=readings, by=SERVER)
