"""A form that arrives without a session, or with the token of an earlier one: nothing that was typed is lost silently."""

import html
import re

import pytest
from django.test import Client

from accounts.models import Session
from tests.accounts.conftest import sign_in_as

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true", "HX-Target": "dialog"}
SAID = "You were signed out. Nothing was saved."


@pytest.fixture
def lost(acme, alice, sign_in):
    """A browser whose session has just ended."""
    browser = sign_in(alice)
    Session.objects.all().delete()
    return browser


def hidden(page):
    """Return the hidden fields of the form that sends everything again."""
    (form,) = re.findall(r'<form method="post" action="/t/.*?</form>', page, flags=re.DOTALL)
    pairs = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form)
    return [(name, html.unescape(value)) for name, value in pairs if name != "csrfmiddlewaretoken"]


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "dialog"])
def test_a_form_without_a_session_is_answered_with_what_was_typed(acme, lost, headers):
    sent = {"verb": "create-backups", "groups": ["1", "2"], "users": 'FINANCE\\"><script>alert(1)</script>'}
    answer = lost.post(acme.url("tasks/new/"), sent, headers=headers)
    assert answer.status_code == 403
    assert SAID in answer.text
    assert hidden(answer.text) == [("verb", sent["verb"]), ("groups", "1"), ("groups", "2"), ("users", sent["users"])]
    assert "<script>alert" not in answer.text
    assert f'action="{acme.url("tasks/new/")}"' in answer.text
    assert f'<a class="button primary" href="{acme.url("sign-in/")}" target="_blank"' in answer.text
    assert "HX-Redirect" not in answer.headers
    assert answer.headers.get("HX-Retarget") == ("#dialog" if headers else None)


@pytest.mark.parametrize("name", ["password", "new_Password2", "client_secret", "api_token", "csrfmiddlewaretoken"])
def test_passwords_and_secrets_are_not_kept(acme, lost, name):
    answer = lost.post(acme.url("account/"), {name: "very private", "language": "de"})
    assert "very private" not in answer.text
    assert hidden(answer.text) == [("language", "de")]
    assert ("are not kept" in answer.text) is (name != "csrfmiddlewaretoken")


def test_very_long_texts_are_not_kept_and_that_is_said(acme, lost):
    answer = lost.post(acme.url("tasks/new/"), {"users": "x" * 100_001})
    assert hidden(answer.text) == []
    assert "are not kept" in answer.text


def test_the_task_panel_neither_leaves_the_page_nor_asks_again(acme, lost):
    answer = lost.get(acme.url("tasks/panel/"), headers={"HX-Request": "true", "HX-Target": "task-list"})
    assert (answer.status_code, answer.headers.get("HX-Redirect"), answer.text) == (286, None, "")


@pytest.fixture
def strict(acme, anna):
    """A browser that checks tokens as a real one does, signed in as Anna, whose page shows a form."""
    browser = Client(enforce_csrf_checks=True)
    page = browser.get(acme.url("sign-in/"))
    sign_in_as(browser, acme, "anna", csrfmiddlewaretoken=token(page))
    return browser


def token(answer):
    return re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', answer.text)[1]


OWN = {"Origin": "http://testserver"}


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "dialog"])
def test_what_was_kept_is_saved_after_signing_in_again_in_another_tab(acme, anna, strict, headers):
    form = token(strict.get(acme.url("account/")))
    Session.objects.all().delete()
    sent = {"time_zone": "Asia/Tokyo", "language": "de"}
    lost = strict.post(acme.url("account/"), {**sent, "csrfmiddlewaretoken": form}, headers=OWN | headers)
    assert SAID in lost.text
    sign_in_as(strict, acme, "anna", csrfmiddlewaretoken=token(strict.get(acme.url("sign-in/"))))
    kept = dict(hidden(lost.text)) | {"csrfmiddlewaretoken": token(lost)}
    stale = strict.post(acme.url("account/"), kept, headers=OWN | headers)
    assert "What you typed is kept on this page." in stale.text
    kept = dict(hidden(stale.text)) | {"csrfmiddlewaretoken": token(stale)}
    saved = strict.post(acme.url("account/"), kept, headers=OWN | headers)
    assert saved.status_code == (200 if headers else 303), saved.text[:2000]
    anna.user.refresh_from_db()
    assert (anna.user.time_zone, anna.user.language) == ("Asia/Tokyo", "de")


@pytest.mark.parametrize(
    "headers",
    [{}, {"Origin": "https://evil.test"}, {"Origin": "null"}, OWN | {"Sec-Fetch-Site": "cross-site"}],
)
def test_what_another_site_sends_is_not_offered_to_be_sent_again(acme, strict, headers):
    answer = strict.post(acme.url("account/"), {"language": "de"}, headers=headers)
    assert answer.status_code == 403
    assert "Send again" not in answer.text
    assert 'value="de"' not in answer.text
