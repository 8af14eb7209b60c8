"""Searches of django-auth-ldap, answered page by page through a connection of ours."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import ldap  # noqa: TID251 - this package alone speaks LDAP
from django_auth_ldap.config import LDAPSearch

from accounts.directory import filters
from accounts.directory.config import DirectoryConfig
from accounts.directory.connection import Connection, Result
from accounts.directory.entries import READ, Record, to_record
from accounts.directory.errors import DirectoryUnavailable, Outage

IDS_AT_ONCE = 100  # a filter of this many terms stays far below every server's limit


class PagedSearch(LDAPSearch):
    """An LDAPSearch whose answer comes in pages, so that servers that give at most 1,000 results give all.

    Unlike its parent it keeps names and values as the server sent them, has no use for `filterargs`, and raises
    DirectoryUnavailable (TOO_LARGE) past `LARGEST_ANSWER`: an answer cut short must not pass for a whole one.
    """

    LARGEST_ANSWER = 5_000

    def execute(self, connection: Connection, filterargs: Any = (), escape: bool = True) -> list[Result]:
        found: list[Result] = []
        for page, _ in connection.pages(self.base_dn, self.scope, self.filterstr, self.attrlist):
            found += page
            if len(found) > self.LARGEST_ANSWER:
                raise DirectoryUnavailable(Outage.TOO_LARGE, f"more than {self.LARGEST_ANSWER} results")
        return found


def search(config: DirectoryConfig, filter: str, attributes: Sequence[str] = READ) -> PagedSearch:
    """Return the search of everything at and below the base that matches."""
    wanted = [*attributes, "memberOf"] if config.follow_member_of else list(attributes)
    return PagedSearch(config.base_dn, ldap.SCOPE_SUBTREE, filter, wanted)


def to_records(config: DirectoryConfig, results: Iterable[Result]) -> Iterator[Record]:
    """Yield what each result means, leaving out those that mean nothing to us."""
    for dn, attributes in results:
        record = to_record(config, dn, attributes)
        if record is not None:
            yield record


def matching(config: DirectoryConfig, connection: Connection, ids: Iterable[str], filter: str) -> set[str]:
    """Return which of the entries with these ids match a filter."""
    found: set[str] = set()
    for chunk in chunks(ids, IDS_AT_ONCE):
        identities = filters.any_of(filters.identity(config, entry_id) for entry_id in chunk)
        results = search(config, filters.all_of(filter, identities)).execute(connection)
        found |= {record.entry.id for record in to_records(config, results)}
    return found


def chunks(items: Iterable[str], size: int) -> Iterator[list[str]]:
    """Yield lists of at most `size` items.

    >>> list(chunks("abc", 2))
    [['a', 'b'], ['c']]
    """
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk
