"""The walk through nested groups is bounded, believes the groups and not the person, and never gives a part."""

import uuid
from dataclasses import replace

import ldap  # noqa: TID251 - scopes of the searches that are recorded
import pytest

from accounts.directory import OPENLDAP, DirectoryConfig, DirectoryUnavailable, Outage
from accounts.directory.entries import to_record
from accounts.directory.groups import DEEPEST_NESTING, groups_of
from accounts.directory.searches import PagedSearch, search
from tests.directory import rfc4515

CONFIG = DirectoryConfig(
    kind=OPENLDAP, url="ldap://127.0.0.1", base_dn="dc=acme,dc=test", bind_dn="cn=x", bind_password="y"
)
BOB_DN = "cn=Bob,dc=acme,dc=test"


def person(**attributes):
    values = {
        "objectClass": [b"inetOrgPerson"],
        "cn": [b"Bob"],
        "uid": [b"bob"],
        "entryUUID": [str(uuid.UUID(int=1)).encode()],
    }
    return to_record(CONFIG, BOB_DN, values | attributes)


class Groups:
    """Stands for a connection to a server with these groups: name -> member names; the person is 'Bob'."""

    def __init__(self, members, claims=None):
        self.members = members
        self.claims = claims or {}
        self.searches = 0

    @staticmethod
    def dn(name):
        return f"cn={name},dc=acme,dc=test"

    def result(self, name):
        attributes = {
            "objectClass": [b"groupOfNames"],
            "cn": [name.encode()],
            "entryUUID": [str(uuid.uuid5(uuid.NAMESPACE_URL, name)).encode()],
            "memberOf": [self.dn(claimed).encode() for claimed in self.claims.get(name, ())],
        }
        return self.dn(name), attributes

    def pages(self, base, scope, filter, attributes, **_):
        self.searches += 1
        asked = {leaf[2].decode() for leaf in _leaves(rfc4515.parse(filter)) if leaf[:2] == ("=", "member")}
        found = [name for name, members in self.members.items() if asked & {self.dn(member) for member in members}]
        yield [self.result(name) for name in found], False

    def read(self, base, scope, filter, attributes):
        assert scope == ldap.SCOPE_BASE
        return [self.result(name) for name in self.members if base.startswith(f"cn={name},")]


def _leaves(tree):
    return [leaf for item in tree[1:] for leaf in _leaves(item)] if tree[0] in ("&", "|", "!") else [tree]


def names(server, config=CONFIG, **attributes):
    return [group.name for group in groups_of(config, server, person(**attributes))]


def test_groups_of_groups_are_found_and_circles_end():
    server = Groups({"A": ["Bob", "C"], "B": ["A"], "C": ["B"], "D": ["Alice"]})
    assert names(server) == ["A", "B", "C"]
    assert server.searches == 4


def test_a_group_reached_in_two_ways_is_named_once():
    assert names(Groups({"A": ["Bob"], "B": ["Bob"], "C": ["A", "B"], "E": ["C", "A"]})) == ["A", "B", "C", "E"]


def test_more_groups_than_one_filter_holds_are_all_walked():
    wide = {f"G{number:03d}": ["Bob"] for number in range(120)}
    wide["Top"] = ["G119"]
    assert len(names(Groups(wide))) == 121


def test_nesting_without_end_is_an_outage_and_not_a_part():
    deep = {"G0": ["Bob"]} | {f"G{level}": [f"G{level - 1}"] for level in range(1, DEEPEST_NESTING + 5)}
    with pytest.raises(DirectoryUnavailable) as outage:
        names(Groups(deep))
    assert outage.value.reason is Outage.TOO_LARGE


def test_more_groups_than_anybody_has_are_an_outage_and_not_a_part(monkeypatch):
    monkeypatch.setattr(PagedSearch, "LARGEST_ANSWER", 10)
    with pytest.raises(DirectoryUnavailable) as outage:
        names(Groups({f"G{number}": ["Bob"] for number in range(11)}))
    assert outage.value.reason is Outage.TOO_LARGE
    chained = {f"G{level}": [f"G{level - 1}" if level else "Bob"] for level in range(12)}
    with pytest.raises(DirectoryUnavailable) as outage:
        names(Groups(chained))
    assert outage.value.reason is Outage.TOO_LARGE


def test_an_answer_longer_than_we_take_is_an_outage_and_not_a_part(monkeypatch):
    monkeypatch.setattr(PagedSearch, "LARGEST_ANSWER", 10)
    server = Groups({f"G{number}": ["Bob"] for number in range(11)})
    with pytest.raises(DirectoryUnavailable) as outage:
        search(CONFIG, f"(member={BOB_DN})").execute(server)
    assert outage.value.reason is Outage.TOO_LARGE


def test_what_a_person_claims_to_be_in_counts_only_where_the_connection_believes_it():
    claims = {"memberOf": [Groups.dn("Administrators").encode(), b"cn=Elsewhere,dc=globex,dc=test", b"\xff"]}
    server = Groups({"Administrators": [], "Above": [], "Elsewhere": []}, claims={"Administrators": ["Above"]})
    assert names(server, **claims) == []
    assert names(server, replace(CONFIG, follow_member_of=True), **claims) == ["Above", "Administrators"]
