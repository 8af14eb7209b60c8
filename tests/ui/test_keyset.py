"""Pages by keyset: every row exactly once, in both directions, whatever is tied, empty, added or deleted meanwhile."""

import base64
import json
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import RequestFactory
from django_htmx.middleware import HtmxDetails
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from config.ui import keyset
from config.ui.lists import Column
from tests.conftest import DEEP
from tests.ui.gallery import Thing, ThingList

BASE = datetime(2026, 1, 1, tzinfo=UTC)
ORDERS = {
    "login": (["login"], "last"),
    "rank": (["rank"], "last"),
    "size": (["size", "login"], "last"),
    "saved_at": (["saved_at"], "last"),
    "born": (["born"], "first"),
    "mixed": (["born", "rank", "saved_at"], "last"),
}
rows = st.fixed_dictionaries(
    {
        "login": st.sampled_from(["a", "b", "B", "ä", "a b", ""]),
        "rank": st.integers(-2, 2),
        "size": st.sampled_from([0, 1, 2**40]),
        "saved_at": st.none() | st.integers(0, 3).map(lambda step: BASE + timedelta(microseconds=step)),
        "born": st.none() | st.integers(0, 2).map(lambda step: date(2026, 1, 1) + timedelta(days=step)),
    }
)
orders = st.tuples(st.sampled_from(sorted(ORDERS)), st.booleans())
database_example = settings(
    max_examples=400 if DEEP else 60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


class Walked(ThingList):
    filterset = None
    row_actions = bulk_actions = ()
    columns = (*ThingList.columns, Column("mixed", "Mixed", fields=("rank",), sort=("born", "rank", "saved_at")))


def open_page(address, size):
    request = RequestFactory().get(address)
    request.htmx, request.resolver_match = HtmxDetails(request), None
    listing_class = type("Walked", (Walked,), {"page_size": size})
    return listing_class(request, Thing.objects.all())


def expected(things, key, falling):
    fields, nulls = ORDERS[key]

    def sort_key(thing):
        parts = []
        for field in fields:
            value = getattr(thing, field)
            if value is None:
                parts.append((1 if nulls == "last" else -1, b""))
            else:
                parts.append((0, value.encode() if isinstance(value, str) else value))
        return [*parts, thing.pk]

    return [thing.pk for thing in sorted(things, key=sort_key, reverse=falling)]


def walk(address, size, way, between=lambda: None):
    pages, listing = [], open_page(address, size)
    while True:
        pages.append([record.pk for record in listing.records])
        link = listing.next_url if way == "next" else listing.previous_url
        if link is None or len(pages) > 200:
            return pages, listing
        between()
        listing = open_page(link, size)


@pytest.mark.django_db
@database_example
@given(st.lists(rows, max_size=14), orders, st.integers(1, 5))
def test_forwards_and_backwards_show_every_row_once_and_in_order(make_things, values, order, size):
    key, falling = order
    things = make_things(values)
    wanted = expected(things, key, falling)
    pages, last = walk(f"/things/?sort={'-' if falling else ''}{key}", size, "next")
    assert [pk for page in pages for pk in page] == wanted
    if last.previous_url:
        back, first = walk(last.previous_url, size, "previous")
        assert [pk for page in reversed(back) for pk in page] == wanted[: -len(pages[-1])]
        assert first.next_url


@pytest.mark.django_db
@database_example
@given(st.lists(rows, min_size=3, max_size=12), st.lists(rows, max_size=6), orders, st.data())
def test_rows_that_come_and_go_never_hide_or_double_another(make_things, values, arrivals, order, data):
    key, falling = order
    things = make_things(values)
    gone = set()
    waiting = [Thing(**row) for row in arrivals]

    def disturb():
        if waiting:
            waiting.pop().save(force_insert=True)
        victim = data.draw(st.sampled_from(things))
        Thing.objects.filter(pk=victim.pk).delete()
        gone.add(victim.pk)

    pages, _ = walk(f"/things/?sort={'-' if falling else ''}{key}", 2, "next", disturb)
    seen = [pk for page in pages for pk in page]
    assert len(seen) == len(set(seen))
    stayed = {thing.pk for thing in things} - gone
    assert stayed <= set(seen)


def cursor(*values):
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


PK = "01890000-0000-7000-8000-000000000000"
NASTY = [
    "",
    "%",
    "AAAA",
    "é",
    "a" * 9000,
    cursor(),
    cursor("login"),
    cursor("login", "a"),
    cursor("login", "a", None),
    cursor("login", None, PK),
    cursor("login", 5, PK),
    cursor("login", ["a"], PK),
    cursor("login", {"a": 1}, PK),
    cursor("login", "a\0", PK),
    cursor("login", "\ud800", PK),
    cursor("login", "a", "no-uuid"),
    cursor("login", "a", 10**60),
    cursor("login", "a", PK, "more"),
    cursor("-login", "a", PK),
    cursor("rank", 1, PK),
    base64.urlsafe_b64encode(b"[" * 3000).decode(),
    base64.urlsafe_b64encode(b'["login", NaN, 1]').decode(),
    base64.urlsafe_b64encode(b'{"login": 1}').decode(),
]
NASTY_BY_ORDER = [
    ("rank", cursor("rank", 2**40, PK)),
    ("rank", cursor("rank", 10**200, PK)),
    ("rank", cursor("rank", "x", PK)),
    ("rank", cursor("rank", [], PK)),
    ("saved_at", cursor("saved_at", "2026-01-01T00:00:00", PK)),
    ("saved_at", cursor("saved_at", "2026-13-01T00:00:00Z", PK)),
    ("saved_at", cursor("saved_at", 5, PK)),
    ("saved_at", cursor("saved_at", True, PK)),
    ("born", cursor("born", "0000-00-00", PK)),
    ("born", cursor("born", [2026], PK)),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("order", "text"), [("login", text) for text in NASTY] + NASTY_BY_ORDER)
def test_a_junk_cursor_is_answered_with_the_page_for_400(site, make_things, client, order, text):
    make_things(3)
    for way in ("after", "before"):
        response = client.get("/things/", {"sort": order, way: text})
        assert response.status_code == 400
        assert "This address cannot be read" in response.content.decode()


@pytest.mark.django_db
def test_a_page_after_one_cursor_and_before_another_is_refused(site, make_things, client):
    make_things(3)
    good = cursor("login", "a", PK)
    assert client.get("/things/", {"after": good}).status_code == 200
    assert client.get("/things/", {"after": good, "before": good}).status_code == 400


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.just(PK)
    | st.datetimes().map(str),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)


@pytest.mark.django_db
@database_example
@given(st.sampled_from(sorted(ORDERS)), st.lists(json_values, max_size=5))
@example("saved_at", ["0001-01-01T00:00:00+23:59", PK])
@example("saved_at", ["9999-12-31T23:59:59-23:59", PK])
def test_no_cursor_breaks_the_list(make_things, order, values):
    make_things(2)
    text = base64.urlsafe_b64encode(json.dumps([order, *values]).encode()).decode()
    with suppress(keyset.BadCursor):
        assert open_page(f"/things/?sort={order}&after={text}", 2).count == 2


@pytest.mark.django_db
def test_sort_fields_without_empty_values_become_one_index_condition(make_things):
    make_things(5)
    first = open_page("/things/?sort=size", 2)
    query = parse_qs(urlsplit(first.next_url).query)
    order = first.order
    values = keyset.decode(query["after"][0], order, Thing.objects.all())
    sql = str(keyset.beyond(Thing.objects.all(), order, values, backward=False).query)
    assert '("ui_tests"."thing"."size", "ui_tests"."thing"."login", "ui_tests"."thing"."id") > (' in sql


def test_a_cursor_keeps_microseconds_and_every_type():
    order = keyset.Order("saved_at", ("saved_at", "born", "rank"))
    moment = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
    thing = Thing(saved_at=moment, born=date(2026, 2, 3), rank=7)
    text = keyset.encode(order, [thing.saved_at, thing.born, thing.rank, thing.pk])
    assert keyset.decode(text, order, Thing.objects.all()) == [moment, date(2026, 2, 3), 7, thing.pk]
