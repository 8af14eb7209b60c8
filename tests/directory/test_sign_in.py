"""Signing in, against a real OpenLDAP and a real Active Directory: who comes in with which groups, and who does not."""

from dataclasses import replace

import ldap  # noqa: TID251 - to show what a server does without our guard
import pytest

from accounts.directory import CredentialsRefused, Directory, DirectoryUnavailable, Outage, Refusal
from launcher.demo_people import DEMO_PASSWORD
from launcher.samba import LOCKOUT_THRESHOLD
from tests.directories import NESTING, PASSWORD
from tests.directory.conftest import names, refusal


def own_groups(groups):
    """Return the names of groups without those that every domain has."""
    return [group.name for group in groups if group.name not in ("Domain Users", "Users")]


# --- sign-in --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "form", ["bob", "BOB", " bob ", "{domain}\\bob", "{lower}\\Bob", "bob@acme.test", "Bob@ACME.test"]
)
def test_every_form_of_a_login_signs_the_same_person_in(directory, form):
    by_account = directory.authenticate(login="bob", password=DEMO_PASSWORD)
    domain = by_account.entry.domain
    typed = form.format(domain=domain, lower=domain.lower())
    assert directory.authenticate(login=typed, password=DEMO_PASSWORD) == by_account
    assert (by_account.entry.kind, by_account.entry.name, by_account.entry.account) == ("user", "Bob Brandt", "bob")
    assert by_account.entry.mail == "bob@acme.test"
    assert by_account.entry.enabled


@pytest.mark.parametrize(
    "login", ["NOWHERE\\bob", "\\bob", "bob@globex.test", "bob@", "@acme.test", "IT\\", "cn=Bob Brandt", "b*b", "*", ""]
)
def test_a_login_that_means_nobody_signs_nobody_in(directory, login):
    assert refusal(directory, login, DEMO_PASSWORD) is Refusal.UNKNOWN


@pytest.mark.spec("AC-LOG-3")
def test_a_sign_in_brings_every_group_nested_ones_included(directory):
    groups = directory.authenticate(login="bob", password=DEMO_PASSWORD).groups
    assert own_groups(groups) == [
        "All Employees",
        "Helpdesk All",
        "Helpdesk Finance",
        "IT Everyone",
        "Roamkeep Support Desk",
    ]
    assert {group.kind for group in groups} == {"group"}
    assert len({group.id for group in groups}) == len(groups)


def test_groups_that_contain_each_other_and_deep_nesting_are_survived(directory):
    groups = own_groups(directory.authenticate(login="olga", password=PASSWORD).groups)
    assert [name for name in groups if name.startswith("Loop")] == ["Loop A", "Loop B", "Loop C"]
    assert [name for name in groups if name.startswith("Depth")] == [f"Depth {n:02d}" for n in range(1, NESTING + 1)]


def test_names_full_of_special_characters_sign_in_and_find_their_groups(directory):
    found = directory.authenticate(login="anna.quist", password=PASSWORD)
    assert found.entry.name == "Quist, Anna (Ext) #1"
    assert own_groups(found.groups) == ["Night (Shift) & Ladders"]
    assert own_groups(directory.authenticate(login="luigi", password=PASSWORD).groups) == ["Night (Shift) & Ladders"]


@pytest.mark.ad
@pytest.mark.xdist_group("samba")
def test_a_primary_group_counts_like_any_other(samba_ad):
    groups = names(Directory(samba_ad).authenticate(login="olga", password=PASSWORD).groups)
    assert "Domain Users" in groups  # the primary group, which lists no members
    assert "Users" in groups  # builtin, holds Domain Users


def test_a_group_filter_hides_groups_but_not_those_above_them(config):
    narrowed = Directory(replace(config, group_filter="(cn=Helpdesk All)"))
    assert names(narrowed.authenticate(login="bob", password=DEMO_PASSWORD).groups) == ["Helpdesk All"]


def test_a_user_filter_keeps_people_out(config):
    narrowed = Directory(replace(config, user_filter="(!(title=Support Specialist))"))
    assert refusal(narrowed, "bob", DEMO_PASSWORD) is Refusal.UNKNOWN
    assert narrowed.authenticate(login="alice", password=DEMO_PASSWORD).entry.name == "Alice Adler"


def test_a_disabled_filter_refuses_at_sign_in_and_shows_everywhere(config):
    strict = Directory(replace(config, disabled_filter="(title=Support Specialist)"))
    assert refusal(strict, "bob", DEMO_PASSWORD) is Refusal.DISABLED
    (bob,) = strict.find(prefix="bob")
    assert not bob.enabled
    assert strict.groups_of(bob.id)[0] is False
    assert not strict.entry(bob.id).enabled
    helpdesk = {entry.name: entry.enabled for entry in strict.children(parent_dn=bob.dn.partition(",")[2]).entries}
    assert helpdesk["Bob Brandt"] is False
    assert strict.authenticate(login="alice", password=DEMO_PASSWORD).entry.enabled


# --- refusals -------------------------------------------------------------------------------------------------------


def test_a_wrong_password_and_an_unknown_login_read_the_same_and_differ_for_the_audit(directory):
    texts = set()
    for login, reason in (("bob", Refusal.WRONG_PASSWORD), ("nobody.here", Refusal.UNKNOWN)):
        with pytest.raises(CredentialsRefused) as refused:
            directory.authenticate(login=login, password="not the password")
        assert refused.value.reason is reason
        texts.add(str(refused.value))
    assert len(texts) == 1


@pytest.mark.parametrize("password", ["", " ", "\t\n", "\0", "secret\0", DEMO_PASSWORD + "\0", "\ud800"])
def test_a_password_that_is_none_is_refused_before_any_network(config, password):
    # Nothing listens at this address: whoever asked it would hear that it is down.
    unreachable = Directory(replace(config, url="ldap://127.0.0.1:1"))
    assert refusal(unreachable, "bob", password) is Refusal.EMPTY_PASSWORD
    assert refusal(Directory(config), "bob", password) is Refusal.EMPTY_PASSWORD


@pytest.mark.xdist_group("slapd")
def test_the_server_of_these_tests_would_accept_a_name_without_a_password(openldap):
    bob = Directory(openldap).authenticate(login="bob", password=DEMO_PASSWORD).entry
    raw = ldap.initialize(openldap.url)
    raw.set_option(ldap.OPT_X_TLS_CACERTFILE, openldap.ca_file)
    raw.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
    raw.start_tls_s()
    raw.simple_bind_s(bob.dn, "")  # success: the trap that the test above guards against
    raw.unbind_s()


def test_a_disabled_account_is_refused_with_its_right_password(directory):
    assert refusal(directory, "dora.disabled", PASSWORD) is Refusal.DISABLED
    assert refusal(directory, "dora.disabled", "wrong") is Refusal.WRONG_PASSWORD


def test_an_expired_account_is_refused_with_its_right_password(directory):
    assert refusal(directory, "eve.expired", PASSWORD) is Refusal.EXPIRED


@pytest.mark.ad
@pytest.mark.xdist_group("samba")
def test_an_account_that_active_directory_locked_is_refused_with_its_right_password(samba_ad):
    directory = Directory(samba_ad)
    for _ in range(LOCKOUT_THRESHOLD):
        refusal(directory, "larry.locked", "wrong")
    assert refusal(directory, "larry.locked", PASSWORD) is Refusal.LOCKED


def test_a_service_account_with_a_wrong_password_is_an_outage_not_a_refusal(config):
    misled = Directory(replace(config, bind_password="wrong"))
    for ask in (
        lambda: misled.authenticate(login="bob", password=DEMO_PASSWORD),
        lambda: misled.find(prefix="bob"),
        misled.check,
    ):
        with pytest.raises(DirectoryUnavailable) as outage:
            ask()
        assert outage.value.reason is Outage.SERVICE_ACCOUNT
