"""Failed and slowed sign-ins as events: equal ones of an origin within a minute are one with a count (decision 31).

An event is written once and never changed, so the running minute is counted in `SignInTally`, in PostgreSQL and in the
same transaction as the throttle's counters. A tally becomes its event when a minute has passed since its first
failure, at the next attempt in the tenant or the next run of `accounts.reread_directories`, or at once when the person
signs in.
"""

from datetime import timedelta

from django.db import connection
from django.utils import timezone

from accounts.models import Membership, SignInTally
from audit.actions import Actor, event, record_many
from audit.models import Outcome
from config.identifiers import uuid7

MINUTE = timedelta(seconds=60)
NOBODY = Actor(id=None, name="not signed in")

_ADD = f"""
INSERT INTO {SignInTally._meta.db_table} AS t
    (id, tenant_id, verb, reason, account_key, origin, membership_id, address, count, first_at, last_at)
VALUES (%(id)s, %(tenant)s, %(verb)s, %(reason)s, %(account)s, %(origin)s, %(membership)s, %(address)s,
    1, %(now)s, %(now)s)
ON CONFLICT (tenant_id, verb, reason, account_key, origin) DO UPDATE SET count = t.count + 1, last_at = %(now)s
"""


def add(verb, attempt, *, reason, membership_id):
    """Count one refused attempt; `membership_id` is the person whose login was typed, or None."""
    write_due(attempt.tenant_id)
    origin = attempt.origin
    values = {
        "id": uuid7(),
        "tenant": attempt.tenant_id,
        "verb": verb,
        "reason": reason,
        "account": attempt.account_key,
        "origin": origin.browser or origin.network,
        "membership": membership_id,
        "address": origin.address,
        "now": timezone.now(),
    }
    with connection.cursor() as cursor:
        cursor.execute(_ADD, values)


def write_due(tenant_id):
    """Write the events of every tally whose minute is over."""
    _write(SignInTally.objects.filter(tenant_id=tenant_id, first_at__lte=timezone.now() - MINUTE), tenant_id)


def write_account(attempt):
    """Write the events of an account now: its person has signed in, so a series of failures has ended."""
    _write(SignInTally.objects.filter(tenant_id=attempt.tenant_id, account_key=attempt.account_key), attempt.tenant_id)


def _write(tallies, tenant_id):
    """Turn tallies into events. Only the transaction that gets to delete a row writes its event."""
    rows = list(tallies.order_by("id").select_for_update(skip_locked=True))
    if not rows:
        return
    SignInTally.objects.filter(tenant_id=tenant_id, pk__in=[row.pk for row in rows]).delete()
    wanted = {row.membership_id for row in rows if row.membership_id}
    people = Membership.objects.filter(tenant_id=tenant_id).in_bulk(wanted) if wanted else {}
    record_many([_event(row, people.get(row.membership_id)) for row in rows])


def _event(row, person):
    labels = {
        "person": f"{person.name} ({person.login})" if person else f"an unknown account ({row.account_key[:8]})",
        "address": row.address,
        "reason": row.reason,
        "first": row.first_at.isoformat(timespec="seconds"),
        "last": row.last_at.isoformat(timespec="seconds"),
    }
    more = {"subject": person, "outcome": Outcome.REFUSED, "labels": labels, "count": row.count}
    told = event(row.verb, tenant_id=row.tenant_id, by=NOBODY, **more)
    told.at = row.first_at
    return told
