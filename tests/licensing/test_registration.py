"""The page behind an invitation's link, for somebody without an account: registering there."""

import pytest
from django.conf import settings as django_settings
from django.test import Client

from accounts.models import Membership, User
from audit.models import Event
from licensing.models import LicenseGroup
from tests.licensing.acceptance import NEW, PASSWORD, link, member, people_fill

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])


@pytest.mark.spec("LG-60", "LG-70")
def test_somebody_new_registers_and_is_signed_in_as_a_member(acme, group, invited):
    row, browser = invited(is_admin=True), Client()
    page = browser.get(link(acme, row))
    assert "Create your account" in page.text
    assert "10 characters" in page.text
    answer = browser.post(link(acme, row), NEW)
    assert (answer.status_code, answer["Location"]) == (302, acme.url("licensing/"))
    assert member(acme, row) == ("active", True, True)
    user = User.objects.get(email_key="ida@acme.test")
    assert (user.email, user.display_name) == ("ida@acme.test", "Ida Ilg")
    assert user.password.startswith("argon2$argon2id$")
    with acme.context():
        joined = Membership.objects.get(user=user)
        assert (joined.login, joined.source, joined.is_active) == ("ida@acme.test", "local", True)
        assert joined.signed_in_at is not None
        events = Event.objects.filter(tenant_id=acme.pk).order_by("at", "id")
        verbs = [
            verb for verb in events.values_list("verb", flat=True) if verb.startswith(("acc", "mem", "sig", "license."))
        ]
        assert PASSWORD not in str(list(events.values_list("labels", flat=True)))
    assert verbs[-4:] == ["account.registered", "membership.created", "license.invitation-accepted", "signin.succeeded"]
    assert browser.get(acme.url("account/")).status_code == 200
    assert browser.session["tenant_id"] == str(acme.pk)
    assert Client().post(link(acme, row), NEW).status_code == 410
    again = Client().post(acme.url("sign-in/"), {"login": "ida@acme.test", "password": PASSWORD})
    assert again.status_code == 302


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"password": "short", "password_again": "short"}, "too short"),
        ({"password": "ida@acme.test", "password_again": "ida@acme.test"}, "too similar"),
        ({"password": "12345678901234", "password_again": "12345678901234"}, "entirely numeric"),
        ({"password_again": "correct horse bakery"}, "The two passwords differ."),
        ({"password": " " * 12, "password_again": " " * 12}, "A password is needed."),
        ({"first_name": ""}, "This field is required."),
        ({"last_name": "x\0"}, "Null characters are not allowed."),
    ],
)
def test_a_registration_keeps_the_rules_and_what_was_typed_but_no_password(acme, invited, change, words):
    row, browser = invited(), Client()
    for _ in range(5):  # mistakes are not counted as attempts
        answer = browser.post(link(acme, row), NEW | change)
        assert answer.status_code == 422
    assert words in answer.text
    assert PASSWORD not in answer.text
    if "last_name" not in change:
        assert 'value="Ilg"' in answer.text
    assert member(acme, row) == ("pending", True, False)
    assert not User.objects.filter(email_key="ida@acme.test").exists()


def test_registrations_of_an_address_are_slowed_like_sign_ins(acme, group, invited):
    row = invited()
    with acme.context():
        LicenseGroup.objects.filter(pk=group.pk).update(name="Full")
    people_fill(acme, group)
    codes = [Client().post(link(acme, row), NEW).status_code for _ in range(5)]
    assert codes == [422, 422, 422, 429, 429]
    answer = Client().post(link(acme, row), NEW)
    assert int(answer["Retry-After"]) > 0
    assert "Too many attempts" in answer.text


def test_a_session_of_the_browser_gets_a_new_key_when_somebody_registers(acme, invited):
    row, browser = invited(), Client()
    session = browser.session
    session["planted"] = True
    session.save()
    browser.cookies[django_settings.SESSION_COOKIE_NAME] = planted = session.session_key
    browser.post(link(acme, row), NEW)
    assert browser.cookies[django_settings.SESSION_COOKIE_NAME].value != planted
