"""One level of the tree in pages: containers first, then people and groups, each by name.

Paging cookies of LDAP die with their connection, and a page of the console may be asked from another process. So a
cursor names the last entry that was shown and the next call asks for what sorts after it. Active Directory sorts by
itself and gives just the page. Elsewhere the server is asked to sort (RFC 2891); where it cannot, the names of the
level are read and sorted here, which takes a server a fraction of a second for ten thousand.
"""

import base64
import json
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice

import ldap  # noqa: TID251 - this package alone speaks LDAP
from ldap.controls.sss import SSSRequestControl  # noqa: TID251
from ldap.filter import escape_filter_chars  # noqa: TID251

from accounts.directory import filters
from accounts.directory.config import DirectoryConfig
from accounts.directory.connection import Connection, Result
from accounts.directory.entries import READ, Attributes, Page, Record, lowered
from accounts.directory.errors import DirectoryUnavailable, Outage
from accounts.directory.names import folded
from accounts.directory.searches import to_records

LARGEST_PAGE = 500
MOST_AT_ONCE = 1_000  # what Active Directory gives at most (MaxPageSize, [MS-ADTS] 3.1.1.3.4.6)
LARGEST_LEVEL = 50_000
CONTAINERS, OBJECTS = "containers", "objects"
PHASES = (CONTAINERS, OBJECTS)
LONGEST_SORT_NAME = 256


@dataclass(frozen=True)
class Cursor:
    """The last entry shown: its phase, name and id, and who sorted."""

    phase: str
    name: str
    id: str
    sorted_by_server: bool

    def encode(self) -> str:
        values = [self.phase, self.name, self.id, self.sorted_by_server]
        return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


def decode_cursor(text: str) -> Cursor | None:
    """Return a cursor that came back from a browser, or None for one that we cannot have made.

    It is not signed: whatever it says, the answer is a part of a level that the same person may read from the start.
    """
    try:
        padded = text + "=" * (-len(text) % 4)
        phase, name, entry_id, by_server = json.loads(base64.urlsafe_b64decode(padded.encode("ascii")))
        if phase not in PHASES or not isinstance(name, str) or not isinstance(by_server, bool):
            return None
        name.encode()
        return Cursor(phase, name[:LONGEST_SORT_NAME], str(uuid.UUID(entry_id)), by_server)
    except (ValueError, TypeError, AttributeError):
        return None


@dataclass(frozen=True)
class Order:
    """How entries of one phase are sorted: by the first of `names` they have, by the server if there is a `rule`.

    `after` makes the filter for entries that do not sort before a name (RFC 2891 rules, hence the same on the server).
    """

    filter: str
    names: tuple[str, ...]
    rule: str | None = None
    after: Callable[[str], str] | None = None

    def name(self, attributes: Attributes) -> str:
        """Return the value that sorts: the least, where there are several, exactly as it is stored."""
        values = next((found for name in self.names if (found := attributes.get(name))), [])
        return min((value.decode(errors="replace") for value in values), key=folded, default="")

    def key(self, attributes: Attributes) -> str:
        return folded(self.name(attributes))


def children(config: DirectoryConfig, connection: Connection, parent: str, cursor: Cursor | None, limit: int) -> Page:
    """Return at most `limit` entries directly below `parent`, those after the cursor."""
    limit = max(1, min(limit, LARGEST_PAGE))
    shown: list[tuple[str, Record, bool]] = []
    for phase in PHASES[PHASES.index(cursor.phase) if cursor else 0 :]:
        order = _order(config, phase)
        start = cursor if cursor and cursor.phase == phase else None
        # One more than fits tells whether there is another page.
        wanted = limit + 1 - len(shown)
        by_server, records = _sorted_records(config, connection, parent, order, start, wanted)
        shown += [(phase, record, by_server) for record in records]
        if len(shown) > limit:
            break
    page = shown[:limit]
    entries = tuple(record.entry for _, record, _ in page)
    return Page(entries, _next_cursor(config, page[-1]) if len(shown) > limit else None)


def name_order(config: DirectoryConfig, filter: str) -> Order:
    """Return the order by name of people and groups that match."""
    if config.is_ad:
        return Order(filter, ("name",), "name", lambda name: f"(name>={escape_filter_chars(name)})")
    # cn has no ordering rule of its own, so `cn>=` matches nothing there; as an extensible match (RFC 4511 4.5.1.7.7)
    # the rule means "is less than".
    rule = "cn:caseIgnoreOrderingMatch"
    return Order(filter, ("cn",), rule, lambda name: f"(!({rule}:={escape_filter_chars(name)}))")


def sort_control(config: DirectoryConfig, order: Order) -> SSSRequestControl | None:
    """Return the request to sort; Active Directory must obey it, others may ignore it and say so."""
    return SSSRequestControl(criticality=config.is_ad, ordering_rules=[order.rule]) if order.rule else None


def _order(config: DirectoryConfig, phase: str) -> Order:
    if phase == OBJECTS:
        return name_order(config, filters.of_kinds(config, {"user", "group"}))
    if config.is_ad:
        return name_order(config, filters.containers(config))
    # Named by ou, cn, dc or o: no server-side order covers them all, and they are few.
    return Order(filters.containers(config), ("ou", "cn", "dc", "o"))


def _sorted_records(
    config: DirectoryConfig, connection: Connection, parent: str, order: Order, start: Cursor | None, wanted: int
) -> tuple[bool, list[Record]]:
    """Return whether the server sorted, and the next `wanted` records after `start`."""
    control = sort_control(config, order) if start is None or start.sorted_by_server else None
    filter = order.filter
    if control and start and order.after:
        filter = filters.all_of(filter, order.after(start.name))
    # The entry of the cursor comes again, and with it those of its name.
    size = min(wanted + (1 if start else 0), MOST_AT_ONCE) if control else MOST_AT_ONCE
    pages = connection.pages(parent, ldap.SCOPE_ONELEVEL, filter, READ, size=size, control=control)
    first, said_so = next(pages, ([], False))
    results: Iterator[Result] = chain(first, (result for page, _ in pages for result in page))
    by_server = bool(control) and (config.is_ad or said_so)
    if not by_server:
        results = iter(_sorted_here(results, order, start))
    return by_server, list(islice(_after(to_records(config, results), order, start), wanted))


def _sorted_here(results: Iterable[Result], order: Order, start: Cursor | None) -> list[Result]:
    """Return the results of a whole level by name, from the name of the cursor on."""
    level = [(order.key(lowered(attributes)), dn, attributes) for dn, attributes in islice(results, LARGEST_LEVEL + 1)]
    if len(level) > LARGEST_LEVEL:
        raise DirectoryUnavailable(
            Outage.TOO_LARGE, f"a level of more than {LARGEST_LEVEL} that the server cannot sort"
        )
    begin = folded(start.name) if start else ""
    return [(dn, attributes) for key, dn, attributes in sorted(level, key=lambda item: item[:2]) if key >= begin]


def _after(records: Iterable[Record], order: Order, start: Cursor | None) -> Iterator[Record]:
    """Yield what follows the entry of the cursor; entries of its name that come before it were shown already."""
    if start is None:
        yield from records
        return
    held: list[Record] = []
    rest = iter(records)
    for record in rest:
        if record.entry.id == start.id:
            held.clear()
            break
        held.append(record)
        if order.key(record.attributes) != folded(start.name):
            # Its entry is gone: rather show namesakes again than lose one.
            break
    yield from held
    yield from rest


def _next_cursor(config: DirectoryConfig, last: tuple[str, Record, bool]) -> str:
    phase, record, by_server = last
    name = _order(config, phase).name(record.attributes)
    return Cursor(phase, name[:LONGEST_SORT_NAME], record.entry.id, by_server).encode()
