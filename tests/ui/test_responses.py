"""Dialogs, confirmations, successes and conflicts: one view, a page without htmx and a fragment with it."""

import json
import re

import pytest
from django.contrib.messages import get_messages
from django_htmx.middleware import HtmxDetails

from config.ui.responses import confirm
from tests.ui.gallery import Thing

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("site")]
DIALOG = {"HX-Request": "true", "HX-Target": "dialog"}
GOOD = {"name": "Alice", "role": "desk", "groups": ["fin"], "when": "now"}


@pytest.fixture
def address(make_things):
    (thing,) = make_things(1)
    return f"/things/{thing.pk}/"


def test_a_form_is_a_page_of_its_own_and_a_dialog_under_htmx(client, address):
    page, modal = client.get(address).content.decode(), client.get(address, headers=DIALOG).content.decode()
    assert "<html" in page and "<html" not in modal
    assert page.count("<h1") == 1 and '<h1 id="dialog-title">Edit entry' in page
    assert '<h2 id="dialog-title">Edit entry' in modal and 'method="dialog"' in modal
    for html in (page, modal):
        assert 'name="csrfmiddlewaretoken"' in html


def test_invalid_input_answers_422_with_everything_that_was_typed(client, address):
    posted = GOOD | {"name": "Alice & Bob", "mail": "nope", "role": ""}
    for headers in ({}, DIALOG):
        response = client.post(address, posted, headers=headers)
        html = response.content.decode()
        assert response.status_code == 422
        assert 'value="Alice &amp; Bob"' in html and 'value="nope"' in html
        assert re.search(r'value="fin"[^>]*checked', html)
        assert "Please correct 2 entries" in html
        assert 'href="#id_mail">E-mail: Enter a valid email address.' in html
    assert "<title>Error: Edit entry" in client.post(address, posted).content.decode()


def test_success_closes_the_dialog_and_reloads_its_list(client, address):
    response = client.post(address, GOOD, headers=DIALOG)
    assert response.status_code == 204
    assert json.loads(response["HX-Trigger"]) == {
        "things-changed": {},
        "toast": {"text": "Saved: Grüße", "kind": "ok"},
    }
    assert response["HX-Trigger"].isascii()


def test_success_without_htmx_goes_on_with_a_message(client, address):
    response = client.post(address, GOOD)
    assert (response.status_code, response["Location"]) == (303, "/things/")
    assert [str(message) for message in get_messages(response.wsgi_request)] == ["Saved: Grüße"]


def test_a_confirmation_acts_only_on_its_second_post(client, address):
    for headers in ({}, DIALOG):
        question = client.get(f"{address}delete/", headers=headers)
        assert question.status_code == 200
        assert "It goes to the trash." in question.content.decode()
        client.post(f"{address}delete/", headers=headers)
        client.post(f"{address}delete/", {"confirmed": "no"}, headers=headers)
        assert Thing.objects.count() == 1
    assert client.post(f"{address}delete/", {"confirmed": "yes"}).status_code == 303
    assert Thing.objects.count() == 0


def test_a_conflict_tells_what_changed_and_stands_in_the_dialog_under_htmx(client, address):
    page = client.post(f"{address}touch/")
    modal = client.post(f"{address}touch/", headers={"HX-Request": "true"})
    assert page.status_code == modal.status_code == 409
    for html in (page.content.decode(), modal.content.decode()):
        assert "Bob Brandt changed this." in html
        assert re.search(r"Role</th><td>Support Desk</td><td><strong>Group Administrator", html)
    assert modal["HX-Retarget"] == "#dialog" and "<html" not in modal.content.decode()
    assert "HX-Retarget" not in page


def test_error_pages_belong_to_the_product_and_tell_no_secret(client, address):
    missing = client.get("/nowhere/")
    assert missing.status_code == 404 and "There is nothing here" in missing.content.decode()
    assert 'id="sidebar"' in missing.content.decode()
    stranger = client.get("/nowhere/?stranger=1").content.decode()
    assert "Not found" in stranger and 'id="sidebar"' not in stranger and stranger.count("<h1") == 1
    client.raise_request_exception = False
    broken = client.get("/failing/")
    assert broken.status_code == 500
    assert "Something went wrong here" in broken.content.decode()
    assert "secret of the server" not in broken.content.decode()


@pytest.mark.parametrize(("name", "value"), [("theme", "dark"), ("theme", "auto"), ("sidebar", "icons")])
def test_a_display_choice_is_kept_and_rendered_by_the_server(client, name, value):
    response = client.post("/display/", {name: value, "back": "/gallery/"})
    assert (response.status_code, response["Location"]) == (303, "/gallery/")
    cookie = response.cookies[name]
    assert (cookie.value, cookie["httponly"], cookie["samesite"]) == (value, True, "Lax")
    assert f'data-{name}="{value}"' in client.get("/gallery/").content.decode()


@pytest.mark.parametrize("posted", [{}, {"theme": "pink"}, {"theme": "dark", "sidebar": "x"}])
def test_a_display_choice_that_does_not_exist_is_refused(client, posted):
    assert client.post("/display/", posted).status_code == 400


@pytest.mark.parametrize(
    "back", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "\\\\evil.example"]
)
def test_a_display_choice_leads_back_into_the_console_only(client, back):
    assert client.post("/display/", {"theme": "dark", "back": back})["Location"] == "/"


def test_a_forged_theme_cookie_changes_nothing(client):
    client.cookies["theme"] = '"><script>'
    client.cookies["sidebar"] = '"><script>'
    html = client.get("/gallery/").content.decode()
    assert 'data-theme="auto" data-sidebar="full"' in html


def test_a_confirmation_may_offer_boxes_that_stay_ticked_while_it_asks_again(rf, site):
    def ask(data):
        request = rf.post("/things/delete/", data)
        request.htmx = HtmxDetails(request)
        options = [("also", "Tell them by mail")]
        return confirm(
            request, title="T", consequence="C", verb="V", back="/", typed=7, options=options
        ).content.decode()

    box = '<input type="checkbox" name="also" value="yes" id="id_also"{}><label for="id_also">Tell them by mail</label>'
    assert box.format("") in ask({})
    assert box.format(" checked") in ask({"confirmed": "yes", "typed": "6", "also": "yes"})
