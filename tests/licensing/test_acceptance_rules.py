"""Rules looked at again when an invitation is accepted or declined: seats, blocks, places elsewhere, the licence."""

import datetime
import re
from uuid import UUID

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Membership, User
from audit.models import Event
from audit.tallies import write_open
from config.tenancy import operator_context
from licensing.actions.blocks import block_addresses
from licensing.models import LicencePlace, LicenseGroup, LicenseGroupMember, LicenseRoleBlock
from tests import factories
from tests.licensing import people
from tests.licensing.acceptance import NEW, PASSWORD, link, member, people_fill, problem

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])


@pytest.mark.spec("LG-72")
@pytest.mark.parametrize("has_account", [True, False])
def test_without_a_free_licence_nothing_happens_and_the_admins_are_told(acme, group, invited, sign_in, by, has_account):
    ida = people.person(acme, "Ida Ilg") if has_account else None
    row = invited()
    people_fill(acme, group)
    browser = sign_in(ida) if ida else Client()
    answer = browser.post(link(acme, row), NEW)
    assert answer.status_code == 422
    assert problem(answer).startswith("No licence is free in Printers.")
    after = people.fresh(acme, row)
    assert (after.status, after.expires_at, after.generation) == ("pending", row.expires_at, row.generation)
    assert after.seat_wanted_at is not None
    assert User.objects.filter(email_key="ida@acme.test").exists() is has_account
    with acme.context():
        write_open(acme.pk)
        event = Event.objects.get(verb="access.refused", license_group_id=group.pk)
        assert event.labels["reason"] == "no-seat"
        LicenseGroupMember.objects.filter(address_key="seat0@acme.test").update(status="ended", ended_at=timezone.now())
    assert browser.post(link(acme, row), NEW).status_code in (302, 303)


@pytest.mark.spec("LG-73", "LG-102")
@pytest.mark.parametrize("has_account", [True, False])
@pytest.mark.parametrize("is_admin", [True, False])
def test_a_block_after_sending_drops_user_and_ends_what_has_no_role_left(
    acme, group, invited, sign_in, by, has_account, is_admin
):
    ida = people.person(acme, "Ida Ilg") if has_account else None
    row = invited(is_admin=is_admin)
    with acme.context():
        LicenseGroupMember.objects.filter(pk=row.pk).update(status="ended", ended_at=timezone.now())
        block_addresses(tenant_id=acme.pk, group_id=group.pk, addresses=[("ida@acme.test", "ida@acme.test")], by=by)
        LicenseGroupMember.objects.filter(pk=row.pk).update(status="pending", ended_at=None)
    answer = (sign_in(ida) if ida else Client()).post(link(acme, row), NEW)
    if is_admin:
        assert answer.status_code in (302, 303)
        assert member(acme, row) == ("active", False, True)
    else:
        assert answer.status_code == 410
        assert people.fresh(acme, row).status == "ended"
        assert "license.invitation-revoked" in people.verbs(acme, group)
        assert User.objects.filter(email_key="ida@acme.test").exists() is has_account
    assert people.used(acme, group) == 0


@pytest.mark.spec("LG-17", "LG-74")
def test_who_holds_user_elsewhere_leaves_it_there_by_a_tick_in_one_step(acme, group, invited, ida, sign_in, anna):
    other = people.license_group(acme, people.person(acme, "Otto Ohm"), name="Scanners")
    old = people.join(acme, other, ida)
    row, browser = invited(), sign_in(ida)
    page = browser.get(link(acme, row))
    assert "You hold the role User in Scanners." in page.text
    answer = browser.post(link(acme, row))
    assert answer.status_code == 422
    assert "Scanners" in problem(answer)
    assert member(acme, row)[0] == "pending"
    assert member(acme, old)[0] == "active"
    assert browser.post(link(acme, row), {"leave_other": "yes"}).status_code == 422  # names no group
    assert member(acme, old)[0] == "active"
    assert browser.post(link(acme, row), {"leave_other": str(other.pk)}).status_code == 303
    assert member(acme, old)[0] == "ended"
    assert LicencePlace.objects.get(user_id=ida.user_id).member_id == row.pk
    assert (people.used(acme, group), people.used(acme, other)) == (1, 0)


def offered(answer):
    """Return the groups that the page offers to leave: their ids and names."""
    boxes = re.findall(
        r'name="leave_other" value="([^"]*)"[^>]*><label[^>]*>Give up the role User in (.*?) and', answer.text
    )
    return [(UUID(value), name) for value, name in boxes]


@pytest.mark.spec("LG-17", "LG-74")
@pytest.mark.parametrize("where", ["same organisation", "another organisation"])
def test_who_ticked_one_group_leaves_no_other_that_the_place_has_moved_to(
    acme, globex, group, invited, ida, sign_in, anna, charlie, where
):
    scanners = people.license_group(acme, anna, name="Scanners")
    old = people.join(acme, scanners, ida)
    row, browser = invited(), sign_in(ida)
    assert offered(browser.get(link(acme, row))) == [(scanners.pk, "Scanners")]
    people.change(acme, old, status="ended", ended_at=timezone.now())
    world, holder = (acme, anna) if where == "same organisation" else (globex, charlie)
    copiers = people.license_group(world, holder, name="Copiers")
    if world is globex:
        with globex.context():
            Membership.objects.create(tenant=globex.tenant, user=ida.user, login="ida", name="Ida Ilg", source="local")
    new = people.join(world, copiers, ida)
    answer = browser.post(link(acme, row), {"leave_other": str(scanners.pk)})
    assert answer.status_code == 409
    assert problem(answer).startswith("Your role User has moved to Copiers since you opened this page.")
    assert offered(answer) == [(copiers.pk, "Copiers")]
    assert " checked" not in answer.text
    assert (member(world, new), member(acme, row)[0]) == (("active", True, False), "pending")
    with acme.context():
        write_open(acme.pk)
        assert Event.objects.get(verb="access.refused").labels["reason"] == "place-moved"
    assert browser.post(link(acme, row), {"leave_other": str(copiers.pk)}).status_code == 303
    assert member(world, new)[0] == "ended"


@pytest.mark.spec("LG-74")
def test_who_ticked_a_group_and_has_left_it_meanwhile_is_taken_in(acme, group, invited, ida, sign_in, anna):
    scanners = people.license_group(acme, anna, name="Scanners")
    old = people.join(acme, scanners, ida)
    row, browser = invited(), sign_in(ida)
    people.change(acme, old, status="ended", ended_at=timezone.now())
    assert browser.post(link(acme, row), {"leave_other": str(scanners.pk)}).status_code == 303
    assert member(acme, row) == ("active", True, False)


@pytest.mark.spec("LG-74", "LG-72")
def test_nobody_loses_the_place_elsewhere_where_there_is_no_free_licence_here(acme, group, invited, ida, sign_in):
    other = people.license_group(acme, people.person(acme, "Otto Ohm"), name="Scanners")
    old = people.join(acme, other, ida)
    row = invited()
    people_fill(acme, group)
    answer = sign_in(ida).post(link(acme, row), {"leave_other": str(other.pk)})
    assert answer.status_code == 422
    assert " checked" in answer.text
    assert member(acme, old) == ("active", True, False)


@pytest.mark.spec("LG-E7")
@pytest.mark.parametrize("how", ["suspended", "locked", "deactivated here"])
def test_a_suspended_account_may_be_invited_but_not_accept(acme, group, invited, ida, sign_in, how):
    ida.user.set_password(PASSWORD)
    ida.user.save()
    row, browser = invited(), sign_in(ida)
    if how == "suspended":
        User.objects.filter(pk=ida.user_id).update(is_active=False)
    elif how == "locked":
        User.objects.filter(pk=ida.user_id).update(locked_at=timezone.now())
    else:
        with acme.context():
            Membership.objects.filter(pk=ida.pk).update(is_active=False)
    answer = browser.post(link(acme, row), NEW)
    assert answer.status_code in (403, 422)
    signing = Client().post(acme.url("sign-in/"), {"login": "ida", "password": PASSWORD, "next": link(acme, row)})
    assert signing.status_code == 422
    assert member(acme, row) == ("pending", True, False)
    User.objects.filter(pk=ida.user_id).update(is_active=True, locked_at=None)
    with acme.context():
        Membership.objects.filter(pk=ida.pk).update(is_active=True)
    assert sign_in(ida).post(link(acme, row)).status_code == 303


@pytest.mark.spec("LG-75")
@pytest.mark.parametrize("signed_in", [True, False])
def test_declining_ends_the_invitation_and_is_told(acme, group, invited, ida, sign_in, signed_in):
    row, browser = invited(), sign_in(ida) if signed_in else Client()
    assert browser.get(link(acme, row, "decline/")).status_code == 405
    answer = browser.post(link(acme, row, "decline/"))
    assert "Invitation declined" in answer.text
    assert people.row_of(acme, group, "ida@acme.test") is None
    assert people.fresh(acme, row).end_reason == "declined"
    assert people.verbs(acme, group)[-1] == "license.invitation-declined"
    assert browser.post(link(acme, row)).status_code == 410


@pytest.mark.spec("LG-28")
def test_an_expired_licence_takes_nobody_in(acme, invited, ida, sign_in):
    olga = people.person(acme, "Olaf Ott")
    past = timezone.now() + datetime.timedelta(hours=1)
    other = people.license_group(acme, olga, name="Late", expires_at=past)
    row = invited(of=other, who=factories.actor(olga))
    with operator_context() as alias:
        LicenseGroup.objects.using(alias).filter(pk=other.pk).update(expires_at=timezone.now())
    answer = sign_in(ida).post(link(acme, row))
    assert answer.status_code == 422
    assert "has expired" in problem(answer)
    assert member(acme, row)[0] == "pending"


@pytest.mark.spec("LG-28", "LG-73")
def test_an_expired_licence_ends_no_invitation_of_a_blocked_address_either(acme, group, invited):
    row = invited()
    with acme.context():
        LicenseRoleBlock.objects.create(
            tenant=acme.tenant, group_id=group.pk, address=row.address, address_key=row.address_key,
            created_at=timezone.now(), created_by="Anna Ahlers",
        )  # fmt: skip
    people.expire(acme, group)
    answer = Client().post(link(acme, row), NEW)
    assert answer.status_code == 422
    assert "has expired" in problem(answer)
    assert member(acme, row)[0] == "pending"
    assert not User.objects.filter(email_key="ida@acme.test").exists()
