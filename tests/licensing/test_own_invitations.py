"""Nobody raises themselves by an invitation of their own, under whichever address it went out (decision 20)."""

import uuid

import pytest

from accounts.models import User
from audit.models import Event
from audit.tallies import write_open
from licensing.actions.invitations import resend
from licensing.actions.members import remove_members
from licensing.models import LicenseRoleBlock
from tests import factories
from tests.licensing import people
from tests.licensing.acceptance import link
from tests.licensing.pages import at, shown_field

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])

OWN = "You chose the roles of this invitation yourself. You cannot give yourself a role; another Admin can."


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    monkeypatch.setattr("licensing.views.invite.ring_mails_on_commit", lambda tenant_id: None)


@pytest.fixture
def erin(acme):
    """Of a directory: no address is proven yet."""
    return people.person(acme, "Erin Egger", verified=False)


def add(browser, world, group, address="erin@mail.test", roles=("user",)):
    body = {"submission": str(uuid.uuid4()), "addresses": address, "roles": list(roles), "words": ""}
    assert browser.post(at(world, group, "users/add/"), body).status_code == 303
    return people.row_of(world, group, address)


def accept(browser, world, row, **fields):
    return browser.post(link(world, row), fields)


def roles(world, row):
    row = people.fresh(world, row)
    return row.status, row.is_user, row.is_admin


def refused(world, member, row, answer):
    """Assert that an acceptance was refused as one's own, and that nothing is lost."""
    assert answer.status_code == 422
    assert OWN in answer.text
    assert ">Accept<" not in answer.text
    assert people.fresh(world, row).status == "pending"
    assert User.objects.get(pk=member.user_id).email_key is None
    with world.context():
        write_open(world.pk)
        assert Event.objects.filter(verb="access.refused", labels__reason="own-rights-raised").exists()


@pytest.mark.spec("LG-60", "LG-70")
def test_an_admin_cannot_become_user_by_inviting_another_address_of_their_own(acme, group, erin, admin, sign_in):
    browser = sign_in(erin)
    row = add(browser, acme, group)
    refused(acme, erin, row, accept(browser, acme, row))
    assert roles(acme, admin) == ("active", False, True)
    assert people.used(acme, group) == 0


def test_the_page_says_so_and_offers_no_accept_before_anybody_tries(acme, anna, group, erin, admin, by, sign_in):
    people.join(acme, people.license_group(acme, anna, name="Copiers"), erin, address="erin@directory.test")
    browser = sign_in(erin)
    row = add(browser, acme, group)
    page = browser.get(link(acme, row))
    assert page.status_code == 200
    assert OWN in page.text
    for offered in (">Accept<", 'name="leave_other"', "becomes the verified address"):
        assert offered not in page.text
    assert "Decline the invitation" in page.text
    theirs = people.invited(acme, group, "erin@else.test", by=by)
    page = browser.get(link(acme, theirs))
    assert OWN not in page.text
    assert ">Accept<" in page.text
    assert 'name="leave_other"' in page.text


@pytest.mark.parametrize("who", ["the owner", "an Admin who gains nothing", "an Admin whose User is blocked"])
def test_the_page_offers_what_the_action_takes(acme, group, erin, admin, anna, owner, sign_in, who):
    person = anna if who == "the owner" else erin
    User.objects.filter(pk=person.user_id).update(email=None, email_key=None)
    browser = sign_in(person)
    if who == "an Admin whose User is blocked":
        row = add(browser, acme, group, "own@mail.test", roles=["user", "admin"])
        with acme.context():
            LicenseRoleBlock.objects.create(
                tenant=acme.tenant, group_id=group.pk, address=row.address, address_key=row.address_key,
                created_at=row.added_at, created_by="Anna Ahlers",
            )  # fmt: skip
    else:
        row = add(browser, acme, group, "own@mail.test", roles=["user"] if who == "the owner" else ["admin"])
    page = browser.get(link(acme, row))
    assert OWN not in page.text
    assert ">Accept<" in page.text
    assert accept(browser, acme, row).status_code == 303


@pytest.mark.spec("LG-74")
def test_nor_does_the_tick_help_and_the_place_elsewhere_is_kept(acme, anna, group, erin, admin, sign_in):
    copiers = people.license_group(acme, anna, name="Copiers")
    there = people.join(acme, copiers, erin, address="erin@directory.test")
    browser = sign_in(erin)
    row = add(browser, acme, group)
    refused(acme, erin, row, accept(browser, acme, row, leave_other=str(copiers.pk)))
    assert roles(acme, there) == ("active", True, False)


@pytest.mark.spec("LG-90")
def test_an_admin_who_adds_user_to_the_invitation_that_another_sent_gives_it_to_themselves(
    acme, group, erin, admin, by, sign_in
):
    row, browser = people.invited(acme, group, "erin@mail.test", by=by, is_user=False, is_admin=True), sign_in(erin)
    fields = {"apply": "1", "is_user": "yes", "is_admin": "yes", **shown_field(row)}
    assert browser.post(at(acme, group, f"users/{row.pk}/edit/"), fields).status_code == 303
    refused(acme, erin, row, accept(browser, acme, row))
    assert roles(acme, admin) == ("active", False, True)


def test_what_was_sent_to_oneself_does_not_bring_back_what_was_taken_away(acme, group, erin, admin, by, sign_in):
    browser = sign_in(erin)
    row = add(browser, acme, group, roles=["admin"])
    with acme.context():
        remove_members(tenant_id=acme.pk, group_id=group.pk, shown=people.shown(admin), by=by)
    refused(acme, erin, row, accept(browser, acme, row))
    assert people.row_of(acme, group, "erin@acme.test") is None


@pytest.mark.spec("LG-60", "LG-65")
@pytest.mark.parametrize(
    "who", ["another Admin", "another Admin, sent again by herself", "herself, then another Admin"]
)
def test_what_another_admin_gives_is_taken(acme, group, erin, admin, by, desk, sign_in, who):
    browser = sign_in(erin)
    if who == "herself, then another Admin":
        row = add(browser, acme, group, roles=["admin"])
        fields = {"apply": "1", "is_user": "yes", "is_admin": "yes", **shown_field(row)}
        assert desk.post(at(acme, group, f"users/{row.pk}/edit/"), fields).status_code == 303
    else:
        row = people.invited(acme, group, "erin@mail.test", by=by)
    if who == "another Admin, sent again by herself":
        with acme.context():
            resend(tenant_id=acme.pk, group_id=group.pk, shown=people.shown(row), by=factories.actor(erin))
    assert accept(browser, acme, people.fresh(acme, row)).status_code == 303
    assert roles(acme, admin) == ("active", True, True)
    assert User.objects.get(pk=erin.user_id).email_key == "erin@mail.test"


def test_an_invitation_of_ones_own_that_gives_nothing_new_is_taken(acme, group, erin, admin, sign_in):
    browser = sign_in(erin)
    row = add(browser, acme, group, roles=["admin"])
    assert accept(browser, acme, row).status_code == 303
    assert roles(acme, admin) == ("active", False, True)


def test_the_owner_takes_user_by_an_own_invitation_as_in_edit_user(acme, sign_in):
    otto = people.person(acme, "Otto Ohm")
    group = people.license_group(acme, otto, name="Scanners")
    User.objects.filter(pk=otto.user_id).update(email=None, email_key=None)
    browser = sign_in(otto)
    row = add(browser, acme, group, "otto@mail.test")
    assert accept(browser, acme, row).status_code == 303
    assert roles(acme, people.row_of(acme, group, "otto@acme.test")) == ("active", True, True)
