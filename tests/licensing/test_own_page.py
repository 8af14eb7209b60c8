"""Settings (User): own places, and leaving a license group."""

import datetime

import pytest
from django.utils import timezone

from audit.models import Event
from config.errors import Refused
from licensing.actions.blocks import block_addresses
from licensing.models import MemberStatus
from tests.licensing import people

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])


def leave_url(world, group):
    return world.url(f"licensing/mine/{group.pk}/leave/")


@pytest.mark.spec("LG-13", "LG-154")
def test_the_page_shows_group_roles_and_date_of_each_place_and_how_to_leave(acme, group, anna, frank, user, sign_in):
    copiers = people.license_group(acme, anna, name="Copiers")
    people.join(acme, copiers, frank, is_user=False, is_admin=True)
    people.change(acme, user, added_at=timezone.now() - datetime.timedelta(days=400))
    page = sign_in(frank).get(acme.url("licensing/mine/")).text
    for words in ("Printers", "Copiers", "<dd>User</dd>", "<dd>Admin</dd>", "Date Added"):
        assert words in page
    for one in (group, copiers):
        assert leave_url(acme, one) in page
    assert page.index("Copiers") < page.index("Printers")


@pytest.mark.spec("LG-04", "LG-154")
def test_both_roles_are_named_together(acme, group, frank, sign_in):
    people.join(acme, group, frank, is_admin=True)
    assert "<dd>User, Admin</dd>" in sign_in(frank).get(acme.url("licensing/mine/")).text


@pytest.mark.spec("LG-155", "LG-96")
def test_leaving_asks_first_then_ends_both_roles_frees_the_licence_and_is_told(acme, group, frank, sign_in):
    row = people.join(acme, group, frank, is_admin=True)
    browser = sign_in(frank)
    asked = browser.get(leave_url(acme, group))
    assert "You lose: User, Admin." in asked.text
    assert "Your panels are kept" in asked.text
    assert browser.post(leave_url(acme, group)).status_code == 200
    assert people.used(acme, group) == 1
    answer = browser.post(leave_url(acme, group), {"confirmed": "yes"})
    assert answer.status_code == 303
    assert answer["Location"] == acme.url("")
    after = people.fresh(acme, row)
    assert (after.status, after.end_reason) == (MemberStatus.ENDED, "left")
    assert people.used(acme, group) == 0
    with acme.context():
        told = Event.objects.get(verb="license.member-left")
    assert told.labels["address"] == "frank@acme.test"
    assert told.labels["before"] == "User, Admin"
    assert told.actor_id == frank.pk


def test_after_leaving_one_of_two_groups_the_page_shows_the_other(acme, group, anna, frank, user, sign_in):
    copiers = people.license_group(acme, anna, name="Copiers")
    people.join(acme, copiers, frank, is_user=False, is_admin=True)
    answer = sign_in(frank).post(leave_url(acme, group), {"confirmed": "yes"}, follow=True)
    assert answer.redirect_chain == [(acme.url("licensing/mine/"), 303)]
    assert "You left Printers. Your panels are kept." in answer.text
    assert "Copiers" in answer.text


@pytest.mark.spec("LG-21", "LG-156")
def test_the_owner_is_offered_no_way_to_leave_and_a_forged_one_is_refused(acme, group, owner, anna, sign_in):
    browser = sign_in(anna)
    page = browser.get(acme.url("licensing/mine/")).text
    assert "You own this group" in page
    assert leave_url(acme, group) not in page
    for answer in (
        browser.get(leave_url(acme, group)),
        browser.post(leave_url(acme, group), {"confirmed": "yes"}),
    ):
        assert answer.status_code == 422
        assert "The group owner cannot leave" in answer.text
    assert people.fresh(acme, owner).status == MemberStatus.ACTIVE


@pytest.mark.spec("LG-29")
def test_groups_without_an_own_place_are_as_if_they_did_not_exist(
    acme, globex, group, user, frank, anna, charlie, sign_in
):
    others = [people.license_group(acme, anna, name="Copiers"), people.license_group(globex, charlie)]
    for one in others:
        assert sign_in(frank).get(leave_url(acme, one)).status_code == 404
        assert sign_in(frank).post(leave_url(acme, one), {"confirmed": "yes"}).status_code == 404


def test_who_has_no_place_at_all_is_refused_and_not_offered_the_page(acme, group, erin, sign_in):
    browser = sign_in(erin)
    assert browser.get(acme.url("licensing/mine/")).status_code == 403
    assert browser.get(acme.url("licensing/")).status_code == 403


@pytest.mark.spec("LG-157")
def test_who_left_can_be_invited_again_unless_blocked_for_user(acme, group, frank, user, by, sign_in):
    sign_in(frank).post(leave_url(acme, group), {"confirmed": "yes"})
    assert people.invited(acme, group, "frank@acme.test", by=by).status == MemberStatus.PENDING
    people.change(acme, people.row_of(acme, group, "frank@acme.test"), status="ended", ended_at=timezone.now())
    with acme.context():
        block_addresses(tenant_id=acme.pk, group_id=group.pk, addresses=[("frank@acme.test",) * 2], by=by)
    with pytest.raises(Refused) as refusal:
        people.invited(acme, group, "frank@acme.test", by=by)
    assert "Blocked User Roles" in refusal.value.problems["frank@acme.test"]
    row = people.invited(acme, group, "frank@acme.test", by=by, is_user=False, is_admin=True)
    assert (row.is_user, row.is_admin) == (False, True)
