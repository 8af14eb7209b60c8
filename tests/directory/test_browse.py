"""Browsing the tree of a directory page by page, against both servers, and never outside the base."""

import uuid
from dataclasses import replace

import pytest

from accounts.directory import Directory
from accounts.directory.browse import decode_cursor
from accounts.directory.connection import Connection
from tests.directories import AD_CROWD, CROWD
from tests.directory.conftest import names


@pytest.mark.ad
@pytest.mark.xdist_group("samba")
def test_computers_are_neither_people_nor_shown(samba_ad):
    directory = Directory(samba_ad)
    assert directory.find(prefix="DC1") == []
    assert directory.children(parent_dn=unit(directory, "Domain Controllers")).entries == ()


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
