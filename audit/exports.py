"""Events as CSV (RFC 4180), safe to open in a spreadsheet, streamed with constant memory."""

import csv

from django.db import connection

from audit.texts import describe

HEADER = ("at", "actioned_by", "source", "type", "status", "description", "event_id", "subject_id", "task_id")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\0")


class _Line:
    def write(self, text):
        return text


def safe_cell(value):
    """Return the cell with a leading apostrophe where a spreadsheet would read a formula (AC-AUD-6)."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def export_key(membership_id):
    """Return the SQL lock argument that keeps one export per person."""
    return f"audit.export{membership_id}"


def export_is_running(membership_id):
    """Say whether an export of this person is under way."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [export_key(membership_id)])
        return not cursor.fetchone()[0]


def csv_lines(events, membership_id):
    """Yield the CSV of a queryset of events, newest first, from a server-side cursor."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [export_key(membership_id)])
    writer = csv.writer(_Line())
    yield "\ufeff" + writer.writerow(HEADER)
    fields = ("at", "labels", "channel", "verb", "outcome", "count", "id", "subject_id", "task_id")
    for at, labels, channel, verb, outcome, count, pk, subject, task in (
        events.order_by("-id").values_list(*fields).iterator(chunk_size=2_000)
    ):
        cells = (
            at.isoformat(),
            labels.get("actor"),
            channel,
            verb,
            outcome,
            describe(verb, labels, count, plain=True),
            pk,
            subject,
            task,
        )
        yield writer.writerow([safe_cell(cell) for cell in cells])
