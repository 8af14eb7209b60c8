"""People who sign in for real: local accounts with passwords, browsers with addresses."""

import threading
from dataclasses import replace

import ldap  # noqa: TID251 - an independent client changes what the product reads
import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.urls import reverse

from accounts.connections import config_of
from accounts.directory import OPENLDAP, Directory, DirectoryConfig, forget_breakers
from accounts.models import DirectoryConnection, GroupMembership, Membership
from accounts.secrets import seal
from audit.models import Event
from launcher.demo_people import DEMO_PASSWORD, GLOBEX
from launcher.folders import TOOLS
from launcher.openldap import OpenLdap
from launcher.service import running
from tests import factories
from tests.directories import ORGANISATION

PASSWORD = "correct horse battery"  # noqa: S105
LONG = "a long enough password"
OFFICE, HOME, FAR = "198.51.100.7", "203.0.113.20", "192.0.2.99"


def with_password(member, password=PASSWORD):
    member.user.set_password(password)
    member.user.save(update_fields=["password"])
    return member


@pytest.fixture
def anna(acme):
    """A local account of acme with a password and an entry: Support Desk of Finance."""
    row = factories.member(acme, "Anna Auer", "anna", role="persops.support_desk", groups=[acme.finance])
    return with_password(row)


@pytest.fixture
def gina(globex):
    """A local account of globex with a password."""
    return with_password(factories.member(globex, "Gina Gold", "gina", role="persops.primary_admin"))


@pytest.fixture
def browse():
    """Return a function: a browser at an address, signed in nowhere."""

    def browser(address=OFFICE, **more):
        return Client(REMOTE_ADDR=address, **more)

    return browser


def sign_in_as(browser, world, login, password=PASSWORD, **more):
    """Post the sign-in form and return the answer."""
    body = {"login": login, "password": password, **more}
    return browser.post(reverse("accounts:sign-in", args=[world.slug]), body)


def is_signed_in(browser, world):
    """Say whether the browser gets the own account page of the tenant."""
    return browser.get(reverse("accounts:account", args=[world.slug])).status_code == 200


def events(world, verb=None):
    """Return the events of a tenant, the oldest first."""
    with world.context():
        rows = Event.objects.filter(tenant_id=world.pk).order_by("id")
        return list(rows.filter(verb=verb) if verb else rows)


def at_once(count, work):
    """Run `work(number)` in threads that start together, and return the results."""
    results, start = [], threading.Barrier(count)

    def run(number):
        try:
            start.wait(10)
            results.append(work(number))
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[number]) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return results


@pytest.fixture
def run(capsys):
    """Return a function: run a command and give back what it printed."""

    def call(*words):
        call_command(*words)
        return capsys.readouterr().out

    return call


@pytest.fixture
def password_file(tmp_path):
    """The name of a file that holds a good password."""
    path = tmp_path / "password"
    path.write_text(f"{LONG}\n")
    return str(path)


# --- a real directory whose content tests may change ----------------------------------------------------------------

ROOT = "cn=root"
ROOT_PASSWORD = "root-of-tests"  # noqa: S105


class ChangeableLdap(OpenLdap):
    """The demo directory with an account that may write."""

    def _configuration(self, certificates):
        text = super()._configuration(certificates)
        for organisation in self.organisations:
            suffix = f'suffix "{organisation.base_dn}"'
            text = text.replace(suffix, f'{suffix}\nrootdn "{ROOT},{organisation.base_dn}"\nrootpw {ROOT_PASSWORD}')
        return text


@pytest.fixture(scope="session")
def changeable(tmp_path_factory):
    """A slapd with the people of acme and globex, which `edit` may change."""
    folder = tmp_path_factory.mktemp("changeable")
    server = ChangeableLdap(folder, TOOLS, organisations=(ORGANISATION, GLOBEX))
    with running(server, folder / "logs"):
        yield server


def connect(world, config, **more):
    """Return the DirectoryConnection of a tenant to this configuration."""
    names = ("kind", "url", "base_dn", "bind_dn", "start_tls", "ca_file", "domain")
    fields = {name: getattr(config, name) for name in names} | {"name": "Directory"} | more
    with world.context():
        password = seal(config.bind_password)
        return DirectoryConnection.objects.create(tenant=world.tenant, bind_password=password, **fields)


def config_of_server(server, prefix="DEMO_DIRECTORY_"):
    """Return the DirectoryConfig that a server's variables spell."""
    words = {
        name.removeprefix(prefix).lower(): value
        for name, value in server.environment().items()
        if name.startswith(prefix)
    }
    return DirectoryConfig(kind=OPENLDAP, **words)


@pytest.fixture
def directory(acme, changeable):
    """The connection of acme to the directory with its people."""
    forget_breakers()
    return connect(acme, config_of_server(changeable))


@pytest.fixture
def directory_of_globex(globex, changeable):
    """The connection of globex to the directory with its people."""
    forget_breakers()
    return connect(globex, config_of_server(changeable, "GLOBEX_DIRECTORY_"))


@pytest.fixture(autouse=True)
def quick_refusals(monkeypatch):
    """Refused sign-ins do not wait for the floor that hides their time; what is asked stays the same."""
    monkeypatch.setattr("accounts.connections.directory_of", _quick_directory)
    for module in ("signin", "rereading"):
        monkeypatch.setattr(f"accounts.{module}.directory_of", _quick_directory)


def _quick_directory(connection):
    return Directory(replace(config_of(connection), refusal_floor=0.0))


def dn_of(account):
    """Return the distinguished name of a person of acme's directory."""
    return next(ORGANISATION.person_dn(person) for person in ORGANISATION.people if person.account == account)


def group_dn_of(name):
    """Return the distinguished name of a group of acme's directory."""
    return next(ORGANISATION.group_dn(group) for group in ORGANISATION.groups if group.name == name)


@pytest.fixture
def edit(changeable):
    """Return a function that changes attributes of an entry of acme, {name: [values]}; undone after the test."""
    raw = ldap.initialize(changeable.url)
    raw.set_option(ldap.OPT_NETWORK_TIMEOUT, 5)
    raw.set_option(ldap.OPT_TIMEOUT, 5)
    raw.set_option(ldap.OPT_X_TLS_CACERTFILE, str(changeable.certificates().authority))
    raw.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
    raw.start_tls_s()
    raw.simple_bind_s(f"{ROOT},{ORGANISATION.base_dn}", ROOT_PASSWORD)
    undo = []

    def change(dn, **attributes):
        before = raw.search_s(dn, ldap.SCOPE_BASE, attrlist=list(attributes))[0][1]
        raw.modify_s(dn, [(ldap.MOD_REPLACE, name, [v.encode() for v in vs]) for name, vs in attributes.items()])
        undo.append(lambda: raw.modify_s(dn, [(ldap.MOD_REPLACE, name, before.get(name)) for name in attributes]))

    def remove(dn):
        ((_, content),) = raw.search_s(dn, ldap.SCOPE_BASE)
        raw.delete_s(dn)
        undo.append(lambda: raw.add_s(dn, list(content.items())))

    def rename(dn, common_name):
        old, _, parent = dn.partition(",")
        raw.rename_s(dn, f"cn={common_name}")
        undo.append(lambda: raw.rename_s(f"cn={common_name},{parent}", old))

    change.remove, change.rename = remove, rename
    yield change
    for step in reversed(undo):
        step()
    raw.unbind_s()


BOBS_GROUPS = ["All Employees", "Helpdesk All", "Helpdesk Finance", "IT Everyone", "Roamkeep Support Desk"]


def enter(browser, world, login, password=DEMO_PASSWORD):
    """Sign a person of the directory in and return the answer."""
    return sign_in_as(browser, world, login, password)


def membership_of(world, login):
    """Return the Membership with this login, its account with it."""
    with world.context():
        return Membership.objects.select_related("user").get(tenant=world.tenant, login=login)


def groups_of(world, login):
    """Return the names of the groups of a person, sorted."""
    with world.context():
        rows = GroupMembership.objects.filter(tenant=world.tenant, user__memberships__login=login)
        return sorted(rows.values_list("group__name", flat=True))
