"""The tab Blocked User Roles: its list, blocking by address, unblocking (LG-117 to LG-133)."""

from dataclasses import replace

import pytest

from licensing.actions.blocks import block_addresses
from licensing.models import LicenseRoleBlock
from tests.licensing import people
from tests.licensing.pages import HTMX, at, carried, column, rows

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])
TAB, ADD, BULK = "blocked/", "blocked/add/", "blocked/remove/"


def block(world, group, *addresses, by):
    """Put addresses on the list and return their entries, in the order of the addresses."""
    with world.context():
        pairs = [(address, address) for address in addresses]
        block_addresses(tenant_id=world.pk, group_id=group.pk, addresses=pairs, by=by)
        return list(LicenseRoleBlock.objects.filter(group_id=group.pk).order_by("address_key"))


def fields(*entries, **more):
    return {"pk": [str(entry.pk) for entry in entries], "query": "", **more}


@pytest.fixture
def rung(monkeypatch):
    """The tenants whose mails were rung for."""
    calls = []
    monkeypatch.setattr("licensing.views.blocks.ring_mails_on_commit", calls.append)
    return calls


# --- the list ---
@pytest.mark.spec("LG-117", "LG-101")
def test_the_list_names_known_people_and_admins_and_who_blocked_when(acme, group, desk, admin, erin, frank, by):
    block(acme, group, "erin@acme.test", "frank@acme.test", by=by)
    block(acme, group, "stranger@else.test", by=replace(by, name="Old Boss"))
    found = {row[0]: (row[1], row[2], row[4]) for row in rows(desk.get(at(acme, group, TAB)))}
    assert found == {
        "erin@acme.test": ("Erin Egger", "Yes", "Anna Ahlers"),
        "frank@acme.test": ("Frank Fuchs", "No", "Anna Ahlers"),
        "stranger@else.test": ("–", "No", "Old Boss"),
    }


def test_a_person_of_another_organisation_is_not_named(acme, globex, group, desk, by):
    people.person(globex, "Gina Gold")
    block(acme, group, "gina@globex.test", by=by)
    assert "Gina" not in desk.get(at(acme, group, TAB)).text


@pytest.mark.spec("LG-117")
def test_an_empty_list_explains_itself(acme, group, desk):
    page = desk.get(at(acme, group, TAB)).text
    assert "Nobody is blocked" in page
    assert "Blocked User Roles of Printers" in page
    assert f'href="{at(acme, group, ADD)}"' in page


@pytest.mark.spec("LG-125")
@pytest.mark.parametrize("key", ["address", "name", "created_at", "created_by"])
def test_every_column_that_is_stored_or_named_sorts_both_ways(acme, group, desk, admin, frank, by, key):
    block(acme, group, "frank@acme.test", "erin@acme.test", by=by)
    block(acme, group, "aaa@else.test", by=replace(by, name="Old Boss"))
    up = column(desk.get(at(acme, group, TAB), {"sort": key}), 0)
    down = column(desk.get(at(acme, group, TAB), {"sort": f"-{key}"}), 0)
    assert sorted(up) == sorted(down) == ["aaa@else.test", "erin@acme.test", "frank@acme.test"]
    if key == "name":
        assert (up, down) == (
            ["erin@acme.test", "frank@acme.test", "aaa@else.test"],
            ["frank@acme.test", "erin@acme.test", "aaa@else.test"],
        )
    else:
        assert up == down[::-1]


def test_whether_somebody_is_admin_is_no_order(acme, group, desk, admin, by):
    block(acme, group, "aaa@else.test", "erin@acme.test", by=by)
    page = desk.get(at(acme, group, TAB), {"sort": "-also_admin"})
    assert column(page, 0) == ["aaa@else.test", "erin@acme.test"]  # in the order of addresses, as without a wish
    headers = desk.get(at(acme, group, TAB)).text
    assert "sort=also_admin" not in headers
    assert "sort=created_by" in headers


@pytest.mark.spec("LG-125")
def test_pages_follow_each_other_in_the_order_of_names(acme, group, desk, by, monkeypatch):
    people.person(acme, "Nina Neu")
    block(acme, group, "erin@acme.test", "nina@acme.test", "x@else.test", by=by)
    monkeypatch.setattr("licensing.lists.BlockList.page_size", 1)
    seen, url = [], at(acme, group, TAB) + "?sort=-name"
    while url:
        page = desk.get(url)
        seen += column(page, 0)
        url = next_page(page)
    assert seen[0] == "nina@acme.test"
    assert sorted(seen) == ["erin@acme.test", "nina@acme.test", "x@else.test"]


def next_page(page):
    before = page.text.partition('rel="next" href="')[2]
    return before.partition('"')[0].replace("&amp;", "&")


@pytest.mark.spec("LG-125")
@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("FUCHS", ["frank@acme.test"]),
        ("else", ["x@else.test"]),
        ("acme", ["erin@acme.test", "frank@acme.test"]),
        ("%", []),
    ],
)
def test_any_part_of_an_address_or_a_known_name_filters(acme, group, desk, erin, frank, by, typed, found):
    block(acme, group, "erin@acme.test", "frank@acme.test", "x@else.test", by=by)
    assert column(desk.get(at(acme, group, TAB), {"q": typed}), 0) == found


@pytest.mark.spec("LG-132")
def test_the_list_is_that_of_its_group_alone(acme, anna, group, desk, by):
    other = people.license_group(acme, anna, name="Copiers")
    block(acme, group, "x@else.test", by=by)
    assert rows(desk.get(at(acme, other, TAB))) == []


# --- blocking by address ---
@pytest.mark.spec("LG-118", "LG-120", "LG-127", "LG-129")
def test_the_window_shows_what_changes_and_then_blocks_all(acme, group, desk, user, erin, by, rung):
    people.join(acme, group, erin, is_user=True, is_admin=True)
    block(acme, group, "known@else.test", by=by)
    typed = "Frank@acme.test\nerin@acme.test; known@else.test, new@else.test\nfrank@ACME.test\n"
    question = desk.post(at(acme, group, ADD), {"addresses": typed})
    assert question.status_code == 200
    assert "2 members lose the role User, 1 of them leaves the group." in question.text
    assert "1 address without the role User cannot get it any more." in question.text
    assert "1 address is blocked already and stays so." in question.text
    for line in (
        "frank@acme.test: loses User, leaves the group",
        "erin@acme.test: loses User, stays Admin",
        "new@else.test: cannot become User",
        "known@else.test: blocked already",
    ):
        assert f"<li>{line}</li>" in question.text
    assert people.blocks(acme, group) == {"known@else.test"}
    answer = desk.post(at(acme, group, ADD), carried(question))
    assert (answer.status_code, answer["Location"]) == (303, at(acme, group, TAB))
    assert len(people.blocks(acme, group)) == 4
    assert people.used(acme, group) == 0
    assert rung == [acme.pk]


@pytest.mark.spec("LG-119")
@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("", "Enter at least one address."),
        (" \n,; ", "Enter at least one address."),
        ("good@else.test\nnonsense", "“nonsense” is no mail address."),
        ("kelvin@else.test\n\u212aelvin@else.test", "only looks like another letter"),
    ],
)
def test_what_is_no_address_comes_back_with_its_reason_and_what_was_typed(acme, group, desk, typed, reason):
    answer = desk.post(at(acme, group, ADD), {"addresses": typed, "confirmed": "yes"})
    assert answer.status_code == 422
    assert reason in answer.text
    assert typed.split("\n")[0].strip(" ,;") in answer.text
    assert people.blocks(acme, group) == set()


@pytest.mark.spec("LG-128", "LG-106")
def test_an_invited_address_refuses_all_and_says_what_to_do(acme, group, desk, pending, rung):
    for more in ({}, {"confirmed": "yes"}):
        answer = desk.post(at(acme, group, ADD), {"addresses": "ines@acme.test\nx@else.test", **more})
        assert answer.status_code == 422
        assert "<strong>ines@acme.test</strong> is invited: cancel the invitation first." in answer.text
    assert people.blocks(acme, group) == set()
    assert rung == []


@pytest.mark.spec("LG-129")
def test_addresses_that_are_all_listed_change_nothing_and_say_so(acme, group, desk, by):
    block(acme, group, "x@else.test", by=by)
    answer = desk.post(at(acme, group, ADD), {"addresses": "X@else.test"})
    assert answer.status_code == 303
    assert "1 address was blocked already." in desk.get(at(acme, group, TAB)).text
    assert people.verbs(acme, group).count("license.blocked") == 1


@pytest.mark.spec("LG-130")
def test_one_s_own_address_is_allowed_after_a_warning(acme, group, erin, sign_in):
    row = people.join(acme, group, erin, is_user=True, is_admin=True)
    browser = sign_in(erin)
    question = browser.post(at(acme, group, ADD), {"addresses": "erin@acme.test"})
    assert "You are one of them: you lose the role User yourself." in question.text
    assert browser.post(at(acme, group, ADD), carried(question)).status_code == 303
    assert people.fresh(acme, row).roles == "Admin"


@pytest.mark.spec("LG-130")
def test_without_the_warning_one_s_own_address_is_asked_for_again(acme, group, erin, sign_in):
    row = people.join(acme, group, erin, is_user=True, is_admin=True)
    answer = sign_in(erin).post(at(acme, group, ADD), {"addresses": "erin@acme.test", "confirmed": "yes"})
    assert answer.status_code == 200
    assert "You lose the role User" in answer.text
    assert people.fresh(acme, row).is_user


@pytest.mark.spec("LG-63", "LG-102", "LG-103")
def test_a_blocked_admin_keeps_admin(acme, group, desk, admin):
    question = desk.post(at(acme, group, ADD), {"addresses": "erin@acme.test"})
    desk.post(at(acme, group, ADD), carried(question))
    assert people.blocks(acme, group) == {"erin@acme.test"}
    assert people.fresh(acme, admin).roles == "Admin"


def test_more_than_fifty_addresses_are_blocked_only_once_their_number_is_typed(acme, group, desk):
    typed = "\n".join(f"person{number}@else.test" for number in range(51))
    question = desk.post(at(acme, group, ADD), {"addresses": typed})
    assert question.text.count("@else.test: cannot become User") == 51
    assert desk.post(at(acme, group, ADD), {**carried(question), "typed": "1"}).status_code == 422
    assert people.blocks(acme, group) == set()
    assert desk.post(at(acme, group, ADD), {**carried(question), "typed": "51"}).status_code == 303
    assert len(people.blocks(acme, group)) == 51


# --- unblocking ---
@pytest.mark.spec("LG-121", "LG-107", "LG-123", "LG-124")
def test_one_block_is_removed_after_a_question(acme, group, desk, user, by):
    (entry,) = block(acme, group, "frank@acme.test", by=by)
    path = at(acme, group, f"blocked/{entry.pk}/remove/")
    question = desk.get(path, headers=HTMX)
    assert "Remove the block of frank@acme.test?" in question.text
    assert '<button class="button primary" type="submit"><span>Remove</span>' in question.text
    answer = desk.post(path, {"confirmed": "yes"})
    assert (answer.status_code, answer["Location"]) == (303, at(acme, group, TAB))
    assert people.blocks(acme, group) == set()
    assert column(desk.get(at(acme, group, "users/")), 2) == ["anna@acme.test"]
    assert desk.post(path, {"confirmed": "yes"}).status_code == 409
    assert desk.get(path).status_code == 404


@pytest.mark.spec("LG-122", "LG-123")
def test_several_blocks_are_removed_together_and_admins_stay_members(acme, group, desk, admin, by):
    entries = block(acme, group, "erin@acme.test", "x@else.test", "y@else.test", by=by)
    question = desk.post(at(acme, group, BULK), fields(*entries[:2]))
    assert "Remove 2 blocks?" in question.text
    assert desk.post(at(acme, group, BULK), fields(*entries[:2], confirmed="yes", expected="2")).status_code == 303
    assert people.blocks(acme, group) == {"y@else.test"}
    assert column(desk.get(at(acme, group, "users/")), 2) == ["anna@acme.test", "erin@acme.test"]


def test_a_selection_that_shrank_meanwhile_is_a_conflict(acme, group, desk, by):
    entries = block(acme, group, "x@else.test", "y@else.test", by=by)
    desk.post(at(acme, group, f"blocked/{entries[0].pk}/remove/"), {"confirmed": "yes"})
    answer = desk.post(at(acme, group, BULK), fields(*entries, confirmed="yes", expected="2"))
    assert answer.status_code == 409
    assert people.blocks(acme, group) == {"y@else.test"}


# --- who gets in ---
@pytest.mark.spec("LG-08", "LG-29")
def test_only_admins_of_the_group_see_and_lift_its_blocks(acme, anna, erin, group, user, frank, desk, by, sign_in):
    other = people.license_group(acme, erin, name="Copiers")
    (entry,) = block(acme, group, "x@else.test", by=by)
    for browser, status in ((sign_in(frank), 403), (sign_in(erin), 404)):
        assert browser.get(at(acme, group, TAB)).status_code == status
        assert (
            browser.post(at(acme, group, ADD), {"addresses": "z@else.test", "confirmed": "yes"}).status_code == status
        )
        path = at(acme, group, f"blocked/{entry.pk}/remove/")
        assert browser.post(path, {"confirmed": "yes"}).status_code == status
        assert browser.post(at(acme, group, BULK), fields(entry, confirmed="yes", expected="1")).status_code == status
    elsewhere = at(acme, other, f"blocked/{entry.pk}/remove/")
    assert sign_in(erin).get(elsewhere).status_code == 404
    assert sign_in(erin).post(at(acme, other, BULK), fields(entry, confirmed="yes", expected="1")).status_code == 409
    assert people.blocks(acme, group) == {"x@else.test"}
