"""What Roamkeep relies on, against a real OpenLDAP and a real Active Directory: one suite, two servers."""

import uuid
from dataclasses import replace

import ldap  # noqa: TID251 - to show what a server does without our guard
import pytest

from accounts.directory import CredentialsRefused, Directory, DirectoryUnavailable, Outage, Refusal
from accounts.directory.browse import decode_cursor
from accounts.directory.connection import Connection
from launcher.demo_people import DEMO_PASSWORD
from launcher.samba import LOCKOUT_THRESHOLD
from tests.directories import AD_CROWD, CROWD, NESTING, PASSWORD


@pytest.fixture
def directory(config):
    return Directory(config)


def names(entries):
    return [entry.name for entry in entries]


def own_groups(groups):
    """Return the names of groups without those that every domain has."""
    return [group.name for group in groups if group.name not in ("Domain Users", "Users")]


def refusal(directory, login, password):
    with pytest.raises(CredentialsRefused) as refused:
        directory.authenticate(login=login, password=password)
    return refused.value.reason


# -- sign-in ---------------------------------------------------------------------------------------------------------


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


@pytest.mark.ad
@pytest.mark.xdist_group("samba")
def test_computers_are_neither_people_nor_shown(samba_ad):
    directory = Directory(samba_ad)
    assert directory.find(prefix="DC1") == []
    assert directory.children(parent_dn=unit(directory, "Domain Controllers")).entries == ()


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


# -- refusals --------------------------------------------------------------------------------------------------------


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


# -- reading again ---------------------------------------------------------------------------------------------------


def test_groups_are_read_again_by_identity(directory):
    signed_in = directory.authenticate(login="bob", password=DEMO_PASSWORD)
    assert directory.groups_of(signed_in.entry.id) == (True, signed_in.groups)
    assert directory.entry(signed_in.entry.id) == signed_in.entry


def test_many_people_are_read_at_once_with_those_who_left_and_those_who_are_disabled(directory):
    found = {entry.account: entry.id for entry in directory.find(prefix="o", kinds=("user",))}
    (disabled,) = directory.find(prefix="dora.d")
    gone = str(uuid.uuid4())
    people = directory.read_many([found["olga"], disabled.id, gone, "not an id", found["olga"].upper()])
    assert people[gone] is None
    assert people["not an id"] is None
    assert people[disabled.id].entry.enabled is False
    assert "Loop B" in names(people[found["olga"]].groups)
    assert people[found["olga"].upper()] == people[found["olga"]]
    assert directory.groups_of(gone) == (False, ())
    assert directory.read_many([]) == {}


@pytest.mark.parametrize("entry_id", ["", "*", "*)(objectClass=*", "\0", str(uuid.UUID(int=0))])
def test_an_identity_that_nobody_has_is_gone(directory, entry_id):
    assert directory.entry(entry_id) is None
    assert directory.groups_of(entry_id) == (False, ())


def test_more_people_than_one_filter_holds_are_all_read(directory, monkeypatch):
    monkeypatch.setattr("accounts.directory.client.IDS_AT_ONCE", 3)
    ids = [entry.id for entry in directory.find(prefix="Person 0000", kinds=("user",))]
    assert len(ids) == 10
    people = directory.read_many(ids)
    assert [person.entry.id for person in people.values()] == ids


# -- search ----------------------------------------------------------------------------------------------------------


@pytest.mark.spec("AC-URL-1")
def test_search_finds_people_and_groups_by_leading_characters_of_name_and_account(directory):
    assert names(directory.find(prefix="jO")) == [
        "Joan Abbott",
        "Johan Beck",
        "John Carver",
        "Jonas Frey",
        "Josefine Krüger",
        "Joyce Palmer",
    ]
    assert names(directory.find(prefix="helpdesk f")) == ["Helpdesk Finance"]
    assert names(directory.find(prefix="jurgen.")) == ["Jürgen Müller"]
    assert names(directory.find(prefix="JÜRGEN")) == ["Jürgen Müller"]
    assert directory.find(prefix="ürgen") == []
    assert [entry.kind for entry in directory.find(prefix="he", kinds=("group",))].count("user") == 0


@pytest.mark.spec("AC-URL-7")
@pytest.mark.parametrize(
    "text", ["*)(objectClass=*", "*", "(", ")", "\\2a", "\\", "*)(|(uid=*", "\0", "\\00", "&", " ", ""]
)
def test_filter_syntax_finds_nothing_and_breaks_nothing(directory, text):
    assert directory.find(prefix=text) == []


@pytest.mark.parametrize(
    "text", ["\u00ad", "\u200b", "\ud800", "\U0010ffff", "\u0300", "\ufeff", "x" * 5000, "\r\n", "ß" * 300]
)
def test_odd_characters_find_nothing_and_break_nothing(directory, text):
    assert directory.find(prefix=text) == []
    assert refusal(directory, text, "wrong") is Refusal.UNKNOWN


def test_search_for_special_characters_finds_names_that_have_them(directory):
    assert names(directory.find(prefix="Quist, Anna (")) == ["Quist, Anna (Ext) #1"]
    assert names(directory.find(prefix="Night (Shift) &")) == ["Night (Shift) & Ladders"]


def test_search_in_a_domain_finds_only_there(directory):
    (bob,) = directory.find(prefix="bob")
    assert directory.find(prefix=f"{bob.domain.lower()}\\bo") == [bob]
    assert directory.find(prefix="ELSEWHERE\\bo") == []


def test_search_gives_the_first_by_name_when_there_are_more(directory):
    assert names(directory.find(prefix="Person", limit=30)) == [f"Person {number:05d}" for number in range(30)]


# -- browse ----------------------------------------------------------------------------------------------------------


def walk(directory, parent_dn, limit=200):
    entries, cursor, pages = [], None, 0
    while True:
        page = directory.children(parent_dn=parent_dn, cursor=cursor, limit=limit)
        assert len(page.entries) <= limit
        assert page.entries or cursor is None
        entries += page.entries
        pages += 1
        cursor = page.next_cursor
        if cursor is None:
            return entries, pages


def unit(directory, *path):
    dn = None
    for name in path:
        entries, _ = walk(directory, dn)
        dn = next(entry.dn for entry in entries if entry.kind == "container" and entry.name == name)
    return dn


@pytest.mark.spec("AC-URL-6")
def test_the_tree_opens_level_by_level(directory):
    top, _ = walk(directory, None)
    assert {entry.kind for entry in top} == {"container"}
    assert {"Finance", "Head Office", "Groups", "Warehouse"} <= set(names(top))
    assert all(entry.has_children for entry in top if entry.name == "Finance")
    sales, _ = walk(directory, unit(directory, "Sales"))
    assert names(sales) == ["Field Sales", "Inside Sales"]
    inside, _ = walk(directory, unit(directory, "Sales", "Inside Sales"))
    assert names(inside) == ["Anton Berg", "Beatriz Lima", "Cora Quinn", "Jonas Frey", "Mei Tanaka"]
    assert {(entry.kind, entry.has_children) for entry in inside} == {("user", False)}


def test_containers_come_first_then_people_and_groups_by_name(directory):
    entries, _ = walk(directory, unit(directory, "Hard Cases"), limit=5)
    assert {entry.kind for entry in entries} == {"user", "group"}
    shown = names(entries)
    assert shown == sorted(shown, key=str.casefold)
    top, _ = walk(directory, None, limit=3)
    assert names(top) == names(walk(directory, None)[0])


@pytest.mark.spec("AC-URL-6")
def test_a_unit_of_thousands_is_shown_completely_and_a_page_asks_for_no_more_than_it_shows(directory, monkeypatch):
    received = count_received(monkeypatch)
    crowd = unit(directory, "Crowd")
    expected = AD_CROWD if directory.config.is_ad else CROWD
    received.clear()
    first = directory.children(parent_dn=crowd, limit=200)
    assert names(first.entries) == [f"Person {number:05d}" for number in range(200)]
    assert sum(received) <= 201
    entries, _ = walk(directory, crowd, limit=500)
    assert names(entries) == [f"Person {number:05d}" for number in range(expected)]
    assert len({entry.id for entry in entries}) == expected
    assert sum(received) <= 201 + expected * 1.02


def count_received(monkeypatch):
    """Return a list that grows by the number of entries of each page of results."""
    received, original = [], Connection.pages

    def counting(self, *arguments, **options):
        for page, by_server in original(self, *arguments, **options):
            received.append(len(page))
            yield page, by_server

    monkeypatch.setattr(Connection, "pages", counting)
    return received


@pytest.mark.parametrize(
    "parent",
    [
        "dc=globex,dc=test",
        "dc=test",
        "",
        "not a name",
        "ou=Gone,dc=acme,dc=test",
        "ou=Finance,dc=acme,dc=test,dc=evil",
        "ou=Finance+dc=acme,dc=test",
        "cn=Configuration,DC=acme,DC=test" + "\0",
        "\ud800",
    ],
)
def test_nothing_outside_the_base_is_ever_browsed(directory, parent):
    page = directory.children(parent_dn=parent)
    assert page.entries == ()
    assert page.next_cursor is None


@pytest.mark.parametrize("cursor", ["x", "====", "bnVsbA", "W10", "\u00e9", "WyJvYmplY3RzIiwgImEiLCAiYiIsIDEsIHRydWVd"])
def test_a_cursor_that_nobody_made_here_shows_nothing(directory, cursor):
    assert directory.children(cursor=cursor).entries == ()


def test_a_page_goes_on_after_its_last_entry_was_deleted_meanwhile(directory):
    parent = unit(directory, "Sales", "Inside Sales")
    page = directory.children(parent_dn=parent, limit=2)
    gone = replace(decode_cursor(page.next_cursor), id=str(uuid.uuid4()), name="Beatriz Laa").encode()
    assert names(directory.children(parent_dn=parent, cursor=gone, limit=2).entries) == ["Beatriz Lima", "Cora Quinn"]


# -- the connection --------------------------------------------------------------------------------------------------


def test_a_connection_test_names_the_server_and_sees_people(directory):
    check = directory.check()
    assert check.has_people
    assert ("Samba" in check.server) == directory.config.is_ad


def test_a_connection_test_says_when_the_base_is_not_there(config):
    with pytest.raises(DirectoryUnavailable) as outage:
        Directory(replace(config, base_dn="ou=Nowhere,dc=acme,dc=test")).check()
    assert outage.value.reason is Outage.MISCONFIGURED


def test_a_base_below_the_top_bounds_everything(config):
    narrow = Directory(replace(config, base_dn="ou=IT,dc=acme,dc=test"))
    assert narrow.authenticate(login="bob", password=DEMO_PASSWORD).entry.name == "Bob Brandt"
    assert refusal(narrow, "alice", DEMO_PASSWORD) is Refusal.UNKNOWN
    assert narrow.find(prefix="alice") == []
    assert names(narrow.children().entries) == ["Helpdesk", "Operations"]
    assert narrow.children(parent_dn="dc=acme,dc=test").entries == ()
