"""Equal failed sign-ins or refusals of one origin within a minute are one event with a count (decision 31).

An event is written once and never changed, so the running minute is counted in `Tally`, in PostgreSQL. A tally becomes
its event when a minute has passed since its first one: at the next run of `audit.write_tallies`, or when an equal one
comes. It does so at once when somebody opens or exports the list of events, who would otherwise miss what has just
happened, and when its series ends.
"""

import json
from datetime import timedelta
from hashlib import sha256

from django.db import connections
from django.utils import timezone

from audit.actions import record_many
from audit.models import Event, EventColumns, Tally

MINUTE = timedelta(seconds=60)
_TOLD = [field.attname for field in EventColumns._meta.get_fields()]
_OF_ONE = {"id", "at", "request_id", "labels", "salt", "count"}  # columns that equal events do not share
_FIELDS = Tally._meta.concrete_fields
_ADD = f"""
INSERT INTO {Tally._meta.db_table} AS t ({", ".join(field.column for field in _FIELDS)})
VALUES ({", ".join(["%s"] * len(_FIELDS))})
ON CONFLICT (tenant_id, key) DO UPDATE SET count = t.count + 1, last_at = EXCLUDED.last_at
"""


def add(event, *, origin, series="", using=None):
    """Count one unsaved Event, in the caller's transaction and context.

    Equal ones agree in every column that is not of one request alone, in their labels (but the address, of which
    `origin` tells what counts), in `origin` and in `series`, two texts: so nothing is ever counted into an event that
    others may read. `using` is the database connection of an action that is not the application's role's.
    """
    key = _key(event, origin, series)
    # Only the one of this key, which is locked next anyway: two transactions that held several could wait for each
    # other. Who comes second waits here, finds the row gone, and counts into the new one.
    over = Tally.objects.using(using).filter(key=key, at__lte=event.at - MINUTE)
    _write(over.select_for_update(), event.tenant_id, using)
    told = {name: getattr(event, name) for name in _TOLD}
    row = Tally(**told, key=key, series=series, last_at=event.at)
    database = connections[using or "default"]
    with database.cursor() as cursor:
        cursor.execute(_ADD, [field.get_db_prep_save(getattr(row, field.attname), database) for field in _FIELDS])


def write_due(tenant_id):
    """Write the events of every tally whose minute is over."""
    _write_free(Tally.objects.filter(at__lte=timezone.now() - MINUTE), tenant_id)


def write_open(tenant_id):
    """Write the events of every tally, so that whoever reads the list sees what has happened until now."""
    _write_free(Tally.objects.all(), tenant_id)


def write_series(tenant_id, series):
    """Write the events of a series: it has ended."""
    _write_free(Tally.objects.filter(series=series), tenant_id)


def _write_free(tallies, tenant_id):
    """Write the events of tallies; one that is being counted at this moment is left to the next who looks."""
    _write(tallies.select_for_update(skip_locked=True), tenant_id)


def _write(tallies, tenant_id, using=None):
    """Turn tallies into events, which keep their ids: only the transaction that gets to delete a row writes its event."""
    rows = list(tallies.filter(tenant_id=tenant_id).order_by("id"))
    if not rows:
        return
    Tally.objects.using(using).filter(tenant_id=tenant_id, pk__in=[row.pk for row in rows]).delete()
    record_many([_event(row) for row in rows], using=using)


def _event(row):
    told = {name: getattr(row, name) for name in _TOLD}
    within = {"first": row.at.isoformat(timespec="seconds"), "last": row.last_at.isoformat(timespec="seconds")}
    return Event(**told | {"labels": row.labels | within})


def _key(event, origin, series):
    labels = {name: value for name, value in event.labels.items() if name != "address"}
    shared = [getattr(event, name) for name in _TOLD if name not in _OF_ONE]
    shared = [sorted(map(str, value)) if isinstance(value, list) else value for value in shared]
    return sha256(json.dumps([origin, series, labels, shared], sort_keys=True, default=str).encode()).hexdigest()
