"""Remove and Resend from the Users tab: what is asked, what is refused, what happens (LG-92 to LG-99)."""

import re

import pytest

from licensing.models import LicenseGroupMember, MailState, MemberStatus
from tests.licensing import people
from tests.licensing.pages import at, carried, selected, shown_field

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])
BULK = "users/remove/"


@pytest.fixture
def rung(monkeypatch):
    """The tenants whose mails were rung for."""
    calls = []
    for name in ("members", "blocks"):
        monkeypatch.setattr(f"licensing.views.{name}.ring_mails_on_commit", calls.append)
    return calls


@pytest.mark.spec("LG-92", "LG-94", "LG-96")
def test_one_member_is_removed_after_a_question(acme, group, desk, user):
    question = desk.get(at(acme, group, f"users/{user.pk}/remove/"))
    assert "Remove frank@acme.test?" in question.text
    assert "1 member leaves the group. 1 licence becomes free. Personal panels are kept." in question.text
    assert people.used(acme, group) == 1
    answer = desk.post(at(acme, group, f"users/{user.pk}/remove/"), carried(question))
    assert (answer.status_code, answer["Location"]) == (303, at(acme, group, "users/"))
    assert people.used(acme, group) == 0
    assert people.fresh(acme, user).end_reason == "removed"


@pytest.mark.spec("LG-93", "LG-97", "LG-98", "LG-47")
def test_several_are_removed_together_with_the_numbers_of_what_ends(acme, group, desk, user, admin, pending):
    question = desk.post(at(acme, group, BULK), selected(user, admin, pending))
    assert "Remove 3 members?" in question.text
    assert "2 members leave the group. 1 licence becomes free. 1 invitation ends" in question.text
    answer = desk.post(at(acme, group, BULK), carried(question))
    assert answer.status_code == 303
    assert {people.fresh(acme, row).end_reason for row in (user, admin)} == {"removed"}
    assert people.fresh(acme, pending).end_reason == "revoked"
    assert people.blocks(acme, group) == set()


@pytest.mark.spec("LG-21", "LG-23", "LG-95")
def test_the_owner_is_refused_before_and_after_the_question_whatever_else_is_selected(acme, group, desk, owner, user):
    for answer in (
        desk.get(at(acme, group, f"users/{owner.pk}/remove/")),
        desk.post(at(acme, group, f"users/{owner.pk}/remove/"), {**shown_field(owner), "confirmed": "yes"}),
        desk.post(at(acme, group, BULK), selected(owner, user)),
        desk.post(at(acme, group, BULK), {"all": "1", "query": ""}),
        desk.post(at(acme, group, BULK), {**shown_field(owner, user), "confirmed": "yes", "giving_up": "yes"}),
    ):
        assert answer.status_code == 422
        assert "The group owner cannot be removed." in answer.text
    assert people.fresh(acme, owner).status == MemberStatus.ACTIVE
    assert people.used(acme, group) == 1


@pytest.mark.spec("LG-E10")
def test_with_auto_assign_the_question_warns_and_offers_to_block_as_well(acme, group, desk, user, rung):
    question = desk.get(at(acme, group, f"users/{user.pk}/remove/"))
    assert "Auto-assign is on" in question.text
    assert re.search(r'<input type="checkbox" name="also_block" value="yes" id="id_also_block">', question.text)
    desk.post(at(acme, group, f"users/{user.pk}/remove/"), {**carried(question), "also_block": "yes"})
    assert people.blocks(acme, group) == {"frank@acme.test"}
    assert rung == [acme.pk]


@pytest.mark.spec("LG-E10")
@pytest.mark.parametrize("reason", ["auto-assign off", "no User among them"])
def test_blocking_as_well_is_neither_offered_nor_done_without_need(acme, group, desk, user, admin, rung, reason):
    if reason == "auto-assign off":
        people.change(acme, group, auto_assign_users=False)
    row = user if reason == "auto-assign off" else admin
    path = at(acme, group, f"users/{row.pk}/remove/")
    question = desk.get(path)
    assert "also_block" not in question.text
    assert desk.post(path, {**carried(question), "also_block": "yes"}).status_code == 303
    assert people.blocks(acme, group) == set()
    assert rung == []


@pytest.mark.spec("LG-99")
def test_an_admin_who_removes_himself_is_asked_again_and_leaves(acme, group, admin, erin, sign_in):
    browser = sign_in(erin)
    path = at(acme, group, f"users/{admin.pk}/remove/")
    again = browser.post(path, carried(browser.get(path)))
    assert again.status_code == 200
    assert "You leave the license group yourself." in again.text
    assert people.fresh(acme, admin).status == MemberStatus.ACTIVE
    answer = browser.post(path, carried(again))
    assert (answer.status_code, answer["Location"]) == (303, acme.url())
    assert people.fresh(acme, admin).status == MemberStatus.ENDED


def test_more_than_fifty_rows_are_removed_only_once_their_number_is_typed(acme, group, desk, by):
    made = [people.invited(acme, group, f"new{number:02}@acme.test", by=by) for number in range(51)]
    question = desk.post(at(acme, group, BULK), {"all": "1", "query": "q=new"})
    assert "Type 51 to go on" in question.text
    wrong = desk.post(at(acme, group, BULK), {**carried(question), "typed": "50"})
    assert wrong.status_code == 422
    assert people.fresh(acme, made[0]).status == MemberStatus.PENDING
    assert desk.post(at(acme, group, BULK), {**carried(question), "typed": "51"}).status_code == 303
    assert people.fresh(acme, made[50]).status == MemberStatus.ENDED


@pytest.mark.parametrize("path", ["users/remove/", "users/{pk}/remove/"])
def test_a_row_changed_after_the_question_is_a_conflict(acme, group, desk, user, path):
    path = at(acme, group, path.format(pk=user.pk))
    people.change(acme, user, version=2)
    assert desk.post(path, {**shown_field(user), "confirmed": "yes"}).status_code == 409
    assert people.used(acme, group) == 1


@pytest.mark.spec("LG-30")
def test_somebody_of_another_organisation_removes_nobody(acme, group, user, charlie, globex, sign_in):
    path = at(acme, group, f"users/{user.pk}/remove/")
    assert sign_in(charlie).post(path, {**shown_field(user), "confirmed": "yes"}).status_code == 403
    there = globex.url(f"licensing/{group.pk}/users/{user.pk}/remove/")
    assert sign_in(charlie).post(there, {**shown_field(user), "confirmed": "yes"}).status_code in (403, 404)
    assert people.used(acme, group) == 1


# --- Resend ---
@pytest.mark.spec("LG-59", "LG-65", "LG-166")
@pytest.mark.parametrize("way", ["row", "bulk"])
def test_an_invitation_is_sent_again_and_its_old_link_dies(acme, group, desk, pending, rung, way):
    people.change(acme, pending, mail_state=MailState.SENT)
    if way == "row":
        path = at(acme, group, f"users/{pending.pk}/resend/")
        question = desk.get(path)
    else:
        path = at(acme, group, "users/resend/")
        question = desk.post(path, selected(pending))
    assert "The old link is dead at once." in question.text
    assert desk.post(path, carried(question)).status_code == 303
    row = people.fresh(acme, pending)
    assert (row.generation, row.mail_state) == (pending.generation + 1, MailState.PENDING)
    assert rung == [acme.pk]
    assert desk.post(path, carried(question)).status_code == 409  # sent twice: done once


def test_only_invitations_are_sent_again(acme, group, desk, user, pending, rung):
    for answer in (
        desk.get(at(acme, group, f"users/{user.pk}/resend/")),
        desk.post(at(acme, group, "users/resend/"), selected(user, pending)),
        desk.post(at(acme, group, "users/resend/"), {**shown_field(user, pending), "confirmed": "yes"}),
    ):
        assert answer.status_code == 422
        assert "Only invitations can be sent again." in answer.text
    assert people.fresh(acme, pending).generation == pending.generation
    assert rung == []


def test_all_matching_resend_reaches_five_thousand_rows_in_one_request(acme, group, desk, by, rung):
    people.many_invited(acme, group, 5000)
    question = desk.post(at(acme, group, "users/resend/"), {"all": "1", "query": "q=bulk"})
    assert "Type 5000 to go on" in question.text
    answer = desk.post(at(acme, group, "users/resend/"), {**carried(question), "typed": "5000"})
    assert answer.status_code == 303
    with acme.context():
        assert LicenseGroupMember.objects.filter(group_id=group.pk, generation=2).count() == 5000
