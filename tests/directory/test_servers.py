"""The directories that we start ourselves: the demo of `up`, and the domain controller as an ordinary user runs it."""

import uuid

import pytest

from accounts.directory import AD, OPENLDAP, Directory, DirectoryConfig, forget_breakers
from launcher import demo_people
from launcher.demo_people import ACME, DEMO_PASSWORD, GLOBEX, ORGANISATIONS, demo_sign_ins
from launcher.folders import TOOLS, VAR
from launcher.openldap import OpenLdap
from launcher.samba import Samba
from launcher.service import running


def connection(kind, variables, prefix):
    forget_breakers()
    return DirectoryConfig(
        kind=kind,
        **{
            name: variables[prefix + name.upper()] for name in ("url", "ca_file", "base_dn", "bind_dn", "bind_password")
        },
    )


def test_the_demo_has_about_sixty_people_with_logins_and_addresses_of_their_own():
    assert 55 <= len(ACME.people) <= 65
    assert 10 <= len(GLOBEX.people) <= 15
    for organisation in ORGANISATIONS:
        accounts = [person.account for person in organisation.people]
        assert len(set(accounts)) == len(accounts)
        assert all(account.isascii() and len(account) <= 20 for account in accounts)
        assert len({organisation.person_dn(person) for person in organisation.people}) == len(accounts)


def test_every_group_of_the_demo_names_people_and_groups_that_exist():
    for organisation in ORGANISATIONS:
        accounts = {person.account for person in organisation.people}
        groups = {group.name for group in organisation.groups}
        for group in organisation.groups:
            assert set(group.people) <= accounts
            assert set(group.groups) <= groups
            assert group.unit in organisation.units


def test_the_demo_is_the_same_on_every_machine():
    assert demo_people.ldif(ACME) == demo_people.ldif(ACME)
    assert uuid.UUID(demo_people.identity(ACME, "user", "bob")).version == 5
    assert demo_people.identity(ACME, "user", "bob") != demo_people.identity(GLOBEX, "user", "bob")


@pytest.mark.parametrize(
    ("value", "escaped"),
    [("a,b", "a\\,b"), (" a ", "\\ a\\ "), ("#a", "\\#a"), ("a+b\\", "a\\+b\\\\"), ("ä", "ä"), (" ", "\\ ")],
)
def test_values_are_escaped_in_distinguished_names(value, escaped):
    assert demo_people.escape_dn(value) == escaped


def test_a_directory_that_is_started_again_has_the_same_address_and_people(tmp_path):
    seen = []
    for _ in range(2):
        server = OpenLdap(tmp_path / "openldap", TOOLS)
        with running(server, tmp_path / "logs"):
            demo = server.environment()
            found = [
                Directory(connection(OPENLDAP, demo, prefix)).authenticate(login=login, password=password).entry.id
                for tenant, login, password, _ in demo_sign_ins()
                for prefix in ["DEMO_DIRECTORY_" if tenant == "acme" else "GLOBEX_DIRECTORY_"]
            ]
            seen.append((demo, found))
    assert seen[0] == seen[1]


def test_everybody_of_the_demo_is_in_the_groups_that_list_them(tmp_path):
    server = OpenLdap(tmp_path / "openldap", TOOLS)
    with running(server, tmp_path / "logs"):
        directory = Directory(connection(OPENLDAP, server.environment(), "DEMO_DIRECTORY_"))
        ids = {person.account: demo_people.identity(ACME, "user", person.account) for person in ACME.people}
        people = directory.read_many(ids.values())
    for person in ACME.people:
        found = people[ids[person.account]]
        assert (found.entry.name, found.entry.domain, found.entry.enabled) == (
            person.name,
            person.domain,
            person.enabled,
        )
        assert {group.name for group in found.groups} == closure(person.account)


def closure(account):
    """Return the groups of a demo person as the data says them."""
    found = {group.name for group in ACME.groups if account in group.people}
    while more := {group.name for group in ACME.groups if found & set(group.groups)} - found:
        found |= more
    return found


@pytest.mark.ad
@pytest.mark.xdist_group("samba")
def test_a_domain_controller_in_a_namespace_is_reached_through_a_loopback_port(tmp_path):
    server = Samba(tmp_path / "samba", VAR / "cache", in_namespace=True)
    with running(server, tmp_path / "logs"):
        assert server.url.startswith("ldap://127.0.0.1:")
        directory = Directory(connection(AD, server.environment(), "AD_DIRECTORY_"))
        groups = directory.authenticate(login="bob", password=DEMO_PASSWORD).groups
    assert {group.name for group in groups} >= {"Helpdesk Finance", "Helpdesk All", "IT Everyone"}
