"""Keys of rows and of texts."""

import uuid

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from config.identifiers import text_key, uuid7


def test_keys_are_version_7_and_rise():
    keys = [uuid7() for _ in range(5_000)]
    assert all(key.version == 7 and key.variant == uuid.RFC_4122 for key in keys)
    assert keys == sorted(set(keys))


@pytest.mark.django_db
def test_the_database_makes_the_same_kind_of_key():
    with connection.cursor() as cursor:
        cursor.execute("SELECT roamkeep_uuid7() FROM generate_series(1, 50)")
        assert {key.version for (key,) in cursor.fetchall()} == {7}


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("  Müller   Anna ", "muller anna"),
        ("STRASSE", "strasse"),
        ("Straße", "strasse"),
        ("Ｆｉｎ", "fin"),
        ("", ""),
        (None, ""),
    ],
)
def test_a_text_key_ignores_case_marks_width_and_spaces(text, key):
    assert text_key(text) == key


@given(st.text())
def test_a_text_key_is_its_own_key_and_fits_the_database(text):
    key = text_key(text)
    assert text_key(key) == key
    assert "\0" not in key
