"""The gallery's table and site."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.test import override_settings

from tests.conftest import as_owner
from tests.ui import gallery


@pytest.fixture(scope="session")
def things_table(django_db_setup, django_db_blocker):
    """The table of things: outside the product's schema, so that no rule about tenant tables meets it."""
    with django_db_blocker.unblock(), as_owner(), connection.cursor() as cursor:
        cursor.execute(gallery.TABLE)


@pytest.fixture(scope="package")
def site():
    """The gallery's addresses and templates in front of the product's own; once, so that templates compile once."""
    jinja, *others = settings.TEMPLATES
    options = jinja["OPTIONS"] | {"context_processors": ["tests.ui.gallery.page_context"]}
    folders = [Path(gallery.__file__).parent / "templates", *jinja["DIRS"]]
    templates = [jinja | {"DIRS": folders, "OPTIONS": options}, *others]
    with override_settings(ROOT_URLCONF="tests.ui.gallery", TEMPLATES=templates):
        yield


@pytest.fixture
def make_things(things_table):
    """Return a function: write so many things, or one for each given mapping of values."""
    made_at = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def make(rows):
        if isinstance(rows, int):
            rows = [
                {
                    "login": f"fin\\user{number:03}",
                    "name": f"User {number}",
                    "size": number * 1000,
                    "rank": number % 7,
                    "state": "late" if number % 9 == 0 else "ok",
                    "saved_at": made_at - timedelta(hours=number) if number % 5 else None,
                }
                for number in range(rows)
            ]
        gallery.Thing.objects.all().delete()
        return gallery.Thing.objects.bulk_create([gallery.Thing(**values) for values in rows])

    return make
