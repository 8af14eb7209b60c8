"""Browsing a server that cannot sort: the level is read and sorted here, and nothing else changes."""

import pytest

from accounts.directory import Directory
from accounts.directory.connection import Connection

pytestmark = pytest.mark.xdist_group("slapd")


def test_a_server_that_cannot_sort_gives_the_same_pages(openldap_globex):
    directory = Directory(openldap_globex)
    parent = next(entry.dn for entry in directory.children().entries if entry.name == "Research")
    whole = directory.children(parent_dn=parent).entries
    assert [entry.name for entry in whole] == ["Ada Novak", "Ben Osei", "Clara Dunn", "Enzo Ferri", "Ruth Keller"]
    paged, cursor = [], None
    while True:
        page = directory.children(parent_dn=parent, cursor=cursor, limit=2)
        paged += page.entries
        if (cursor := page.next_cursor) is None:
            break
    assert tuple(paged) == whole


def test_a_tenant_sees_only_its_own_base_of_a_shared_server(openldap_globex, openldap):
    assert Directory(openldap_globex).find(prefix="Alice") == []
    assert Directory(openldap).find(prefix="Charlie") == []
    charlie = Directory(openldap_globex).find(prefix="Charlie")[0]
    assert charlie.domain == "GLOBEX"
    assert Directory(openldap).entry(charlie.id) is None
    assert Directory(openldap).children(parent_dn=openldap_globex.base_dn).entries == ()


def test_a_server_that_stops_sorting_between_two_pages_loses_nobody(openldap, monkeypatch):
    directory = Directory(openldap)
    parent = "ou=Inside Sales,ou=Sales,dc=acme,dc=test"
    whole = directory.children(parent_dn=parent).entries
    first = directory.children(parent_dn=parent, limit=2)
    original = Connection.pages
    monkeypatch.setattr(
        Connection,
        "pages",
        lambda self, *a, control=None, **o: original(self, *a, **o),
    )
    rest = directory.children(parent_dn=parent, cursor=first.next_cursor)
    assert first.entries + rest.entries == whole
