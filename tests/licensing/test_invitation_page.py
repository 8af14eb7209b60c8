"""What the page behind an invitation says before anybody types or ticks anything."""

import re

import pytest
from django.test import Client

from licensing.links import invitation_token
from tests.licensing import people

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])

EXPIRED = "The licence of Printers has expired. Nobody can accept until it is renewed; ask your administrator."
NEW = {
    "first_name": "Ida",
    "last_name": "Ilg",
    "password": "correct horse battery",
    "password_again": "correct horse battery",
}


@pytest.fixture
def ida(acme):
    return people.person(acme, "Ida Ilg")


@pytest.fixture
def row(acme, group, by):
    return people.invited(acme, group, "ida@acme.test", by=by)


def link(world, row):
    return world.url(f"invitations/{invitation_token(row.pk, row.generation)}/")


def words(page):
    return " ".join(re.sub(r"<[^>]+>", " ", page.text).split())


@pytest.mark.spec("LG-28", "LG-68")
@pytest.mark.parametrize("who", ["nobody known", "a member without a session", "the invited", "somebody else"])
def test_an_expired_licence_is_told_before_anything_is_typed(acme, group, row, frank, sign_in, who):
    if who in ("a member without a session", "the invited"):
        person = people.person(acme, "Ida Ilg")
    browser = {"the invited": lambda: sign_in(person), "somebody else": lambda: sign_in(frank)}.get(who, Client)()
    before = browser.get(link(acme, row))
    assert EXPIRED not in before.text
    people.expire(acme, group)
    page = browser.get(link(acme, row))
    assert page.status_code == 200
    assert EXPIRED in page.text
    for offered in ("Create your account", ">Accept<", 'name="password"', "Sign in, and you come back"):
        assert offered not in page.text
    assert "Decline the invitation" in page.text
    assert people.fresh(acme, row).status == "pending"


@pytest.mark.spec("LG-28")
def test_what_was_typed_while_the_licence_expired_is_refused_and_kept(acme, globex, group, row):
    browser = Client()
    assert "Create your account" in browser.get(link(acme, row)).text
    people.expire(acme, group)
    answer = browser.post(link(acme, row), NEW)
    assert answer.status_code == 422
    assert "The licence of Printers has expired." in answer.text
    assert 'value="Ilg"' in answer.text
    # the other organisation's licence runs on
    gina = people.person(globex, "Gina Gold")
    theirs = people.invited(globex, people.license_group(globex, gina), "x@globex.test", by=people.OLGA)
    assert "Create your account" in browser.get(link(globex, theirs)).text


@pytest.mark.spec("LG-74", "LG-155")
@pytest.mark.parametrize("is_admin", [True, False])
def test_the_page_says_what_giving_up_the_role_elsewhere_ends(acme, anna, row, ida, sign_in, is_admin):
    people.join(acme, people.license_group(acme, anna, name="Copiers"), ida, is_admin=is_admin)
    page = words(sign_in(ida).get(link(acme, row)))
    assert "You hold the role User in Copiers." in page
    assert ("You stay Admin there." in page) is is_admin
    leaves = "It is your only role there: with it you leave Copiers altogether. Your personal panels stay yours."
    assert (leaves in page) is not is_admin
