"""The list component through HTTP: what a person gets, with and without htmx."""

import cProfile
import re

import pytest
from django.test import RequestFactory
from django_htmx.middleware import HtmxDetails

from config.ui.lists import COUNT_LIMIT, BulkAction, RowAction, filtered, list_page
from tests.ui.gallery import Thing, ThingList

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("site")]
HTMX = {"HX-Request": "true", "HX-Target": "list-things"}


def get(client, query="", **headers):
    return client.get(f"/things/{query}", headers=headers)


@pytest.mark.parametrize("number", [0, 1, 3, 45])
def test_a_list_costs_two_queries_whatever_its_length(make_things, client, django_assert_num_queries, number):
    make_things(number)
    client.get("/gallery/")  # templates are loaded now
    with django_assert_num_queries(2):
        assert get(client).status_code == 200
    with django_assert_num_queries(2):
        assert get(client, **HTMX).status_code == 200


def test_htmx_gets_the_list_alone_and_everybody_else_the_page(make_things, client):
    make_things(3)
    alone, page = get(client, **HTMX), get(client)
    part, whole = (re.sub(r'name="csrf[^>]*>', "", answer.content.decode()).strip() for answer in (alone, page))
    assert part.startswith('<div class="list" id="list-things"')
    assert "<html" not in part
    assert part in whole
    assert "<html" in get(client, **{"HX-Request": "true", "HX-Target": "main"}).content.decode()
    assert "<html" in get(client, **{"HX-Request": "true", "HX-History-Restore-Request": "true"}).content.decode()
    for response in (alone, page):
        assert "no-store" in response["Cache-Control"]
        assert {"HX-Request", "HX-Target"} <= set(re.split(r",\s*", response["Vary"]))


def test_only_the_sorted_column_says_so_and_its_link_turns_the_order(make_things, client):
    make_things(3)

    def sorts(query):
        html = get(client, query).content.decode()
        return re.findall(r'<th[^>]*aria-sort="(\w+)"><a id="list-things-by-(\w+)" href="([^"]+)"', html)

    assert sorts("") == [("ascending", "login", "/things/?sort=-login")]
    assert sorts("?sort=-login") == [("descending", "login", "/things/")]
    assert sorts("?sort=rank&state=ok") == [("ascending", "rank", "/things/?state=ok&amp;sort=-rank")]
    assert sorts("?sort=nonsense") == sorts("")


def test_an_action_that_a_row_lacks_keeps_its_room_and_one_that_no_row_has_takes_none(make_things, client):
    make_things([{"login": "a", "rank": 1}, {"login": "b", "rank": 0}])

    def last_cells(query=""):
        html = get(client, query).content.decode()
        cells = re.findall(r'<td class="row-actions">(.*?)</td>', html, re.S)
        return [re.findall(r'<(?:a|button|span) class="([a-z-]+)', cell) for cell in cells]

    assert last_cells() == [["icon-button"] * 3, ["icon-button", "row-gap", "icon-button"]]
    assert last_cells("?rank=0") == [["icon-button"] * 2]


def test_the_filter_stays_in_every_address_and_empty_fields_do_not(make_things, client):
    make_things(45)
    html = get(client, "?q=fin&state=&rank=&sort=-rank").content.decode()
    links = re.findall(r'href="(/things/\?[^"]*)"', html)
    assert links
    assert all("q=fin" in link and "state=" not in link for link in links)


def test_a_filter_that_cannot_be_read_says_why_and_shows_no_rows(make_things, client):
    make_things(3)
    for headers in ({}, HTMX):
        response = get(client, "?rank=many", **headers)
        assert response.status_code == 422
        assert "The filter could not be read" in response.content.decode()
        assert "Rank: Enter a number." in response.content.decode()
        assert "<tbody>" not in response.content.decode()
    assert 'value="many"' in get(client, "?rank=many").content.decode()


def test_each_empty_state_has_its_own_words(make_things, client):
    make_things(0)
    assert "No users yet" in get(client).content.decode()
    assert "Nothing matches" in get(client, "?q=zzz").content.decode()
    make_things(25)
    more = re.search(r'rel="next" href="([^"]+)"', get(client).content.decode())[1].replace("&amp;", "&")
    Thing.objects.all().delete()
    assert "Nothing further" in client.get(more).content.decode()


def test_cells_are_escaped_whoever_writes_them(make_things, client):
    make_things(
        [{"login": "<b>a</b>", "name": '"><img src=x>', "rank": 3}, {"login": "100 %s %(key)s", "name": "0keyX"}]
    )
    html = get(client).content.decode()
    assert "<b>a</b>" not in html and "<img src=x>" not in html
    assert "&lt;b&gt;a&lt;/b&gt;" in html
    assert "&lt;3&gt; ok" in html
    assert "100 %s %(key)s" in html
    assert 'aria-label="Edit 0keyX"' in html


def test_each_row_carries_its_own_addresses_and_names(make_things, client):
    first, second = make_things([{"login": "a", "name": "Alice", "rank": 1}, {"login": "b", "name": "Bob", "rank": 0}])
    html = get(client).content.decode()
    rows = re.findall(r"<tr><td class=\"pick\">.*?</tr>", html)
    assert len(rows) == 2
    for row, thing in zip(rows, (first, second), strict=True):
        assert f'name="pk" value="{thing.pk}"' in row
        assert f'<th scope="row"><a href="/things/{thing.pk}/">{thing.login}</a></th>' in row
        assert f'aria-label="Select {thing.name}"' in row
        assert f'href="/things/{thing.pk}/delete/" aria-label="Delete {thing.name}"' in row
        assert row.count(str(thing.pk)) == len(re.findall(r"[0-9a-f]{8}-[0-9a-f-]{27}", row))
    assert "Protect Alice" in rows[0]
    assert "Protect" not in rows[1]


def test_the_link_of_a_row_may_lead_elsewhere_than_its_actions(make_things, rf):
    (thing,) = make_things([{"login": "a", "name": "a/b?c", "rank": 1}])
    request = rf.get("/things/")
    request.resolver_match, request.htmx = None, None

    class Elsewhere(ThingList):
        row_url, row_kwarg, row_target, row_actions, bulk_actions = "named", "name", "name", (), ()

    assert '<th scope="row"><a href="/named/a%2Fb%3Fc/">a</a>' in Elsewhere(request, Thing.objects.all()).body()


def test_percent_signs_in_labels_and_addresses_stay_themselves(make_things, rf):
    make_things([{"login": "a", "name": "Alice"}])
    request = rf.get("/things/")
    request.resolver_match, request.htmx = None, None

    class Percent(ThingList):
        row_actions = (RowAction("fill", "Fill to 100 %s", "thing", icon="plus"),)

    assert 'title="Fill to 100 %s"' in Percent(request, Thing.objects.all()).body()


def test_actions_without_the_right_are_left_out(make_things, rf, site):
    make_things(2)
    request = rf.get("/things/")
    request.resolver_match, request.htmx = None, None
    request.rights = type("Rights", (), {"may": staticmethod(lambda permission: permission == "things.see")})

    class Guarded(ThingList):
        row_actions = (
            RowAction("see", "See", "thing", icon="eye", permission="things.see"),
            RowAction("delete", "Delete", "thing-delete", icon="trash", permission="things.delete"),
        )
        bulk_actions = (BulkAction("delete", "Delete", "things-delete", icon="trash", permission="things.delete"),)

    listing = Guarded(request, Thing.objects.all())
    assert [action.name for action in listing.actions] == ["see"]
    assert listing.bulk == []
    assert "Delete" not in listing.body()


def test_the_count_is_exact_up_to_its_limit_and_honest_above(make_things, client, monkeypatch):
    assert COUNT_LIMIT == 10_000
    monkeypatch.setattr("config.ui.lists.COUNT_LIMIT", 30)
    make_things(30)
    assert "30 users" in get(client).content.decode()
    make_things(31)
    assert "30+ users" in get(client).content.decode()


def test_the_list_reloads_itself_where_it_stands(make_things, client):
    make_things(45)
    second = re.search(r'rel="next" href="([^"]+)"', get(client, "?state=ok").content.decode())[1]
    html = client.get(second.replace("&amp;", "&")).content.decode()
    assert f'hx-get="{second}" hx-trigger="things-changed from:body"' in html


def test_a_row_costs_few_calls(make_things, rf):
    make_things(100)

    def calls(number):
        request = rf.get("/things/")
        request.resolver_match, request.htmx = None, None
        listing = type("Sized", (ThingList,), {"page_size": number})(request, Thing.objects.all())
        listing.body()  # templates and phrases are there now
        with cProfile.Profile() as profile:
            listing.body()
        return sum(entry.callcount for entry in profile.getstats())

    # Eight cells, a checkbox and three actions: about 60 calls, C functions included; a macro per cell costs hundreds.
    assert (calls(100) - calls(50)) / 50 < 75


def test_an_export_reads_the_rows_that_the_filter_leaves(make_things):
    make_things(20)
    request = RequestFactory().get("/things/?state=late&sort=-rank&after=junk")
    assert filtered(request, ThingList, Thing.objects.all()).count() == 3
    assert filtered(request, ThingList, Thing.objects.all(), "state=ok").count() == 17
    assert filtered(request, ThingList, Thing.objects.all(), "rank=x") is None


def test_a_row_names_the_bulk_actions_that_it_allows_and_the_menu_says_what_it_needs(make_things, rf):
    make_things([{"login": "a", "name": "Alice", "rank": 1}, {"login": "b", "name": "Bob", "rank": 0}])

    class Limited(ThingList):
        bulk_menu = True
        bulk_actions = (
            BulkAction("delete", "Delete", "things-delete", icon="trash"),
            BulkAction("keep", "Keep", "things-delete", icon="lock-closed", allows=lambda row: row.rank > 0),
            BulkAction("drop", "Drop", "things-delete", icon="trash", danger=True, allows=lambda row: row.rank < 1),
        )

    request = rf.get("/things/", headers=HTMX)
    request.resolver_match, request.htmx = None, HtmxDetails(request)
    html = list_page(request, Limited, Thing.objects.all(), "ui/list.html").content.decode()
    assert re.findall(r'<tr data-allows="([^"]*)">', html) == ["keep", "drop"]
    menu = html.partition('class="menu-items">')[2].partition("</div>")[0]
    assert re.findall(r'<button class="(\w*)" type="submit"(?: data-needs="(\w+)")?', menu) == [
        ("", ""),
        ("", "keep"),
        ("danger", "drop"),
    ]


def test_rows_without_limits_say_nothing_about_them(make_things, client):
    make_things(2)
    html = get(client).content.decode()
    assert "data-allows" not in html and "data-needs" not in html
