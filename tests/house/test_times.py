"""Times come out of the database as aware times in UTC, to the microsecond, and what is no time of Python's is refused."""

from datetime import UTC, datetime

import pytest
from django.db import DataError, connection, transaction

from config.apps import TimeLoader

pytestmark = pytest.mark.django_db


def read(text):
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::timestamptz", [text])
        return cursor.fetchone()[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-22 11:22:33.456789+00", datetime(2026, 11, 22, 11, 22, 33, 456789, tzinfo=UTC)),
        ("2026-07-01 00:30:00+02", datetime(2026, 6, 30, 22, 30, tzinfo=UTC)),
        ("0001-01-01 00:00:00+00", datetime(1, 1, 1, tzinfo=UTC)),
        ("9999-12-31 23:59:59.999999+00", datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)),
    ],
)
def test_a_time_is_read_as_it_is_and_in_utc(text, expected):
    found = read(text)
    assert found == expected
    assert found.tzinfo is UTC


def test_no_time_is_none():
    assert read(None) is None


@pytest.mark.parametrize("text", ["infinity", "10000-01-01 00:00:00+00", "0044-03-15 00:00:00+00 BC"])
def test_what_lies_outside_the_calendar_of_python_is_an_error_and_no_other_time(text):
    with pytest.raises(DataError), transaction.atomic():
        read(text)


def test_connections_read_times_in_c():
    """Django's reader is written in Python; a page of a list reads two hundred times."""
    connection.ensure_connection()
    oid = connection.connection.adapters.types["timestamptz"].oid
    made = connection.connection.adapters.get_loader(oid, 0)(oid, connection.connection)
    assert type(made) is not TimeLoader
    assert type(made).__module__.endswith("._psycopg")
