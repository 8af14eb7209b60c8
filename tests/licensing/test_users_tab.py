"""The Users tab: what it lists, how it sorts, filters and selects, and whom it lets in."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from tests import factories
from tests.licensing import people
from tests.licensing.pages import at, column, row_html, rows, selected

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])
USERS = "users/"


@pytest.mark.spec("LG-31", "LG-32", "LG-33", "LG-34", "LG-36", "LG-39", "LG-48", "LG-04")
def test_members_and_invitations_are_listed_together_under_the_group_s_name(acme, group, desk, user, erin, pending):
    people.join(acme, group, erin, is_user=True, is_admin=True)
    page = desk.get(at(acme, group, USERS))
    assert re.search(r"<h1>[^<]*Printers", page.text)
    assert re.search(r'<a href="[^"]+/users/" aria-current="page">Users</a>', page.text)
    heads = re.findall(r'<th scope="col" class="c-[^"]*"[^>]*>(?:<a[^>]*>)?([^<]+)', page.text)
    assert heads == ["First Name", "Last Name", "Email", "Roles", "Date Added", "Status"]
    found = {row[2]: (row[0], row[1], row[3], row[5].split("  ")[0].strip()) for row in rows(page)}
    assert found == {
        "anna@acme.test": ("Anna", "Ahlers", "Admin", ""),
        "erin@acme.test": ("Erin", "Egger", "User, Admin", ""),
        "frank@acme.test": ("Frank", "Fuchs", "User", ""),
        "ines@acme.test": ("", "", "User", "Pending"),
    }


@pytest.mark.spec("LG-36")
def test_the_orange_clock_has_a_text_and_only_invitations_carry_it(acme, group, desk, user, pending):
    page = desk.get(at(acme, group, USERS))
    assert re.search(r'status is-warning"><svg[^>]*>.*?solid-clock.*?</svg>Pending<', row_html(page, "ines@acme.test"))
    assert "solid-clock" not in row_html(page, "frank@acme.test")


@pytest.mark.spec("LG-35")
def test_the_day_is_shown_and_its_full_time_on_hover_in_the_reader_s_zone(acme, group, desk, user):
    people.change(acme, user, added_at=datetime(2026, 3, 4, 22, 30, 5, tzinfo=UTC))
    row = row_html(desk.get(at(acme, group, USERS)), "frank@acme.test")
    assert re.search(
        r'<time datetime="2026-03-04T[^"]+" title="4 Mar 2026, 23:30:05 CET \(22:30 UTC\)">4 Mar 2026</time>', row
    )


@pytest.mark.spec("LG-166")
def test_an_expired_invitation_says_so_and_can_be_sent_again_or_removed(acme, group, desk, pending):
    people.change(acme, pending, expires_at=timezone.now() - timedelta(seconds=1))
    row = row_html(desk.get(at(acme, group, USERS)), "ines@acme.test")
    assert "Expired" in row
    assert "Pending" not in row
    assert 'aria-label="Resend ines@acme.test"' in row
    assert 'aria-label="Remove ines@acme.test"' in row


@pytest.mark.parametrize(
    ("values", "note"),
    [
        ({"mail_state": "failed"}, "mail not sent"),
        ({"mail_state": "sending", "sent_at": datetime(2026, 1, 1, tzinfo=UTC)}, "mail unknown, resend?"),
        ({"mail_state": "sent", "seat_wanted_at": datetime(2026, 1, 1, tzinfo=UTC)}, "waits for a licence"),
    ],
)
def test_what_became_of_the_invitation_s_mail_is_visible(acme, group, desk, pending, values, note):
    people.change(acme, pending, **values)
    assert note in row_html(desk.get(at(acme, group, USERS)), "ines@acme.test")


ALLOWED = {
    "anna@acme.test": (["Edit"], ""),
    "erin@acme.test": (["Edit", "Remove"], "remove"),
    "frank@acme.test": (["Edit", "Block User Role", "Remove"], "block remove"),
    "ines@acme.test": (["Edit", "Resend", "Remove"], "resend remove"),
}


@pytest.mark.spec("LG-37", "LG-44", "LG-46", "LG-95", "LG-109", "LG-113", "LG-106")
@pytest.mark.parametrize("address", ALLOWED)
def test_a_row_offers_what_it_allows_and_tells_the_menu_the_same(acme, group, desk, admin, user, pending, address):
    row = row_html(desk.get(at(acme, group, USERS)), address)
    actions, allows = ALLOWED[address]
    assert re.findall(rf'aria-label="([^"]+) {address}" title', row) == actions
    assert f'<tr data-allows="{allows}">' in row


@pytest.mark.spec("LG-45", "LG-46")
def test_the_ellipsis_menu_lists_all_actions_and_says_what_each_needs(acme, group, desk, user):
    page = desk.get(at(acme, group, USERS)).text
    menu = page.partition('class="menu-items">')[2].partition("</div>")[0]
    found = re.findall(r"<button(.*?)>.*?<span>([^<]+)</span></button>", menu, re.S)
    assert [label for _, label in found] == ["Edit", "Block User Role", "Resend", "Remove"]
    needs = [re.search(r'data-needs="(\w+)"', attributes) for attributes, _ in found]
    assert [one and one[1] for one in needs] == [None, "block", "resend", "remove"]


@pytest.fixture
def many(acme, group, by):
    """Names with one blank among them."""
    names = ["Zoe Abel", "adam Zorn", "Émile Mann", "Bea Öz"]
    for name in names:
        member = factories.member(acme, name, name.split()[0].lower())
        people.join(
            acme, group, member, is_user=False, is_admin=True, address=f"x{len(name)}{name[0].lower()}@acme.test"
        )
    return people.invited(acme, group, "aaa@acme.test", by=by)


@pytest.mark.spec("LG-40", "LG-41", "LG-E5")
@pytest.mark.parametrize(
    ("sort", "number", "expected"),
    [
        ("first_name", 0, ["adam", "Anna", "Bea", "Émile", "Zoe", ""]),
        ("-first_name", 0, ["Zoe", "Émile", "Bea", "Anna", "adam", ""]),
        ("last_name", 1, ["Abel", "Ahlers", "Mann", "Öz", "Zorn", ""]),
        ("-last_name", 1, ["Zorn", "Öz", "Mann", "Ahlers", "Abel", ""]),
    ],
)
def test_names_sort_both_ways_with_blank_ones_last(acme, group, desk, many, sort, number, expected):
    page = desk.get(at(acme, group, USERS), {"sort": sort})
    assert column(page, number) == expected
    way = "descending" if sort.startswith("-") else "ascending"
    assert re.findall(r'aria-sort="(\w+)"><a id="list-license-members-by-(\w+)"', page.text) == [
        (way, sort.removeprefix("-"))
    ]
    heads = page.text.partition("<thead>")[2].partition("</thead>")[0]
    arrows = re.findall(r"#(solid-[a-z-]+)", heads)
    assert arrows == [f"solid-arrow-{'down' if way == 'descending' else 'up'}"]


@pytest.mark.spec("LG-40")
@pytest.mark.parametrize("key", ["address", "roles", "added_at"])
def test_every_other_column_turns_round_too(acme, group, desk, user, admin, key):
    number = {"address": 2, "roles": 3, "added_at": 4}[key]
    if key == "added_at":
        for days, row in enumerate((user, admin), 1):
            people.change(acme, row, added_at=timezone.now() - timedelta(days=days))
    up = column(desk.get(at(acme, group, USERS), {"sort": key}), number)
    down = column(desk.get(at(acme, group, USERS), {"sort": f"-{key}"}), number)
    assert up == down[::-1]
    assert len(set(up)) > 1


@pytest.mark.spec("LG-38")
@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("FUCHS", {"frank@acme.test"}),
        ("uch", {"frank@acme.test"}),
        ("ri", {"erin@acme.test"}),
        ("ines@", {"ines@acme.test"}),
        ("%", set()),
        ("a_", set()),
        ("nobody", set()),
        ("", {"anna@acme.test", "erin@acme.test", "frank@acme.test", "ines@acme.test"}),
    ],
)
def test_any_part_of_a_name_or_address_in_any_case_filters(acme, group, desk, user, admin, pending, typed, found):
    assert set(column(desk.get(at(acme, group, USERS), {"q": typed}), 2)) == found


@pytest.mark.spec("LG-42", "LG-43")
def test_boxes_select_a_row_the_page_or_explicitly_all_that_match(acme, group, desk, user):
    page = desk.get(at(acme, group, USERS)).text
    assert page.count('type="checkbox" name="pk"') == 2
    assert "data-pick-page" in page
    assert 'name="all"' not in page  # one page: the box in the header is all there is
    for number in range(60):
        member = factories.member(acme, f"Person {number}", f"person{number}")
        people.join(acme, group, member, is_user=False, is_admin=True)
    page = desk.get(at(acme, group, USERS), {"q": "person"}).text
    assert page.count('type="checkbox" name="pk"') == 50
    assert "All 60 members and invitations that match" in page
    assert 'name="query" value="q=person"' in page


@pytest.mark.spec("LG-31")
def test_an_empty_filter_result_explains_itself(acme, group, desk):
    page = desk.get(at(acme, group, USERS), {"q": "zzz"}).text
    assert "Nothing matches" in page


@pytest.mark.spec("LG-49")
def test_the_page_opens_add_new_users(acme, group, desk):
    page = desk.get(at(acme, group, USERS)).text
    address = at(acme, group, "users/add/")
    assert re.search(rf'<a class="button primary" href="{address}" hx-get="{address}" hx-target="#dialog"', page)
    assert "0 of 5 licences are in use" in page


# --- who gets in ---
@pytest.mark.spec("LG-08", "LG-30")
def test_users_strangers_and_other_organisations_are_kept_out(acme, globex, group, user, frank, charlie, sign_in):
    path = at(acme, group, USERS)
    assert sign_in(frank).get(path).status_code == 403
    assert sign_in(people.person(acme, "Nora Neu")).get(path).status_code == 403
    assert sign_in(charlie).get(path).status_code == 302  # a session counts in its own organisation alone


@pytest.mark.spec("LG-29")
def test_a_group_one_does_not_administer_is_as_if_it_did_not_exist(acme, anna, erin, group, desk, sign_in):
    other = people.license_group(acme, erin, name="Copiers")
    there = people.row_of(acme, other, "erin@acme.test")
    for path in ("users/", "blocked/", "blocked/add/", f"users/{there.pk}/edit/"):
        assert desk.get(at(acme, other, path)).status_code == 404
    assert desk.get(acme.url("licensing/0190aaaa-0000-7000-8000-000000000000/users/")).status_code == 404
    for path in ("edit", "block", "remove", "resend"):
        assert desk.get(at(acme, group, f"users/{there.pk}/{path}/")).status_code == 404
        assert desk.post(at(acme, group, f"users/{there.pk}/{path}/"), {"shown": f"{there.pk}:1"}).status_code == 404
        answer = desk.post(at(acme, group, f"users/{path}/"), selected(there))
        assert answer.status_code == 409
        answer = desk.post(at(acme, group, f"users/{path}/"), {"shown": f"{there.pk}:1", "confirmed": "yes"})
        assert answer.status_code == 409
        assert "erin@acme.test" not in answer.text
    assert people.fresh(acme, there).version == there.version


@pytest.mark.spec("LG-28")
def test_with_an_expired_licence_the_tab_leads_to_the_settings(acme, anna, sign_in):
    old = people.license_group(acme, anna, name="Old", expires_at=timezone.now() + timedelta(days=1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("licensing.views.gate.is_expired", lambda _group: True)
        answer = sign_in(anna).get(at(acme, old, USERS))
    assert (answer.status_code, answer["Location"]) == (303, at(acme, old, "settings/"))


def test_the_page_costs_the_same_for_one_member_and_for_fifty(acme, group, desk, by, query_count):
    few = query_count(lambda: desk.get(at(acme, group, USERS)))
    for number in range(25):
        member = factories.member(acme, f"Person {number}", f"person{number}")
        people.join(acme, group, member, is_user=False, is_admin=True)
        people.invited(acme, group, f"invited{number}@acme.test", by=by)
    assert query_count(lambda: desk.get(at(acme, group, USERS))) == few
