"""The page of the own account, and the one of people without an entry."""

import pytest
from django.urls import include, path

from accounts.models import Membership, Session, User
from accounts.sessions import handle_of
from accounts.views import no_entry
from config.policy import console_view
from tests import factories
from tests.accounts.conftest import HOME, OFFICE, events, is_signed_in, sign_in_as, with_password

pytestmark = pytest.mark.django_db
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
SAFARI = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile Safari/604.1"


@pytest.fixture
def annas_browser(acme, anna, browse):
    browser = browse(OFFICE, HTTP_USER_AGENT=FIREFOX)
    sign_in_as(browser, acme, "anna")
    return browser


def _page(browser, world):
    return browser.get(world.url("account/")).content.decode()


def test_the_page_shows_who_one_is_and_in_which_groups(acme, anna, annas_browser):
    factories.group(acme, "Night shift", members=[anna])
    shown = _page(annas_browser, acme)
    for text in ("Anna Auer", "anna", "Night shift", "this console (local account)", "Firefox on Windows", OFFICE):
        assert text in shown


def test_every_member_may_open_it_and_nobody_else(acme, globex, annas_browser, browse):
    assert annas_browser.get(acme.url("account/")).status_code == 200
    assert browse().get(acme.url("account/")).status_code == 302
    assert annas_browser.get(globex.url("account/")).status_code == 302


@pytest.mark.spec("AC-SHL-3")
def test_a_chosen_language_outlives_session_and_browser(acme, anna, annas_browser, browse):
    annas_browser.post(acme.url("account/"), {"time_zone": "", "language": "de"})
    other = browse(HOME)
    sign_in_as(other, acme, "anna")
    for browser in (annas_browser, other):
        assert '<html lang="de"' in _page(browser, acme)
    assert '<html lang="en"' in browse().get(acme.url("sign-in/")).content.decode()
    annas_browser.post("/sign-out/")
    assert '<html lang="de"' in annas_browser.get(acme.url("sign-in/")).content.decode()


def test_a_chosen_time_zone_counts_for_every_page(acme, anna, annas_browser):
    annas_browser.post(acme.url("account/"), {"time_zone": "Asia/Tokyo", "language": "en"})
    assert User.objects.get(pk=anna.user_id).time_zone == "Asia/Tokyo"
    assert "JST" in _page(annas_browser, acme)
    annas_browser.post(acme.url("account/"), {"time_zone": "", "language": "en"})
    assert "CET" in _page(annas_browser, acme) or "CEST" in _page(annas_browser, acme)


def test_a_change_writes_what_was_and_what_is(acme, anna, annas_browser):
    annas_browser.post(acme.url("account/"), {"time_zone": "Asia/Tokyo", "language": ""})
    annas_browser.post(acme.url("account/"), {"time_zone": "Asia/Tokyo", "language": ""})
    (event,) = events(acme, "account.changed")
    assert event.labels["changes"] == ["time_zone: – → Asia/Tokyo"]


@pytest.mark.parametrize(
    ("field", "value"), [("time_zone", "Mars/Olympus"), ("language", "tlh"), ("time_zone", "../x")]
)
def test_a_choice_that_is_none_is_refused_beside_its_field(acme, anna, annas_browser, field, value):
    answer = annas_browser.post(acme.url("account/"), {"time_zone": "", "language": "", field: value})
    assert answer.status_code == 422
    assert f"id_{field}_error" in answer.content.decode()
    assert User.objects.get(pk=anna.user_id).time_zone == ""


@pytest.mark.parametrize(
    "field", ["name", "login", "is_active", "is_operator", "email", "source", "locked_at", "tenant"]
)
def test_nothing_else_of_the_account_can_be_posted(acme, anna, annas_browser, field):
    before = User.objects.values().get(pk=anna.user_id)
    annas_browser.post(acme.url("account/"), {"time_zone": "", "language": "", field: "True"})
    assert User.objects.values().get(pk=anna.user_id) == before


# --- own sessions ---------------------------------------------------------------------------------------------------


def test_own_sessions_are_listed_and_another_one_can_be_ended(acme, anna, annas_browser, browse):
    phone = browse(HOME, HTTP_USER_AGENT=SAFARI)
    sign_in_as(phone, acme, "anna")
    shown = _page(annas_browser, acme)
    assert "Safari on iOS" in shown
    assert HOME in shown
    handle = handle_of(phone.session.session_key)
    answer = annas_browser.post(acme.url(f"account/sessions/{handle}/end/"))
    assert answer.status_code == 303
    assert not is_signed_in(phone, acme)
    assert is_signed_in(annas_browser, acme)
    assert [event.labels["sessions"] for event in events(acme, "sessions.ended")] == [1]


def test_all_other_sessions_can_be_ended_at_once(acme, anna, annas_browser, browse):
    others = [browse(HOME), browse(HOME)]
    for other in others:
        sign_in_as(other, acme, "anna")
    annas_browser.post(acme.url("account/sessions/end/"))
    assert [is_signed_in(other, acme) for other in others] == [False, False]
    assert is_signed_in(annas_browser, acme)


def test_the_key_of_a_session_is_in_no_page(acme, anna, annas_browser, browse):
    phone = browse(HOME)
    sign_in_as(phone, acme, "anna")
    shown = _page(annas_browser, acme)
    for key in Session.objects.values_list("session_key", flat=True):
        assert key not in shown


def test_another_persons_session_does_not_exist_here(acme, anna, annas_browser, browse):
    with_password(factories.member(acme, "Berta Baum", "berta"))
    other = browse()
    sign_in_as(other, acme, "berta")
    handle = handle_of(other.session.session_key)
    assert annas_browser.post(acme.url(f"account/sessions/{handle}/end/")).status_code == 404
    assert is_signed_in(other, acme)


def test_sessions_are_ended_by_post_alone(acme, annas_browser):
    assert annas_browser.get(acme.url("account/sessions/end/")).status_code == 405


# --- without an entry -----------------------------------------------------------------------------------------------


@pytest.fixture
def emils_browser(acme, browse):
    with_password(factories.member(acme, "Emil Ernst", "emil"))
    browser = browse()
    sign_in_as(browser, acme, "emil")
    return browser


@pytest.mark.spec("AC-LOG-2", "AC-ROL-5")
def test_without_an_entry_the_first_page_names_the_missing_step(acme, alice, emils_browser):
    answer = emils_browser.get(acme.url())
    shown = answer.content.decode()
    assert answer.status_code == 403
    assert "Ask a Primary Administrator to add you" in shown
    assert "Alice Adler" in shown
    for data in ("Finance", "Sales", "Engineering", "Bob Brandt"):
        assert data not in shown


@console_view("account.own")
def helped(request):
    """Show the page as the home page does, with helpers."""
    return no_entry(request, ["Alice Adler", "IT <Everyone>"])


urlpatterns = [path("t/<slug:tenant>/helped/", helped), path("", include("config.urls"))]


@pytest.mark.urls(__name__)
@pytest.mark.spec("AC-LOG-2", "AC-ROL-5")
def test_the_page_names_who_can_add_one(acme, emils_browser):
    answer = emils_browser.get(acme.url("helped/"))
    assert answer.status_code == 403
    assert "Alice Adler" in answer.content.decode()
    assert "IT &lt;Everyone&gt;" in answer.content.decode()
    assert "bootstrap" not in answer.content.decode()


@pytest.mark.spec("AC-ROL-5")
def test_signing_in_without_an_entry_is_an_event_once_a_session(acme, alice, emils_browser):
    for _ in range(3):
        emils_browser.get(acme.url())
    (event,) = events(acme, "signin.without_entry")
    assert (event.outcome, event.labels["actor"]) == ("refused", "Emil Ernst (emil)")


@pytest.mark.spec("AC-ROL-5")
@pytest.mark.parametrize("path", ["users/", "tasks/", "user-roles/", "audit/"])
def test_without_an_entry_no_page_shows_anything(acme, alice, emils_browser, path):
    assert emils_browser.get(acme.url(path)).status_code == 403


@pytest.mark.spec("AC-LOG-2")
def test_an_added_entry_counts_at_the_next_request(acme, alice, emils_browser):
    assert emils_browser.get(acme.url()).status_code == 403
    with acme.context():
        emil = Membership.objects.get(login="emil")
    factories.entry(acme, emil, "persops.support_desk", [acme.finance])
    assert emils_browser.get(acme.url()).status_code == 200


def test_where_nobody_can_help_the_page_says_what_the_server_can_do(acme, emils_browser):
    assert "bootstrap" in emils_browser.get(acme.url()).content.decode()
