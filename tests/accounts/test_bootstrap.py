"""The command bootstrap: it names the Primary Administrator of a tenant, and is the way back in."""

import pytest
from django.core.management import CommandError
from django.utils import timezone

from accounts.models import Membership, User, UserGroup
from launcher.demo_people import DEMO_PASSWORD
from roles.models import RoleAssignment
from tests.accounts.conftest import events, sign_in_as

pytestmark = [pytest.mark.django_db, pytest.mark.xdist_group("samba")]


def _entry(world):
    with world.context():
        return RoleAssignment.objects.select_related("membership", "group").get()


@pytest.mark.spec("AC-LOG-1")
def test_the_first_sign_in_works_for_the_installing_person_who_is_primary_administrator(acme, directory, run, browse):
    browser = browse()
    sign_in_as(browser, acme, "bob", DEMO_PASSWORD)
    assert browser.get(acme.url()).status_code == 403
    assert "Alice Adler is Primary Administrator" in run("bootstrap", "acme", "--login", "alice")
    alice = browse()
    assert sign_in_as(alice, acme, "alice", DEMO_PASSWORD).status_code == 302
    assert alice.get(acme.url()).status_code == 200
    assert alice.get(acme.url("user-roles/")).status_code == 200
    assert browser.get(acme.url()).status_code == 403
    (event,) = events(acme, "userrole.added")
    assert (event.channel, event.actor_id) == ("command", None)


@pytest.mark.spec("AC-LOG-1")
def test_bootstrap_of_somebody_who_never_signed_in_and_their_sign_in_are_one_person(acme, directory, run, browse):
    run("bootstrap", "acme", "--login", "ACME\\alice")
    sign_in_as(browse(), acme, "alice", DEMO_PASSWORD)
    with acme.context():
        assert Membership.objects.count() == 1


def test_bootstrap_names_a_group_of_the_directory(acme, directory, run, browse):
    assert "Roamkeep Primary Administrators" in run("bootstrap", "acme", "--group", "roamkeep primary administrators")
    entry = _entry(acme)
    assert (entry.role, entry.group.is_listed, entry.group.source) == ("persops.primary_admin", True, "directory")
    alice = browse()
    sign_in_as(alice, acme, "alice", DEMO_PASSWORD)
    assert alice.get(acme.url("user-roles/")).status_code == 200


def test_bootstrap_of_a_local_account_needs_no_directory(acme, run, password_file):
    run("create_local_user", "acme", "dora", "Dora Dunn", "--password-file", password_file)
    run("bootstrap", "acme", "--login", "dora")
    assert _entry(acme).membership.login == "dora"


def test_bootstrap_is_the_way_back_for_who_is_locked_and_deactivated(acme, run, anna, browse):
    User.objects.filter(pk=anna.user_id).update(locked_at=timezone.now())
    with acme.context():
        Membership.objects.filter(pk=anna.pk).update(is_active=False)
    run("bootstrap", "acme", "--login", "anna")
    browser = browse()
    assert sign_in_as(browser, acme, "anna").status_code == 302
    assert browser.get(acme.url("user-roles/")).status_code == 200
    verbs = [event.verb for event in events(acme) if event.channel == "command"]
    assert verbs == ["membership.activated", "account.unlocked", "userrole.changed"]


def test_bootstrap_twice_changes_nothing(acme, run, alice):
    run("bootstrap", "acme", "--login", "alice")
    assert events(acme) == []


def test_bootstrap_touches_one_tenant(acme, globex, run, anna, charlie):
    run("bootstrap", "acme", "--login", "anna")
    assert events(globex) == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("acme", "--login", "nobody.here"), "no person with the login"),
        (("acme", "--group", "No Such Group"), "no group named"),
        (("acme", "--group", "Helpdesk"), "no group named"),
        (("acme", "--login", "dora.disabled"), "disabled"),
        (("nowhere", "--login", "alice"), "no organisation"),
        (("", "--login", "alice"), "no organisation"),
        (("acme", "--login", ""), "--login: this is empty"),
        (("acme", "--login", "  "), "--login: this is empty"),
        (("acme", "--login", "ACME\\"), "no person with the login"),
        (("acme", "--group", ""), "--group: this is empty"),
        (("acme", "--group", "\t"), "--group: this is empty"),
    ],
)
def test_bootstrap_refuses_with_what_is_wrong(acme, directory, run, words, told):
    with pytest.raises(CommandError, match=told):
        run("bootstrap", *words)
    with acme.context():
        assert not RoleAssignment.objects.exists()
        assert not Membership.objects.exists()
        assert not UserGroup.objects.exists()


def test_bootstrap_without_a_directory_says_what_to_set_up(acme, run):
    with pytest.raises(CommandError, match="set_directory"):
        run("bootstrap", "acme", "--login", "alice")


def test_bootstrap_refuses_a_login_of_two_people(acme, directory, run, browse, password_file):
    sign_in_as(browse(), acme, "bob", DEMO_PASSWORD)
    run("create_local_user", "acme", "bob", "Local Bob", "--password-file", password_file)
    with pytest.raises(CommandError, match="several people"):
        run("bootstrap", "acme", "--login", "bob")
    assert "Local Bob is Primary Administrator" in run("bootstrap", "acme", "--login", "bob", "--local")
    with acme.context():
        (entry,) = RoleAssignment.objects.all()
        assert entry.membership.source == "local"
    assert "Bob Brandt is Primary Administrator" in run("bootstrap", "acme", "--login", "IT\\bob")
    with acme.context():
        assert RoleAssignment.objects.count() == 2


def test_bootstrap_of_somebody_of_a_directory_does_not_take_a_local_namesake(acme, directory, run, password_file):
    run("create_local_user", "acme", "bob", "Local Bob", "--password-file", password_file)
    assert "Bob Brandt is Primary Administrator" in run("bootstrap", "acme", "--login", "IT\\bob")
    with acme.context():
        (entry,) = RoleAssignment.objects.all()
        assert entry.membership.source == "directory"


@pytest.mark.parametrize("words", [("--login", "nobody", "--local"), ("--group", "Helpdesk All", "--local")])
def test_bootstrap_of_a_local_person_asks_no_directory(acme, directory, run, words):
    with pytest.raises(CommandError, match="local"):
        run("bootstrap", "acme", *words)
    with acme.context():
        assert not RoleAssignment.objects.exists()


def test_bootstrap_says_when_the_directory_is_away(acme, directory, run):
    with acme.context():
        directory.url = "ldap://127.0.0.1:1"
        directory.save()
    with pytest.raises(CommandError, match="Nothing was changed"):
        run("bootstrap", "acme", "--login", "alice")


@pytest.mark.parametrize("words", [("acme",), ("acme", "--login", "a", "--group", "b")])
def test_bootstrap_wants_one_subject(acme, run, words):
    with pytest.raises(CommandError):
        run("bootstrap", *words)
