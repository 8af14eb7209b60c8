"""Links of invitations that open nothing: all answer in the same words."""

import re

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from licensing.actions.invitations import resend
from licensing.links import domain_token, invitation_token
from licensing.models import LicenseGroupMember
from tests import factories
from tests.licensing import people
from tests.licensing.acceptance import NEW, link

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])


def neutral(answer):
    return re.sub(r'(csrfmiddlewaretoken" value=|X-CSRFToken": )"[^"]+"', "", answer.text)


@pytest.mark.spec("LG-58", "LG-69", "LG-97")
def test_every_dead_link_answers_in_the_same_words(acme, globex, group, invited, by, sign_in, frank, erin):
    used, revoked, superseded, expired = (invited(f"{name}@acme.test") for name in ("a", "b", "c", "d"))
    gina = people.person(globex, "Gina Gold")
    foreign = invited("x@globex.test", world=globex, of=people.license_group(globex, gina), who=factories.actor(gina))
    with acme.context():
        mine = LicenseGroupMember.objects
        mine.filter(pk=used.pk).update(status="active", user_id=erin.user_id)
        mine.filter(pk=revoked.pk).update(status="ended", ended_at=timezone.now())
        resend(tenant_id=acme.pk, group_id=group.pk, shown=people.shown(superseded), by=by)
        mine.filter(pk=expired.pk).update(expires_at=timezone.now())  # at the very instant it is over
    good = invitation_token(superseded.pk, 2)
    forged = [good[:-1] + ("A" if good[-1] != "A" else "B"), "x", "1:2:3", invitation_token(group.pk, 1), "%00"]
    paths = [link(acme, row) for row in (used, revoked, superseded, expired, foreign)]
    paths += [acme.url(f"invitations/{token}/") for token in forged]
    for browser in (Client(), sign_in(frank)):
        answers = [browser.get(path) for path in paths] + [browser.post(path, NEW) for path in paths]
        answers += [browser.post(f"{path}decline/") for path in paths]
        assert {answer.status_code for answer in answers} == {410}
        assert len({neutral(answer) for answer in answers}) == 1
        assert "This invitation is no longer valid. Ask your administrator for a new one." in answers[0].text
    assert Client().get(acme.url(f"invitations/{good}/")).status_code == 200
    assert not User.objects.filter(email_key__endswith="@acme.test", display_name="Ida Ilg").exists()


def test_a_domain_token_opens_no_invitation(acme, invited):
    row = invited()
    assert Client().get(acme.url(f"invitations/{domain_token(row.pk, row.generation)}/")).status_code == 410


ALREADY = "You have already accepted"


def tries(browser, path, **fields):
    """Return the answers of the link itself, of a second click on Accept, and of Decline."""
    return [browser.get(path), browser.post(path, fields), browser.post(f"{path}decline/")]


@pytest.mark.spec("LG-69")
@pytest.mark.parametrize("is_user", [True, False])
def test_who_has_accepted_is_told_so_at_the_second_click_and_nobody_else(
    acme, globex, charlie, group, invited, ida, frank, sign_in, is_user
):
    row, browser = invited(is_user=is_user, is_admin=not is_user), sign_in(ida)
    path = link(acme, row)
    assert browser.post(path).status_code == 303
    goal = "/persona/" if is_user else acme.url(f"licensing/{group.pk}/")
    for answer in tries(browser, path):
        assert answer.status_code == 410
        assert ALREADY in answer.text
        assert f"You are a member of Printers: {'User' if is_user else 'Admin'}." in answer.text
        assert f'href="{goal}"' in answer.text
    dead = neutral(Client().get(acme.url("invitations/x/")))
    for other in (Client(), sign_in(frank), sign_in(charlie)):
        for answer in tries(other, path, **NEW):
            assert answer.status_code == 410
            assert neutral(answer) == dead
    assert people.fresh(acme, row).status == "active"


@pytest.mark.spec("LG-69")
def test_an_older_link_and_a_membership_that_has_ended_stay_neutral(acme, group, invited, ida, by, sign_in):
    row, browser = invited(), sign_in(ida)
    first = link(acme, row)
    with acme.context():
        resend(tenant_id=acme.pk, group_id=group.pk, shown=people.shown(row), by=by)
    second = link(acme, people.fresh(acme, row))
    assert browser.post(second).status_code == 303
    assert ALREADY not in browser.get(first).text
    assert ALREADY in browser.get(second).text
    people.change(acme, row, status="ended", ended_at=timezone.now(), end_reason="removed")
    for answer in tries(browser, second):
        assert answer.status_code == 410
        assert ALREADY not in answer.text


@pytest.mark.spec("LG-69")
def test_who_registered_by_the_link_is_told_so_at_the_second_click(acme, invited):
    row, browser = invited(), Client()
    assert browser.post(link(acme, row), NEW).status_code in (302, 303)
    answer = browser.post(link(acme, row), NEW)
    assert answer.status_code == 410
    assert ALREADY in answer.text


@pytest.mark.spec("LG-69")
def test_who_accepted_under_a_second_address_is_told_so(acme, group, frank, invited, sign_in):
    row, browser = invited("frank@acme.test", is_admin=True), sign_in(frank)
    people.join(acme, group, frank, address="f@directory.test")
    assert browser.post(link(acme, row)).status_code == 303
    assert people.fresh(acme, row).end_reason == "accepted"
    answer = browser.get(link(acme, row))
    assert answer.status_code == 410
    assert "You are a member of Printers: User, Admin." in answer.text
