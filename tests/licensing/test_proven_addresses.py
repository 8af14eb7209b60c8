"""One person, two addresses: the one a list shows and the one the account has proven count alike (LG-63, LG-64, LG-126)."""

import html
import re
import uuid

import pytest

from accounts.models import User
from licensing.actions.auto_assign import auto_assign
from licensing.actions.blocks import block_addresses, block_members
from licensing.actions.groups import ask_domain
from licensing.models import LicenseRoleBlock
from tests import factories
from tests.licensing import people
from tests.licensing.pages import at, shown_field

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "operator"]),
    pytest.mark.usefixtures("bells"),
]

BLOCKED = "belongs to somebody on the list of Blocked User Roles: invite as Admin only, or remove the block."
MEMBER = "belongs to a member who is listed under another address: edit the roles there."


@pytest.fixture
def bob(acme):
    """Bob proved bob.new@acme.test; lists show him as bob@acme.test."""
    member = people.person(acme, "Bob Berg", verified=False)
    prove(member, "bob.new@acme.test")
    return member


def prove(member, address):
    member.user.email = member.user.email_key = address
    member.user.save()


def add(browser, world, group, *addresses, roles=("user",)):
    body = {"submission": str(uuid.uuid4()), "addresses": "\n".join(addresses), "roles": list(roles), "words": ""}
    return browser.post(at(world, group, "users/add/"), body)


def problems(answer):
    found = re.findall(r'<li data-problem="([^"]*)">(.*?)</li>', answer.text, re.S)
    texts = {html.unescape(one): html.unescape(re.sub(r"<[^>]+>", "", words)).strip() for one, words in found}
    return {one: words.removeprefix(one).strip() for one, words in texts.items()}


def block(world, group, *rows, by):
    with world.context():
        block_members(tenant_id=world.pk, group_id=group.pk, shown=people.shown(*rows), by=by)


def block_address(world, group, address, by):
    with world.context():
        block_addresses(tenant_id=world.pk, group_id=group.pk, addresses=[(address, address)], by=by)


@pytest.mark.spec("LG-63", "LG-102", "LG-103", "LG-126")
@pytest.mark.parametrize("roles", [("user",), ("user", "admin")], ids=" and ".join)
@pytest.mark.parametrize("has_domain", [True, False])
def test_a_blocked_person_is_refused_as_user_by_every_proven_address(
    acme, globex, group, charlie, bob, by, desk, sign_in, bells, has_domain, roles
):
    if has_domain:
        with acme.context():
            ask_domain(tenant_id=acme.pk, group_id=group.pk, domain="acme.test", address=None, by=by)
    block(acme, group, people.join(acme, group, bob, address="bob@acme.test"), by=by)
    answer = add(desk, acme, group, "jan@acme.test", "bob.new@acme.test", roles=roles)
    assert answer.status_code == 422
    assert problems(answer) == {"bob.new@acme.test": BLOCKED}
    assert "bob@acme.test" not in answer.text  # whose address it is stays unsaid
    assert people.row_of(acme, group, "jan@acme.test") is people.row_of(acme, group, "bob.new@acme.test") is None
    assert bells == []
    # as Admin he may come, and the list of this group counts in no other one
    assert add(desk, acme, group, "bob.new@acme.test", roles=["admin"]).status_code == 303
    other = people.license_group(globex, charlie)
    assert add(sign_in(charlie), globex, other, "bob.new@acme.test", roles=roles).status_code == 303


@pytest.mark.spec("LG-102", "LG-126")
def test_an_invitation_gets_user_by_no_edit_where_the_account_of_its_address_is_blocked(acme, group, bob, by, desk):
    block(acme, group, people.join(acme, group, bob, address="bob@acme.test"), by=by)
    row = people.invited(acme, group, "bob.new@acme.test", by=by, is_user=False, is_admin=True)
    fields = {"apply": "1", "is_user": "yes", "is_admin": "yes", **shown_field(row)}
    answer = desk.post(at(acme, group, f"users/{row.pk}/edit/"), fields)
    assert answer.status_code == 422
    assert "On the list of Blocked User Roles: bob.new@acme.test." in answer.text
    assert not people.fresh(acme, row).is_user


@pytest.mark.spec("LG-88", "LG-102", "LG-126")
def test_an_address_blocked_before_its_owner_proved_it_counts_for_the_membership_under_another_one(
    acme, group, by, desk
):
    dora = people.person(acme, "Dora Dahl", verified=False)
    row = people.join(acme, group, dora, is_user=False, is_admin=True, address="dora@directory.test")
    block_address(acme, group, "dora@acme.test", by)
    prove(dora, "dora@acme.test")
    with acme.context():
        assert LicenseRoleBlock.objects.get().user_id is None
    fields = {"apply": "1", "is_user": "yes", "is_admin": "yes", **shown_field(row)}
    answer = desk.post(at(acme, group, f"users/{row.pk}/edit/"), fields)
    assert answer.status_code == 422
    assert "On the list of Blocked User Roles: dora@directory.test." in answer.text
    assert people.used(acme, group) == 0


@pytest.mark.spec("LG-102", "LG-141")
def test_no_domain_admits_who_is_listed_under_a_blocked_address(acme, group, by):
    dora = people.person(acme, "Dora Dahl")
    with acme.context():
        ask_domain(tenant_id=acme.pk, group_id=group.pk, domain="acme.test", address=None, by=by)
    people.join(acme, group, dora, is_user=False, is_admin=True, address="dora@directory.test")
    block_address(acme, group, "dora@directory.test", by)
    with acme.context():
        assert auto_assign(membership=dora, by=factories.actor(dora)) is None


@pytest.mark.spec("LG-64", "LG-67")
@pytest.mark.parametrize("roles", [("user",), ("admin",)], ids=" and ".join)
def test_a_member_is_not_invited_again_by_another_proven_address(
    acme, globex, group, charlie, bob, desk, sign_in, bells, roles
):
    people.join(acme, group, bob, address="bob@acme.test")
    answer = add(desk, acme, group, "bob.new@acme.test", "jan@acme.test", roles=roles)
    assert answer.status_code == 422
    assert problems(answer) == {"bob.new@acme.test": MEMBER}
    assert "bob@acme.test" not in answer.text
    assert people.row_of(acme, group, "bob.new@acme.test") is people.row_of(acme, group, "jan@acme.test") is None
    assert bells == []
    # elsewhere nobody learns of it
    assert add(sign_in(charlie), globex, people.license_group(globex, charlie), "bob.new@acme.test").status_code == 303
    assert User.objects.get(pk=bob.user_id).email_key == "bob.new@acme.test"
