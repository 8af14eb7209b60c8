"""How long a session is good, and for whom: asked again at every request (decision 22)."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.conf import settings
from django.contrib.sessions.backends.base import UpdateError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.actions import end_sessions
from accounts.backends import SessionBackend
from accounts.models import DirectoryConnection, Membership, Session, Source, Tenant, User
from accounts.rereading import reread_all
from audit.actions import Actor
from audit.models import Channel
from roles.actions import remove_entries
from roles.models import RoleAssignment
from tests import factories
from tests.accounts.conftest import events, is_signed_in, sign_in_as, with_password

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@pytest.fixture
def clock():
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture
def annas_browser(acme, anna, browse):
    browser = browse()
    sign_in_as(browser, acme, "anna")
    assert is_signed_in(browser, acme)
    return browser


def test_a_disabled_account_is_refused_at_the_next_request(acme, anna, annas_browser):
    User.objects.filter(pk=anna.user_id).update(is_active=False)
    assert not is_signed_in(annas_browser, acme)


def test_a_locked_account_is_refused_at_the_next_request(acme, anna, annas_browser):
    User.objects.filter(pk=anna.user_id).update(locked_at=timezone.now())
    assert not is_signed_in(annas_browser, acme)


def test_a_removed_member_is_refused_at_the_next_request(acme, anna, annas_browser):
    with acme.context():
        Membership.objects.filter(pk=anna.pk).update(is_active=False)
    answer = annas_browser.get(acme.url("account/"))
    assert (answer.status_code, "/sign-in/" in answer["Location"]) == (302, True)


def test_a_changed_password_ends_the_sessions_before_it(acme, anna, annas_browser):
    with_password(anna, "another long password")
    assert not is_signed_in(annas_browser, acme)


@pytest.mark.spec("AC-ROL-7")
def test_a_removed_entry_counts_at_the_next_request_without_signing_out(acme, anna, annas_browser):
    assert annas_browser.get(acme.url("users/")).status_code == 200
    with acme.context():
        server = Actor(id=None, name="test", channel=Channel.COMMAND)
        remove_entries(entries=RoleAssignment.objects.filter(membership=anna), by=server)
    assert annas_browser.get(acme.url("users/")).status_code == 403
    assert is_signed_in(annas_browser, acme)


def test_a_session_opened_here_is_not_good_in_another_tenant(acme, globex, anna, annas_browser):
    with globex.context():
        Membership.objects.create(tenant=globex.tenant, user=anna.user, login="anna", name="Anna", source=Source.LOCAL)
    session = annas_browser.session
    session["opened_by"] = "directory"
    session.save()
    assert is_signed_in(annas_browser, acme)
    assert annas_browser.get(globex.url("account/")).status_code == 302


def test_a_session_of_the_global_local_password_is_good_where_the_account_is_a_member(
    acme, globex, anna, annas_browser
):
    assert annas_browser.get(globex.url("account/")).status_code == 302
    factories.member(globex, "Anna Auer", "anna", user=anna.user)
    assert annas_browser.get(globex.url("account/")).status_code == 200


def test_a_session_of_a_local_password_is_not_good_for_a_directory_membership(acme, globex, anna, annas_browser):
    with globex.context():
        directory = DirectoryConnection.objects.create(tenant=globex.tenant, name="Directory", kind="openldap")
        Membership.objects.create(
            tenant=globex.tenant,
            user=anna.user,
            login="anna",
            name="Anna Auer",
            source=Source.DIRECTORY,
            directory=directory,
            directory_uid="of anna",
            groups_read_at=timezone.now(),
        )
    assert annas_browser.get(globex.url("account/")).status_code == 302


# --- sign-out -------------------------------------------------------------------------------------------------------


def test_signing_out_ends_the_session_on_the_server(acme, anna, annas_browser):
    key = annas_browser.session.session_key
    answer = annas_browser.post("/sign-out/")
    assert (answer.status_code, answer["Location"]) == (303, acme.url("sign-in/?signed-out"))
    assert not Session.objects.filter(pk=key).exists()
    replayed = Client()
    replayed.cookies[settings.SESSION_COOKIE_NAME] = key
    assert not is_signed_in(replayed, acme)
    assert "You are signed out" in annas_browser.get(answer["Location"]).content.decode()
    assert [event.actor_id for event in events(acme, "signout.succeeded")] == [anna.pk]


def test_signing_out_clears_what_the_browser_kept_but_not_that_it_is_known(acme, annas_browser):
    answer = annas_browser.post("/sign-out/")
    assert answer["Clear-Site-Data"] == '"cache", "storage"'
    assert "browser" in annas_browser.cookies
    assert annas_browser.cookies["browser"].value


def test_signing_out_needs_a_post(acme, annas_browser):
    assert annas_browser.get("/sign-out/").status_code == 405
    assert is_signed_in(annas_browser, acme)


def test_signing_out_needs_the_token_of_the_form(acme, anna):
    browser = Client(enforce_csrf_checks=True)
    assert browser.post("/sign-out/").status_code == 403


def test_signing_out_without_a_session_leads_to_the_start(browse, db):
    answer = browse().post("/sign-out/")
    assert (answer.status_code, answer["Location"]) == (303, "/?signed-out")


# --- time -----------------------------------------------------------------------------------------------------------


def test_a_session_that_is_not_used_for_an_hour_ends(acme, anna, clock, browse):
    browser = browse()
    sign_in_as(browser, acme, "anna")
    clock.shift(timedelta(minutes=60))
    assert is_signed_in(browser, acme)
    clock.shift(timedelta(minutes=60, seconds=1))
    assert not is_signed_in(browser, acme)


def test_a_session_that_is_used_ends_twelve_hours_after_the_sign_in(acme, anna, clock, browse):
    browser = browse()
    sign_in_as(browser, acme, "anna")
    for _ in range(23):
        clock.shift(timedelta(minutes=30))
        browser.post(acme.url("account/"), {"time_zone": "", "language": "en"})
    clock.shift(timedelta(minutes=29))
    assert is_signed_in(browser, acme)
    clock.shift(timedelta(minutes=1, seconds=1))
    assert not is_signed_in(browser, acme)


def test_use_of_a_session_is_noted_at_most_once_a_minute(acme, anna, clock, browse, django_assert_num_queries):
    browser = browse()
    sign_in_as(browser, acme, "anna")
    seen = Session.objects.get(user_id=anna.user_id).seen_at
    clock.shift(timedelta(seconds=59))
    browser.get(acme.url("account/"))
    assert Session.objects.get(user_id=anna.user_id).seen_at == seen
    clock.shift(timedelta(seconds=2))
    browser.get(acme.url("account/"))
    assert Session.objects.get(user_id=anna.user_id).seen_at == NOON + timedelta(seconds=61)


def test_ended_sessions_are_swept(acme, anna, gina, globex, clock, browse):
    sign_in_as(browse(), acme, "anna")
    clock.shift(timedelta(minutes=61))
    sign_in_as(browse(), globex, "gina")
    reread_all()
    assert list(Session.objects.values_list("user_id", flat=True)) == [gina.user_id]


# --- ending other sessions ------------------------------------------------------------------------------------------


def test_ending_all_sessions_of_a_person_leaves_everybody_else_in(acme, anna, annas_browser, browse):
    berta = with_password(factories.member(acme, "Berta Baum", "berta"))
    other, second = browse(), browse()
    sign_in_as(other, acme, "berta")
    sign_in_as(second, acme, "anna")
    with acme.context():
        assert end_sessions(membership=anna, by=factories.actor(berta)) == 2
    assert not is_signed_in(annas_browser, acme)
    assert not is_signed_in(second, acme)
    assert is_signed_in(other, acme)
    (event,) = events(acme, "sessions.ended")
    assert (event.subject_id, event.labels["sessions"]) == (anna.pk, 2)


def test_a_session_that_was_ended_while_a_request_ran_does_not_come_back(acme, anna, annas_browser):
    session = annas_browser.session
    assert session["tenant_id"] == str(acme.pk)
    Session.objects.all().delete()
    session["late"] = "write"
    with pytest.raises(UpdateError):
        session.save()
    assert not Session.objects.exists()


def test_a_page_costs_a_known_number_of_queries_for_the_session(
    acme, anna, annas_browser, django_assert_max_num_queries
):
    with django_assert_max_num_queries(14):
        annas_browser.get(acme.url("account/"))


# --- what comes with a session --------------------------------------------------------------------------------------


def test_a_session_its_account_and_its_tenant_are_one_query(acme, anna, annas_browser):
    with CaptureQueriesContext(connection) as captured:
        assert annas_browser.get(acme.url()).status_code == 200
    for table in ("accounts_session", "accounts_user", "accounts_tenant"):
        assert sum(f"{table} " in one["sql"] or f'"{table}"' in one["sql"] for one in captured) == 1


@pytest.mark.parametrize("model", [Session, User, Tenant])
def test_no_column_of_theirs_needs_to_be_converted_when_it_is_read(model):
    for field in model._meta.concrete_fields:
        column = field.get_col(model._meta.db_table)
        assert not [*field.get_db_converters(connection), *connection.ops.get_db_converters(column)], field


def test_a_session_whose_organisation_is_suspended_opens_nothing(acme, anna, annas_browser):
    acme.tenant.status = Tenant.Status.SUSPENDED
    acme.tenant.save()
    assert annas_browser.get(acme.url("account/")).status_code == 404


def test_a_session_opens_no_other_organisation_than_its_own(acme, globex, anna, annas_browser):
    Session.objects.update(tenant_id=globex.pk)  # whatever the column says: what was signed in to is in the session
    assert annas_browser.get(acme.url("account/")).status_code == 200
    assert not is_signed_in(annas_browser, globex)


def test_an_account_read_for_one_request_is_read_again_for_the_next(acme, anna, annas_browser):
    assert is_signed_in(annas_browser, acme)
    User.objects.update(locked_at=timezone.now())
    assert SessionBackend().get_user(anna.user_id) is None
    assert not is_signed_in(annas_browser, acme)
