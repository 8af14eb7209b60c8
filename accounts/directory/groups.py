"""Every group of a person, nested ones included: two group types for django-auth-ldap's interface.

Active Directory resolves nesting itself. Other servers answer nothing at all to its matching rule, so there we walk
from the person upwards, breadth first. Both give all groups or an error: a set cut short would take rights away, and
would lift the restrictions that some groups put on people.
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass

import ldap  # noqa: TID251 - this package alone speaks LDAP
from django_auth_ldap.config import LDAPGroupType, NestedMemberDNGroupType

from accounts.directory import filters
from accounts.directory.config import DirectoryConfig
from accounts.directory.connection import Connection, Result
from accounts.directory.entries import Attributes, Entry, Record, lowered, number, text, texts
from accounts.directory.errors import DirectoryUnavailable, Outage
from accounts.directory.names import folded
from accounts.directory.searches import PagedSearch, chunks, matching, search, to_records

DEEPEST_NESTING = 50
MEMBERS_AT_ONCE = 50
SID_HEAD, SUB_AUTHORITY = 8, 4  # bytes of a security identifier's parts ([MS-DTYP] 2.4.2.2)


@dataclass(frozen=True)
class Subject:
    """What a group type needs to know of a person (`ldap_user` in django-auth-ldap)."""

    dn: str
    attrs: Attributes
    connection: Connection


def groups_of(config: DirectoryConfig, connection: Connection, person: Record) -> tuple[Entry, ...]:
    """Return the groups of a person, nested ones included, sorted by name."""
    subject = Subject(person.entry.dn, person.attributes, connection)
    group_type = ChainedGroups(config) if config.is_ad else WalkedGroups(config, subject)
    found = group_type.user_groups(subject, search(config, filters.all_groups(config)))
    entries = {record.entry.id: record.entry for record in to_records(config, found)}
    if config.group_filter:
        # Only now: a group that is not shown may be nested between two that are.
        shown = matching(config, connection, entries, filters.groups(config))
        entries = {entry_id: entry for entry_id, entry in entries.items() if entry_id in shown}
    return tuple(sorted(entries.values(), key=lambda entry: (folded(entry.name), entry.id)))


class ChainedGroups(LDAPGroupType):
    """Groups of Active Directory: nested ones by its matching rule, and the primary group, which lists no members."""

    def __init__(self, config: DirectoryConfig) -> None:
        super().__init__()
        self._config = config

    def user_groups(self, ldap_user: Subject, group_search: PagedSearch) -> list[Result]:
        connection = ldap_user.connection
        ways = filters.member_in_chain(ldap_user.dn)
        found = group_search.search_with_additional_term_string(ways).execute(connection)
        sid = primary_group_sid(ldap_user.attrs)
        if sid:
            is_primary = filters.equal_bytes("objectSid", sid)
            for dn, attributes in group_search.search_with_additional_term_string(is_primary).execute(connection):
                primary = Subject(dn, lowered(attributes), connection)
                # It holds everybody and lies in next to nothing: two plain searches are faster than the rule.
                walked = WalkedGroups(self._config, primary).user_groups(primary, group_search)
                found += [(dn, attributes), *walked]
        return found


class WalkedGroups(NestedMemberDNGroupType):
    """Groups of any other server, found level by level; made for one person, because it counts what it has seen.

    A group that was seen is not asked again, so that groups that contain each other end the walk. Depth and number
    are bounded. The parent class walks; here is how one level is asked.
    """

    def __init__(self, config: DirectoryConfig, person: Subject) -> None:
        super().__init__("member")
        self._config = config
        self._person = person
        self._claims = {person.dn: self._claimed(person.attrs)}
        self._levels = 0
        self._seen: set[str] = set()

    def find_groups_with_any_member(
        self, member_dn_set: set[str], group_search: PagedSearch, connection: Connection
    ) -> list[Result]:
        self._levels += 1
        if self._levels > DEEPEST_NESTING:
            raise DirectoryUnavailable(Outage.TOO_LARGE, f"groups nested deeper than {DEEPEST_NESTING}")
        found: list[Result] = []
        for chunk in chunks(sorted(member_dn_set), MEMBERS_AT_ONCE):
            ways = [filters.equal(name, dn) for dn in chunk for name in ("member", "uniqueMember")]
            if self._person.dn in chunk and (uid := text(self._person.attrs, "uid")):
                ways.append(filters.equal("memberUid", uid))
            found += group_search.search_with_additional_term_string(filters.any_of(ways)).execute(connection)
        found += self._claimed_groups(member_dn_set, {dn for dn, _ in found}, group_search, connection)
        self._seen |= {dn for dn, _ in found}
        if len(self._seen) > PagedSearch.LARGEST_ANSWER:
            raise DirectoryUnavailable(Outage.TOO_LARGE, f"in more than {PagedSearch.LARGEST_ANSWER} groups")
        for dn, attributes in found:
            self._claims[dn] = self._claimed(lowered(attributes))
        return found

    def _claimed_groups(
        self, members: set[str], known: set[str], group_search: PagedSearch, connection: Connection
    ) -> list[Result]:
        """Return the groups that the members say they are in, where the connection believes that."""
        claimed = {dn for member in members for dn in self._claims.get(member, ())} - known - self._seen
        return [
            result
            for dn in sorted(claimed)
            if self._config.covers(dn)
            for result in connection.read(dn, ldap.SCOPE_BASE, group_search.filterstr, group_search.attrlist)
        ]

    def _claimed(self, attributes: Attributes) -> Iterable[str]:
        return texts(attributes, "memberof", longest=4096) if self._config.follow_member_of else ()


def primary_group_sid(attributes: Attributes) -> bytes | None:
    """Return the security identifier of a person's primary group: their own with the last part replaced."""
    own = next(iter(attributes.get("objectsid", [])), b"")
    relative = number(attributes, "primarygroupid")
    if len(own) < SID_HEAD + SUB_AUTHORITY or len(own) != SID_HEAD + SUB_AUTHORITY * own[1]:
        return None
    if relative is None or not 0 <= relative < 2**32:
        return None
    return own[:-SUB_AUTHORITY] + struct.pack("<I", relative)
