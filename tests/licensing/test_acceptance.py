"""The page behind an invitation's link, for somebody with an account: who may accept, and who may not."""

import re

import pytest
from django.test import Client

from accounts.models import Membership, User
from audit.models import Event
from audit.tallies import write_open
from licensing.actions.groups import ask_domain
from tests.licensing import people
from tests.licensing.acceptance import NEW, PASSWORD, link, member, problem

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])


def test_a_member_who_is_invited_under_another_address_gets_the_roles_of_both(acme, group, invited, frank, sign_in):
    frank.user.email = frank.user.email_key = None  # such as somebody of the directory
    frank.user.save()
    people.join(acme, group, frank, is_user=False, is_admin=True, address="frank@directory.test")
    row, browser = invited("frank@mail.test"), sign_in(frank)
    answer = browser.post(link(acme, row), follow=True)
    assert answer.status_code == 200
    assert "You are a member of Printers now: User, Admin." in answer.text
    assert people.row_of(acme, group, "frank@mail.test") is None
    assert people.used(acme, group) == 1


@pytest.mark.spec("LG-60", "LG-69", "LG-71")
def test_looking_accepts_nothing_and_posting_does_once(acme, group, invited, ida, sign_in):
    row, browser = invited(), sign_in(ida)
    page = browser.get(link(acme, row))
    assert page.status_code == 200
    for words in ("Printers", "Acme Industries", "ida@acme.test", "Anna Ahlers", "Accept"):
        assert words in page.text
    assert browser.head(link(acme, row)).status_code == 200
    assert member(acme, row) == ("pending", True, False)
    answer = browser.post(link(acme, row))
    assert (answer.status_code, answer["Location"]) == (303, acme.url("licensing/"))
    joined = people.fresh(acme, row)
    assert (joined.status, joined.user_id, joined.first_name, joined.last_name) == ("active", ida.user_id, "Ida", "Ilg")
    assert people.used(acme, group) == 1
    assert browser.post(link(acme, row)).status_code == 410
    with acme.context():
        event = Event.objects.get(verb="license.invitation-accepted")
    assert (event.actor_id, event.labels["address"]) == (ida.pk, "ida@acme.test")


@pytest.mark.spec("LG-70")
def test_another_persons_address_is_refused_and_touches_nothing(acme, invited, frank, sign_in):
    row, browser = invited(), sign_in(frank)
    page = browser.get(link(acme, row))
    assert "You are signed in with another address" in page.text
    assert "Sign out" in page.text
    assert ">Accept<" not in page.text
    answer = browser.post(link(acme, row), NEW)
    assert answer.status_code == 403
    assert problem(answer) == "This invitation is for another address. Nothing was changed."
    assert member(acme, row) == ("pending", True, False)
    with acme.context():
        write_open(acme.pk)
        event = Event.objects.get(verb="access.refused")
    assert (event.labels["reason"], event.outcome) == ("other-address", "refused")
    assert (event.actor_id, event.subject_id) == (frank.pk, row.pk)  # who is signed in, whoever was invited


def test_an_account_without_a_session_is_sent_to_sign_in_and_back(acme, invited, ida):
    ida.user.set_password(PASSWORD)
    ida.user.save()
    row, browser = invited(), Client()
    mailed = link(acme, row)  # once: the signature holds the second
    page = browser.get(mailed)
    assert "Create your account" not in page.text
    address = re.search(r'href="(/t/acme/sign-in/\?next=[^"]+)"', page.text)[1]
    form = browser.get(address)
    next_ = re.search(r'name="next" value="([^"]+)"', form.text)[1]
    answer = browser.post(acme.url("sign-in/"), {"login": "ida", "password": PASSWORD, "next": next_})
    assert answer["Location"] == mailed
    assert browser.post(answer["Location"]).status_code == 303
    assert member(acme, row) == ("active", True, False)


def test_posting_without_a_session_for_an_account_that_exists_is_refused(acme, invited, ida):
    row = invited()
    answer = Client().post(link(acme, row), NEW)
    assert answer.status_code == 403
    assert member(acme, row) == ("pending", True, False)
    assert User.objects.filter(email_key="ida@acme.test").count() == 1


@pytest.mark.spec("LG-70", "LG-141")
def test_the_link_proves_the_address_of_an_account_that_had_none_and_its_domain_counts_at_once(
    acme, group, invited, by, sign_in, anna
):
    dora = people.person(acme, "Dora Dahl", verified=False)
    with acme.context():
        ask_domain(tenant_id=acme.pk, group_id=group.pk, domain="acme.test", address=None, by=by)
    row = invited("dora@acme.test", is_user=False, is_admin=True)
    browser = sign_in(dora)
    assert "becomes the verified address of your account" in browser.get(link(acme, row)).text
    assert browser.post(link(acme, row)).status_code == 303
    assert User.objects.get(pk=dora.user_id).email_key == "dora@acme.test"
    assert member(acme, row) == ("active", True, True)  # Admin by the invitation, User by the domain


def test_a_local_account_of_another_organisation_joins_with_its_session(acme, globex, invited):
    gina = people.person(globex, "Gina Gold")
    gina.user.set_password(PASSWORD)
    gina.user.save()
    row, browser = invited("gina@globex.test"), Client()
    page = browser.get(link(acme, row))
    assert "an account in another organisation" in page.text
    browser.post(globex.url("sign-in/"), {"login": "gina", "password": PASSWORD})
    assert browser.post(link(acme, row)).status_code == 303
    assert member(acme, row) == ("active", True, False)
    with acme.context():
        joined = Membership.objects.get(user_id=gina.user_id, tenant_id=acme.pk)
        assert (joined.login, joined.name, joined.source) == ("gina@globex.test", "Gina Gold", "local")
        assert Event.objects.filter(verb="membership.created", subject_id=joined.pk).exists()
    assert browser.get(acme.url("account/")).status_code == 200
