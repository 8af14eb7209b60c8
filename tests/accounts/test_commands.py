"""The commands of the server: what they do, what they say, and what they refuse with what to do."""

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.connections import config_of
from accounts.models import DirectoryConnection, Membership, Session, Tenant, User, UserGroup
from accounts.signals import tenant_created
from config.tenancy import tenant_context
from launcher.demo_people import DEMO_PASSWORD
from personalization.models import PersonalizationGroup
from roles.grants import scope_objects
from roles.models import RoleAssignment
from tests import factories
from tests.accounts.conftest import config_of_server, events, is_signed_in, sign_in_as

pytestmark = [pytest.mark.django_db, pytest.mark.xdist_group("samba")]
LONG = "a long enough password"


@pytest.fixture
def run(capsys):
    """Return a function: run a command and give back what it printed."""

    def call(*words):
        call_command(*words)
        return capsys.readouterr().out

    return call


@pytest.fixture
def password_file(tmp_path):
    path = tmp_path / "password"
    path.write_text(f"{LONG}\n")
    return str(path)


# --- create_tenant --------------------------------------------------------------------------------------------------


def test_create_tenant_makes_a_tenant_with_its_event(db, run):
    assert "/t/initech/sign-in/" in run("create_tenant", "initech", "Initech", "--time-zone", "America/Chicago")
    tenant = Tenant.objects.get(slug="initech")
    assert (tenant.name, tenant.time_zone) == ("Initech", "America/Chicago")
    world = factories.World(tenant, None, None, None, None)
    (event,) = events(world)
    assert (event.verb, event.channel, event.subject_id) == ("tenant.created", "command", tenant.pk)


def test_a_new_tenant_has_the_group_of_everybody_whom_no_rule_matches(db, run):
    run("create_tenant", "initech", "Initech")
    tenant = Tenant.objects.get(slug="initech")
    with tenant_context(tenant.pk):
        PersonalizationGroup.objects.create(tenant=tenant, name="Sales")
        assert list(scope_objects(tenant.pk).values_list("name", "is_default")) == [
            ("Sales", False),
            ("Default Users", True),
        ]
        with pytest.raises(IntegrityError, match="one_default"), transaction.atomic():
            PersonalizationGroup.objects.create(tenant=tenant, name="Another", is_default=True)


def test_apps_above_can_prepare_a_new_tenant_and_their_error_undoes_it(db, run):
    def fail(sender, tenant, by, **kwargs):
        raise RuntimeError(tenant.slug)

    tenant_created.connect(fail)
    try:
        with pytest.raises(RuntimeError, match="initech"):
            run("create_tenant", "initech", "Initech")
    finally:
        tenant_created.disconnect(fail)
    assert not Tenant.objects.filter(slug="initech").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("acme", "Again"), "taken"),
        (("Bad Slug!", "Name"), "slug"),
        (("x" * 41, "Name"), "40"),
        (("fine", ""), "name"),
        (("fine", "  "), "name"),
        (("", "Name"), "slug"),
        (("  ", "Name"), "slug"),
        (("fine", "Name", "--time-zone", ""), "Europe/Berlin"),
        (("fine", "x" * 101), "100"),
        (("fine", "Name", "--time-zone", "Mars/Olympus"), "Europe/Berlin"),
    ],
)
def test_create_tenant_refuses_wrong_input_with_a_sentence(acme, run, words, told):
    with pytest.raises(CommandError, match=told):
        run("create_tenant", *words)
    assert Tenant.objects.count() == 1


# --- create_local_user ----------------------------------------------------------------------------------------------


def test_create_local_user_makes_somebody_who_can_sign_in(acme, run, password_file, browse):
    assert "Dora Dunn" in run("create_local_user", "acme", "dora", "Dora Dunn", "--password-file", password_file)
    assert sign_in_as(browse(), acme, "dora", LONG).status_code == 302
    told = events(acme, "membership.created")
    assert LONG not in str([event.labels for event in told])


def test_create_local_user_asks_for_the_password_twice(acme, run, monkeypatch, browse):
    answers = iter([LONG, LONG])
    monkeypatch.setattr("getpass.getpass", lambda prompt: next(answers))
    run("create_local_user", "acme", "dora", "Dora Dunn")
    assert sign_in_as(browse(), acme, "dora", LONG).status_code == 302
    differing = iter([LONG, "something else"])
    monkeypatch.setattr("getpass.getpass", lambda prompt: next(differing))
    with pytest.raises(CommandError, match="differ"):
        run("create_local_user", "acme", "emil", "Emil Ernst")


@pytest.mark.parametrize("password", ["tiny9", "1234567890123", "password123", "Dora Dunn", "", "   "])
def test_create_local_user_refuses_a_weak_password(acme, run, tmp_path, password):
    path = tmp_path / "password"
    path.write_text(password)
    with pytest.raises(CommandError) as error:
        run("create_local_user", "acme", "dora", "Dora Dunn", "--password-file", str(path))
    assert not password.strip() or password not in str(error.value)
    assert not User.objects.exists()


def test_create_local_user_refuses_a_login_that_differs_by_case_or_marks_only(acme, run, password_file):
    run("create_local_user", "acme", "zoe", "Zoe Zahn", "--password-file", password_file)
    with pytest.raises(CommandError, match="taken"):
        run("create_local_user", "acme", "ZOË", "Zoë Zahn", "--password-file", password_file)
    assert User.objects.count() == 1


def test_the_same_login_may_exist_in_another_tenant(acme, globex, run, password_file):
    for slug in ("acme", "globex"):
        run("create_local_user", slug, "zoe", "Zoe Zahn", "--password-file", password_file)
    assert User.objects.count() == 2


def test_a_missing_password_file_is_said(acme, run):
    with pytest.raises(CommandError, match="cannot be read"):
        run("create_local_user", "acme", "zoe", "Zoe Zahn", "--password-file", "/nowhere/password")


@pytest.mark.parametrize("command", ["create_local_user", "unlock", "end_sessions"])
def test_an_unknown_tenant_is_said_with_those_there_are(acme, globex, run, command):
    words = {"create_local_user": ["x", "X"], "unlock": ["x"], "end_sessions": []}[command]
    with pytest.raises(CommandError, match="acme, globex"):
        run(command, "nowhere", *words)


# --- set_directory --------------------------------------------------------------------------------------------------


def _directory_words(config, path):
    path.write_text(config.bind_password)
    words = ["--kind", config.kind, "--url", config.url, "--base-dn", config.base_dn, "--bind-dn", config.bind_dn]
    return [*words, "--ca-file", config.ca_file, "--password-file", str(path)]


def test_set_directory_stores_a_sealed_connection_that_signs_people_in(acme, run, changeable, tmp_path, browse):
    config = config_of_server(changeable)
    words = _directory_words(config, tmp_path / "bind")
    assert "signs people in" in run("set_directory", "acme", *words, "--domain", "ACME")
    with acme.context():
        connection = DirectoryConnection.objects.get()
    assert config.bind_password not in connection.bind_password
    assert config_of(connection).bind_password == config.bind_password
    assert sign_in_as(browse(), acme, "bob", DEMO_PASSWORD).status_code == 302
    told = str([event.labels for event in events(acme, "directory.changed")])
    assert config.bind_password not in told
    assert connection.bind_password not in told


def test_set_directory_changes_the_connection_of_that_name(acme, run, changeable, tmp_path):
    words = _directory_words(config_of_server(changeable), tmp_path / "bind")
    run("set_directory", "acme", *words)
    run("set_directory", "acme", *words, "--domain", "ACME")
    with acme.context():
        assert DirectoryConnection.objects.get().domain == "ACME"
    assert "domain:  → ACME" in events(acme, "directory.changed")[-1].labels["changes"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("--url", "http://example.org"), "ldap://"),
        (("--base-dn", "nonsense"), "distinguished name"),
        (("--url", "ldap://127.0.0.1:1"), "Nothing was changed"),
        (("--ca-file", "/nowhere/ca.pem"), "PEM"),
        (("--user-filter", "(uid=*"), "filter"),
        (("--name", " "), "--name: this is empty"),
        (("--url", ""), "--url: this is empty"),
        (("--base-dn", ""), "--base-dn: this is empty"),
        (("--bind-dn", " "), "--bind-dn: this is empty"),
    ],
)
def test_set_directory_refuses_what_does_not_work_and_keeps_what_does(acme, run, changeable, tmp_path, change, told):
    words = _directory_words(config_of_server(changeable), tmp_path / "bind")
    run("set_directory", "acme", *words)
    with pytest.raises(CommandError, match=told):
        run("set_directory", "acme", *words, *change)
    with acme.context():
        assert DirectoryConnection.objects.get().url == config_of_server(changeable).url


def test_set_directory_refuses_a_wrong_service_password_without_telling_it(acme, run, changeable, tmp_path):
    words = _directory_words(config_of_server(changeable), tmp_path / "bind")
    (tmp_path / "bind").write_text("certainly wrong")
    with pytest.raises(CommandError, match="service account") as error:
        run("set_directory", "acme", *words)
    assert "certainly wrong" not in str(error.value)
    with acme.context():
        assert not DirectoryConnection.objects.exists()


# --- bootstrap ------------------------------------------------------------------------------------------------------


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


# --- end_sessions, unlock -------------------------------------------------------------------------------------------


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
