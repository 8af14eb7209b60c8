"""Block User Role from the Users tab: the window, its refusals and its effect on both tabs (LG-100 to LG-116)."""

import re

import pytest

from licensing.actions.members import set_roles
from licensing.models import LicenseRoleBlock, MailState, MemberStatus
from tests import factories
from tests.licensing import people
from tests.licensing.pages import HTMX, at, carried, column, selected, shown_field

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])
BULK = "users/block/"


@pytest.fixture
def both(acme, group, erin):
    """Erin: User and Admin."""
    return people.join(acme, group, erin, is_user=True, is_admin=True)


@pytest.fixture
def rung(monkeypatch):
    """The tenants whose mails were rung for."""
    calls = []
    monkeypatch.setattr("licensing.views.members.ring_mails_on_commit", calls.append)
    return calls


@pytest.mark.spec("LG-110", "LG-105", "LG-111", "LG-115", "LG-E8")
def test_one_member_is_named_then_blocked_and_both_tabs_show_it(acme, group, desk, user, rung):
    path = at(acme, group, f"users/{user.pk}/block/")
    question = desk.get(path, headers=HTMX)
    assert '<h2 id="dialog-title">Block User Roles</h2>' in question.text
    assert "frank@acme.test loses the role User and leaves the group. Personal panels are kept." in question.text
    assert re.search(r'<button class="button danger solid" type="submit"><span>Block User Role</span>', question.text)
    assert people.used(acme, group) == 1
    assert desk.post(path, carried(question)).status_code == 303
    assert people.used(acme, group) == 0
    assert "frank@acme.test" not in column(desk.get(at(acme, group, "users/")), 2)
    assert column(desk.get(at(acme, group, "blocked/")), 0) == ["frank@acme.test"]
    assert rung == [acme.pk]
    with acme.context():
        assert LicenseRoleBlock.objects.get().mail_state == MailState.PENDING


@pytest.mark.spec("LG-104")
def test_a_user_and_admin_stays_admin(acme, group, desk, both):
    path = at(acme, group, f"users/{both.pk}/block/")
    question = desk.get(path)
    assert "erin@acme.test loses the role User and stays Admin." in question.text
    desk.post(path, carried(question))
    assert people.fresh(acme, both).roles == "Admin"


@pytest.mark.spec("LG-112", "LG-114", "LG-127")
def test_several_are_blocked_together_with_the_numbers_of_what_ends(acme, group, desk, user, both):
    question = desk.post(at(acme, group, BULK), selected(user, both))
    assert "2 members lose the role User, 1 of them leaves the group." in question.text
    assert "<span>Block User Roles</span>" in question.text
    assert desk.post(at(acme, group, BULK), carried(question)).status_code == 303
    assert people.used(acme, group) == 0
    assert set(column(desk.get(at(acme, group, "blocked/")), 0)) == {"erin@acme.test", "frank@acme.test"}
    assert column(desk.get(at(acme, group, "users/")), 2) == ["anna@acme.test", "erin@acme.test"]


@pytest.mark.spec("LG-106", "LG-109", "LG-113", "LG-103")
@pytest.mark.parametrize("other", ["admin", "pending"])
def test_one_member_who_cannot_be_blocked_refuses_all_before_and_after_the_question(
    request, acme, group, desk, user, other, rung
):
    row = request.getfixturevalue(other)
    for answer in (
        desk.get(at(acme, group, f"users/{row.pk}/block/")),
        desk.post(at(acme, group, f"users/{row.pk}/block/"), {**shown_field(row), "confirmed": "yes"}),
        desk.post(at(acme, group, BULK), selected(user, row)),
        desk.post(at(acme, group, BULK), {"all": "1", "query": ""}),
        desk.post(at(acme, group, BULK), {**shown_field(user, row), "confirmed": "yes"}),
    ):
        assert answer.status_code == 422
        assert "Only active members with the role User can be blocked." in answer.text
    assert people.blocks(acme, group) == set()
    assert people.used(acme, group) == 1
    assert rung == []


@pytest.mark.spec("LG-116", "LG-130")
def test_the_owner_with_user_may_be_blocked_and_blocking_oneself_is_asked_again(acme, group, desk, owner, by):
    with acme.context():
        set_roles(tenant_id=acme.pk, group_id=group.pk, shown=people.shown(owner), is_user=True, is_admin=True, by=by)
    path = at(acme, group, f"users/{owner.pk}/block/")
    again = desk.post(path, carried(desk.get(path)))
    assert again.status_code == 200
    assert "You lose the role User" in again.text
    assert people.fresh(acme, owner).is_user
    answer = desk.post(path, carried(again))
    assert (answer.status_code, answer["Location"]) == (303, at(acme, group, "users/"))
    row = people.fresh(acme, owner)
    assert (row.is_owner, row.roles) == (True, "Admin")


def test_a_row_changed_after_the_question_is_a_conflict(acme, group, desk, user):
    people.change(acme, user, version=2)
    for path in (BULK, f"users/{user.pk}/block/"):
        answer = desk.post(at(acme, group, path), {**shown_field(user), "confirmed": "yes"})
        assert answer.status_code == 409
    assert people.blocks(acme, group) == set()


def test_more_than_fifty_are_blocked_only_once_their_number_is_typed(acme, anna, desk):
    big = people.license_group(acme, anna, seats=60, name="Big")
    rows = [
        people.join(acme, big, factories.member(acme, f"Person {number}", f"person{number}")) for number in range(51)
    ]
    question = desk.post(at(acme, big, BULK), {"all": "1", "query": "q=person"})
    assert "51 members lose the role User, 51 of them leave the group." in question.text
    assert desk.post(at(acme, big, BULK), {**carried(question), "typed": ""}).status_code == 422
    assert people.used(acme, big) == 51
    assert desk.post(at(acme, big, BULK), {**carried(question), "typed": "51"}).status_code == 303
    assert people.used(acme, big) == 0
    assert people.fresh(acme, rows[0]).status == MemberStatus.ENDED
