"""What Roamkeep asks a directory: sign-in, groups, search, one level of the tree. Nothing here touches the database.

Never call it inside a database transaction: a slow directory would hold its locks. django-auth-ldap's own backend is
not used: it answers None alike for a wrong password and for a directory that is down, and it writes accounts itself;
its searches and group types are.
"""

import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import ldap  # noqa: TID251 - this package alone speaks LDAP
from django.views.decorators.debug import sensitive_variables

from accounts.directory import browse, filters
from accounts.directory.breaker import CircuitBreaker, breaker_of
from accounts.directory.config import DirectoryConfig, is_blank
from accounts.directory.connection import Connection, connected
from accounts.directory.deadline import Deadline
from accounts.directory.entries import Entry, Kind, Page, Person, Record, is_expired, is_locked, lowered, text
from accounts.directory.errors import CredentialsRefused, DirectoryUnavailable, Outage, Refusal
from accounts.directory.groups import groups_of
from accounts.directory.names import dns_name, escape_dn, folded
from accounts.directory.searches import IDS_AT_ONCE, chunks, matching, search, to_records

LONGEST_LOGIN = 320  # a user principal name of the longest parts that mail addresses allow
LARGEST_FIND = 200


@dataclass(frozen=True, slots=True)
class Check:
    """What a connection test saw: the server's name as it tells it, and whether any person lies below the base."""

    server: str
    has_people: bool


class Directory:
    """A directory, asked through its connection's configuration; cheap to make, safe to share between threads.

    Every method opens a connection, asks, and closes it. Methods raise DirectoryUnavailable, and `authenticate` also
    CredentialsRefused; nothing else comes out of them.
    """

    def __init__(
        self,
        config: DirectoryConfig,
        *,
        breaker: CircuitBreaker | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.config = config
        self._breaker = breaker or breaker_of(config)
        self._sleep = sleep

    @sensitive_variables("password")
    def authenticate(self, *, login: str, password: str) -> Person:
        """Return the person with this login and password, and every group they are in.

        `login` is an account, DOMAIN\\account, or a user principal name; a mail address finds nobody unless it is
        one. Raises CredentialsRefused, its reason for the audit event only: an unknown login costs the directory and
        the clock what a wrong password does.
        """
        if is_blank(password):
            raise CredentialsRefused(Refusal.EMPTY_PASSWORD)
        started = time.monotonic()
        try:
            with self._breaker.watch():
                return self._authenticate(login.strip(), password)
        except CredentialsRefused:
            # Servers tell unknown names faster than wrong passwords, whatever we bind.
            self._sleep(max(0.0, started + self.config.refusal_floor - time.monotonic()))
            raise

    def groups_of(self, entry_id: str) -> tuple[bool, tuple[Entry, ...]]:
        """Return whether a person may still sign in, and their groups; (False, ()) for one who is gone."""
        person = self.read_many([entry_id])[entry_id]
        return (person.entry.enabled, person.groups) if person else (False, ())

    def read_many(self, entry_ids: Iterable[str]) -> dict[str, Person | None]:
        """Return people with their groups by id, None for those who are gone; all of them or an error.

        For the regular re-reading of everyone who is signed in: each request has its time limit, the whole has none.
        """
        wanted = {entry_id: _canonical(entry_id) for entry_id in entry_ids}
        found: dict[str, Person] = {}
        config = self.config
        with self._breaker.watch(), connected(config, Deadline(None)) as connection:
            for chunk in chunks(sorted({known for known in wanted.values() if known}), IDS_AT_ONCE):
                identities = filters.any_of(filters.identity(config, entry_id) for entry_id in chunk)
                people = search(config, filters.all_of(filters.people(config), identities))
                records = self._with_disabled(connection, to_records(config, people.execute(connection)))
                for record in records:
                    found[record.entry.id] = Person(record.entry, groups_of(config, connection, record))
        return {entry_id: found.get(known or "") for entry_id, known in wanted.items()}

    def find(self, *, prefix: str, kinds: Iterable[Kind] = ("user", "group"), limit: int = 50) -> list[Entry]:
        """Return entries whose account, name or display name begins with these characters, sorted by name.

        Upper and lower case are alike; DOMAIN\\jo looks in that domain only. Blank text finds nothing.
        """
        domain, backslash, rest = prefix.rpartition("\\")
        wanted = rest.strip()
        if not wanted or not _is_sendable(wanted):
            return []
        config = self.config
        limit = max(1, min(limit, LARGEST_FIND))
        found: list[Record] = []
        with self._interactive() as connection:
            filter = filters.all_of(filters.of_kinds(config, kinds), filters.leading(config, wanted))
            control = browse.sort_control(config, browse.name_order(config, filter))
            everywhere = search(config, filter)
            pages = connection.pages(
                everywhere.base_dn, everywhere.scope, filter, everywhere.attrlist, size=limit, control=control
            )
            for page, _ in pages:
                records = to_records(config, page)
                found += [r for r in records if not backslash or folded(r.entry.domain) == folded(domain)]
                if len(found) >= limit:
                    break
            found = self._with_disabled(connection, found[:limit])
        return sorted((record.entry for record in found), key=lambda entry: (folded(entry.name), entry.id))

    def children(self, *, parent_dn: str | None = None, cursor: str | None = None, limit: int = 200) -> Page:
        """Return one page of the entries directly below `parent_dn`, or below the base of the connection.

        Containers come first, then people and groups, each by name. A parent that is gone, that lies outside of the
        base, or a cursor that nobody made here give an empty page.
        """
        config = self.config
        parent = config.base_dn if parent_dn is None else parent_dn
        start = browse.decode_cursor(cursor) if cursor else None
        if not config.covers(parent) or (cursor and start is None):
            return Page((), None)
        with self._interactive() as connection:
            page = browse.children(config, connection, parent, start, limit)
            disabled = self._disabled(connection, page.entries)
        entries = (replace(entry, enabled=entry.enabled and entry.id not in disabled) for entry in page.entries)
        return Page(tuple(entries), page.next_cursor)

    def entry(self, entry_id: str) -> Entry | None:
        """Return the person or group with this id, wherever it was moved to; None when it is gone."""
        known = _canonical(entry_id)
        if known is None:
            return None
        config = self.config
        filter = filters.all_of(filters.of_kinds(config, {"user", "group"}), filters.identity(config, known))
        with self._interactive() as connection:
            records = to_records(config, search(config, filter).execute(connection))
            return next((record.entry for record in self._with_disabled(connection, records)), None)

    def check(self) -> Check:
        """Test the connection: address, encryption, service account, base. Asks even while the circuit is open."""
        config = self.config
        with self._breaker.watch(forced=True), connected(config, Deadline(config.call_limit)) as connection:
            root = connection.read(
                "", ldap.SCOPE_BASE, "(objectClass=*)", ["vendorName", "vendorVersion", "dnsHostName"]
            )
            if not connection.read(config.base_dn, ldap.SCOPE_BASE, "(objectClass=*)", ["1.1"]):
                raise DirectoryUnavailable(Outage.MISCONFIGURED, "the base is not there or may not be read")
            pages = connection.pages(config.base_dn, ldap.SCOPE_SUBTREE, filters.people(config), ["1.1"], size=1)
            people, _ = next(pages, ([], False))
        attributes = {name: values for _, found in root for name, values in lowered(found).items()}
        words = (text(attributes, name) for name in ("vendorname", "vendorversion", "dnshostname"))
        return Check(" ".join(word for word in words if word), bool(people))

    # -- details -------------------------------------------------------------------------------------------------

    @contextmanager
    def _interactive(self) -> Iterator[Connection]:
        with self._breaker.watch(), connected(self.config, Deadline(self.config.call_limit)) as connection:
            yield connection

    @sensitive_variables("password")
    def _authenticate(self, login: str, password: str) -> Person:
        config = self.config
        deadline = Deadline(config.call_limit)
        with connected(config, deadline) as service:
            found = self._people_with_login(service, login)
            record = found[0] if len(found) == 1 else None
            dn = record.entry.dn if record else f"cn={escape_dn(str(uuid.uuid4()))},{config.base_dn}"
            # On a connection of its own: what reads the groups afterwards keeps the service account's rights.
            with connected(config, deadline, as_service=False) as own:
                try:
                    own.bind(dn, password)
                except CredentialsRefused as refused:
                    raise CredentialsRefused(_reason(found, refused.reason)) from None
            if record is None:
                raise CredentialsRefused(_reason(found, Refusal.UNKNOWN))
            if is_expired(record.attributes):
                raise CredentialsRefused(Refusal.EXPIRED)
            if not self._with_disabled(service, [record])[0].entry.enabled:
                raise CredentialsRefused(Refusal.DISABLED)
            return Person(record.entry, groups_of(config, service, record))

    def _people_with_login(self, connection: Connection, login: str) -> list[Record]:
        """Return the people whom a login may mean: one, unless it is unknown or ambiguous."""
        config = self.config
        if not login or not _is_sendable(login) or len(login) > LONGEST_LOGIN:
            login = str(uuid.uuid4())  # means nobody, and takes the time of a login that does
        domain, backslash, account = login.rpartition("\\")
        local, at, realm = login.rpartition("@")
        by_principal_name = bool(at) and not backslash
        if backslash:
            term = filters.account(config, account)
        elif by_principal_name:
            terms = [filters.equal("userPrincipalName", login)]
            if folded(realm) == folded(dns_name(config.base_dn)):
                terms.append(filters.account(config, local))
            term = filters.any_of(terms)
        else:
            term = filters.account(config, login)
        results = search(config, filters.all_of(filters.people(config), term)).execute(connection)
        found = list(to_records(config, results))
        if backslash:
            return [record for record in found if folded(record.entry.domain) == folded(domain)]
        if by_principal_name:
            # A principal name that is written down wins over one made of account and domain, as on the server.
            explicit = [r for r in found if folded(text(r.attributes, "userprincipalname")) == folded(login)]
            return explicit or found
        return found

    def _with_disabled(self, connection: Connection, records: Iterable[Record]) -> list[Record]:
        """Return the records, people whom the connection's own filter calls disabled marked so."""
        kept = list(records)
        disabled = self._disabled(connection, [record.entry for record in kept])
        return [
            replace(record, entry=replace(record.entry, enabled=False)) if record.entry.id in disabled else record
            for record in kept
        ]

    def _disabled(self, connection: Connection, entries: Iterable[Entry]) -> set[str]:
        people = [entry.id for entry in entries if entry.kind == "user"]
        if not self.config.disabled_filter or not people:
            return set()
        return matching(self.config, connection, people, self.config.disabled_filter)


def _reason(found: list[Record], told: Refusal) -> Refusal:
    """Return why a sign-in was refused, as exactly as directory and entry tell."""
    if len(found) != 1:
        return Refusal.AMBIGUOUS if found else Refusal.UNKNOWN
    if told is Refusal.WRONG_PASSWORD and is_locked(found[0].attributes):
        return Refusal.LOCKED
    return told


def _canonical(entry_id: str) -> str | None:
    try:
        return str(uuid.UUID(entry_id))
    except (ValueError, AttributeError, TypeError):
        return None


def _is_sendable(value: str) -> bool:
    """Say whether a text can be sent as UTF-8 and could be part of a name."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in value
