"""The commands about people who are here already: end_sessions, unlock and set_operator."""

import pytest
from django.core.management import CommandError
from django.utils import timezone

from accounts.models import Session, User
from tests.accounts.conftest import events, is_signed_in, sign_in_as

pytestmark = [pytest.mark.django_db, pytest.mark.xdist_group("samba")]


@pytest.mark.parametrize("command", ["create_local_user", "unlock", "end_sessions"])
def test_an_unknown_tenant_is_said_with_those_there_are(acme, globex, run, command):
    words = {"create_local_user": ["x", "X"], "unlock": ["x"], "end_sessions": []}[command]
    with pytest.raises(CommandError, match="acme, globex"):
        run(command, "nowhere", *words)


@pytest.mark.django_db(transaction=True, databases=["default", "operator"])
def test_an_operator_is_appointed_and_dismissed_on_the_server(acme, run, alice, sign_in):
    browser = sign_in(alice)
    assert browser.get("/operator/").status_code == 404
    assert "is a platform operator now" in run("set_operator", "acme", "alice")
    assert browser.get("/operator/").status_code == 200
    assert 'href="/operator/"' in browser.get(acme.url("account/")).text
    assert "is a platform operator already" in run("set_operator", "acme", "alice")
    assert "is no platform operator now" in run("set_operator", "acme", "alice", "--off")
    assert browser.get("/operator/").status_code == 404
    verbs = [event.verb for event in events(acme)]
    assert [verb for verb in verbs if verb.startswith("operator.")] == ["operator.appointed", "operator.dismissed"]


def test_end_sessions_ends_those_of_one_person(acme, run, anna, alice, sign_in):
    annas, alices = sign_in(anna), sign_in(alice)
    assert "Sessions ended: 1." in run("end_sessions", "acme", "--login", "anna")
    assert not is_signed_in(annas, acme)
    assert is_signed_in(alices, acme)
    assert events(acme, "sessions.ended")[0].subject_id == anna.pk


def test_end_sessions_ends_those_of_one_tenant(acme, globex, run, anna, gina, sign_in):
    annas, ginas = sign_in(anna), sign_in(gina)
    run("end_sessions", "acme")
    assert not is_signed_in(annas, acme)
    assert is_signed_in(ginas, globex)


def test_end_sessions_ends_all(acme, globex, run, anna, gina, sign_in):
    sign_in(anna)
    sign_in(gina)
    assert "Sessions ended: 2." in run("end_sessions", "--all")
    assert not Session.objects.exists()
    assert [event.labels["sessions"] for event in events(globex, "sessions.ended")] == [1]


@pytest.mark.parametrize("words", [(), ("acme", "--all"), ("--all", "--login", "anna")])
def test_end_sessions_wants_to_know_whose(acme, run, anna, words):
    with pytest.raises(CommandError, match="--all for everybody"):
        run("end_sessions", *words)


@pytest.mark.parametrize("words", [("acme", "--login", ""), ("acme", "--login", " "), ("", "--all")])
def test_an_empty_name_ends_nobodys_session(acme, run, anna, sign_in, words):
    browser = sign_in(anna)
    with pytest.raises(CommandError, match="this is empty"):
        run("end_sessions", *words)
    assert is_signed_in(browser, acme)


def test_unlock_lets_a_person_in_again(acme, run, anna, browse):
    User.objects.filter(pk=anna.user_id).update(locked_at=timezone.now())
    assert "can sign in again" in run("unlock", "acme", "anna")
    assert sign_in_as(browse(), acme, "anna").status_code == 302
    assert "was not locked" in run("unlock", "acme", "anna")
    assert len(events(acme, "account.unlocked")) == 1


def test_unlock_of_a_stranger_is_refused(acme, globex, run, gina):
    with pytest.raises(CommandError, match="Nobody with the login"):
        run("unlock", "acme", "gina")
