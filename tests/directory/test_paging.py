"""The pages of a level add up to the level, whatever the names, whoever sorts, and however small the pages are."""

import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.directory import AD, OPENLDAP, DirectoryConfig, DirectoryUnavailable, Outage, browse
from accounts.directory.names import folded
from tests.directory import rfc4515

NAMES = st.lists(st.text(alphabet="abABé ß*(\\", min_size=1, max_size=3).filter(str.strip), max_size=12)


class SortingServer:
    """Stands for a connection to a server with these people; sorts as a server does: by name, then as stored."""

    def __init__(self, kind, names, *, sorts):
        self.kind = kind
        self.sorts = sorts
        self.received = 0
        attribute = "name" if kind == AD else "cn"
        self.people = []
        for name in names:
            identity = uuid.uuid5(uuid.NAMESPACE_URL, f"{len(self.people)}")
            attributes = {"objectClass": [b"user"], attribute: [name.encode()], "sAMAccountName": [b"x"]}
            key = ("objectGUID", identity.bytes_le) if kind == AD else ("entryUUID", str(identity).encode())
            attributes[key[0]] = [key[1]]
            self.people.append((folded(name), f"cn={len(self.people)},dc=acme,dc=test", attributes))

    def pages(self, base, scope, filter, attributes, *, size=500, control=None):
        tree = rfc4515.parse(filter)
        if "organizationalUnit" in filter:
            yield [], False
            return
        sorted_here = self.sorts and control is not None
        found = sorted(self.people, key=lambda item: item[0]) if sorted_here else self.people
        floor = _floor(tree)
        found = [(dn, values) for key, dn, values in found if key >= floor]
        for start in range(0, max(len(found), 1), size):
            page = found[start : start + size]
            self.received += len(page)
            yield page, sorted_here


def _floor(tree):
    """Return the folded name from which on the filter wants entries."""
    if tree[0] == ">=":
        return folded(tree[2].decode())
    if tree[0] == "!" and tree[1][0] == "ext":
        return folded(tree[1][3].decode())
    if tree[0] in "&|":
        return max((_floor(item) for item in tree[1:]), default="")
    return ""


def connection(kind):
    return DirectoryConfig(
        kind=kind, url="ldap://127.0.0.1", base_dn="dc=acme,dc=test", bind_dn="cn=x", bind_password="y"
    )


def walk(server, limit):
    entries, cursor = [], None
    for _ in range(len(server.people) + 2):
        page = browse.children(connection(server.kind), server, "dc=acme,dc=test", cursor, limit)
        assert len(page.entries) <= limit
        entries += page.entries
        if page.next_cursor is None:
            return entries
        cursor = browse.decode_cursor(page.next_cursor)
        assert cursor is not None
    raise AssertionError("pages without end")


@pytest.mark.parametrize(("kind", "sorts"), [(AD, True), (OPENLDAP, True), (OPENLDAP, False)])
@settings(deadline=None)
@given(names=NAMES, limit=st.integers(1, 5))
def test_the_pages_of_a_level_hold_everybody_once_in_the_order_of_names(kind, sorts, names, limit):
    server = SortingServer(kind, names, sorts=sorts)
    entries = walk(server, limit)
    assert sorted(entry.id for entry in entries) == sorted(
        str(uuid.uuid5(uuid.NAMESPACE_URL, f"{number}")) for number in range(len(names))
    )
    assert [folded(entry.name) for entry in entries] == sorted(folded(name) for name in names)


@pytest.mark.parametrize(("kind", "sorts"), [(AD, True), (OPENLDAP, True), (OPENLDAP, False)])
def test_more_namesakes_than_a_page_holds_are_all_shown(kind, sorts):
    server = SortingServer(kind, ["John Smith"] * 7 + ["john smith"] * 6 + ["Jo"], sorts=sorts)
    assert len({entry.id for entry in walk(server, 2)}) == 14


def test_a_sorting_server_is_asked_for_a_page_and_not_for_the_level():
    server = SortingServer(AD, [f"{number:05d}" for number in range(2_000)], sorts=True)
    assert len(browse.children(connection(AD), server, "dc=acme,dc=test", None, 200).entries) == 200
    assert server.received == 201


def test_a_level_that_the_server_cannot_sort_and_we_cannot_hold_is_an_outage(monkeypatch):
    monkeypatch.setattr(browse, "LARGEST_LEVEL", 10)
    server = SortingServer(OPENLDAP, ["a"] * 11, sorts=False)
    with pytest.raises(DirectoryUnavailable) as outage:
        browse.children(connection(OPENLDAP), server, "dc=acme,dc=test", None, 2)
    assert outage.value.reason is Outage.TOO_LARGE
