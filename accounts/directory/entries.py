"""What comes out of a directory. Attributes are untrusted: absent, repeated, not text, or of any length."""

import re
import time
import unicodedata
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from accounts.directory.config import DirectoryConfig
from accounts.directory.names import netbios_guess

Kind = Literal["user", "group", "container"]
Attributes = Mapping[str, list[bytes]]

LONGEST_TEXT = 200  # characters of a name or account; columns that keep them are as long
LONGEST_MAIL = 254  # RFC 5321 4.5.3.1.3

USER_CLASSES = {"user", "inetorgperson", "person", "organizationalperson", "posixaccount"}
GROUP_CLASSES = {"group", "groupofnames", "groupofuniquenames", "posixgroup"}
CONTAINER_CLASSES = {"organizationalunit", "container", "domain", "domaindns", "builtindomain", "organization"}
NOT_PEOPLE = {"computer", "contact", "msds-managedserviceaccount"}
# Marks that turn the direction of what stands beside them, and the byte order mark.
MISLEADING = {*map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A)), "\u200e", "\u200f", "\ufeff"}

ACCOUNT_DISABLED = 0x2  # userAccountControl, ACCOUNTDISABLE ([MS-ADTS] 2.2.16)
NEVER_EXPIRES = {0, 0x7FFFFFFFFFFFFFFF}  # accountExpires ([MS-ADA1] 2.2)
FILETIME_OF_UNIX_EPOCH = 116_444_736_000_000_000  # intervals of 100 ns between 1601 and 1970
LOCKED_FOR_GOOD = "000001010000Z"  # pwdAccountLockedTime (draft-behera-ldap-password-policy 5.3.3)

# Every attribute we ever read; a server leaves out those it does not know.
READ = [
    "objectClass",
    "objectGUID",
    "entryUUID",
    "cn",
    "ou",
    "dc",
    "o",
    "name",
    "displayName",
    "sAMAccountName",
    "uid",
    "msDS-PrincipalName",
    "userPrincipalName",
    "mail",
    "userAccountControl",
    "accountExpires",
    "pwdAccountLockedTime",
    "hasSubordinates",
    "objectSid",
    "primaryGroupID",
]


@dataclass(frozen=True, slots=True)
class Entry:
    """A person, group or container of a directory.

    `id` is its identity: objectGUID or entryUUID, as a canonical UUID string; it survives moves and renames. `domain`
    and `account` are what stands before and after the backslash; containers have no account. `mail` is contact
    information and never an identity. `enabled` is True for whatever is not a person.
    """

    id: str
    kind: Kind
    dn: str
    name: str
    account: str
    domain: str
    mail: str | None
    enabled: bool
    has_children: bool


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of the directory with every group they are in, nested ones included, sorted by name."""

    entry: Entry
    groups: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a level of the tree; `next_cursor` is None on the last one."""

    entries: tuple[Entry, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Record:
    """An entry together with what only this package needs of it: its attributes, names in lower case."""

    entry: Entry
    attributes: Attributes


def to_record(config: DirectoryConfig, dn: str, raw: Mapping[str, list[bytes]]) -> Record | None:
    """Return what a search result means to us, or None: no identity, no name, or not of a kind that we show."""
    attributes = lowered(raw)
    kind = _kind(attributes)
    identity = _identity(config, attributes)
    name = _name(attributes, kind)
    account = "" if kind == "container" else text(attributes, "samaccountname") or text(attributes, "uid")
    if kind is None or identity is None or not name or (kind == "user" and not account):
        return None
    entry = Entry(
        id=identity,
        kind=kind,
        dn=dn,
        name=name,
        account=account,
        domain=_domain(config, attributes),
        mail=_mail(attributes),
        enabled=kind != "user" or is_enabled(attributes),
        has_children=kind == "container" and text(attributes, "hassubordinates").upper() != "FALSE",
    )
    return Record(entry, attributes)


def lowered(attributes: Mapping[str, list[bytes]]) -> Attributes:
    """Return attributes under names in lower case: servers spell them as they like (RFC 4512 2.5)."""
    return {name.lower(): values for name, values in attributes.items()}


def texts(attributes: Attributes, name: str, longest: int = LONGEST_TEXT) -> list[str]:
    """Return the values that are text; those that are not UTF-8 or are empty once cleaned are left out."""
    found = []
    for value in attributes.get(name, []):
        try:
            cleaned = _clean(value.decode(), longest)
        except UnicodeDecodeError:
            continue
        if cleaned:
            found.append(cleaned)
    return found


def text(attributes: Attributes, name: str) -> str:
    """Return the first value that is text, or ''."""
    return next(iter(texts(attributes, name)), "")


def number(attributes: Attributes, name: str) -> int | None:
    """Return the first value as a whole number, or None."""
    value = text(attributes, name)
    return int(value) if re.fullmatch(r"-?[0-9]{1,20}", value) else None


def is_enabled(attributes: Attributes) -> bool:
    """Say whether a person may sign in as far as the entry tells: not disabled, not expired, not locked for good."""
    control = number(attributes, "useraccountcontrol") or 0
    locked = text(attributes, "pwdaccountlockedtime") == LOCKED_FOR_GOOD
    return not control & ACCOUNT_DISABLED and not locked and not is_expired(attributes)


def is_expired(attributes: Attributes) -> bool:
    """Say whether accountExpires lies in the past."""
    expires = number(attributes, "accountexpires") or 0
    if expires in NEVER_EXPIRES:
        return False
    return expires < time.time() * 10_000_000 + FILETIME_OF_UNIX_EPOCH


def is_locked(attributes: Attributes) -> bool:
    """Say whether a password policy has locked the entry for a while (only servers with the overlay tell)."""
    return bool(text(attributes, "pwdaccountlockedtime"))


def _clean(value: str, longest: int) -> str:
    """Return at most one line of this length, without characters that print nothing or mislead about the rest."""
    if value.isprintable() and "  " not in value:
        return value.strip()[:longest]
    kept = (" " if c.isspace() else c for c in value if c.isspace() or unicodedata.category(c) != "Cc")
    return " ".join("".join(c for c in kept if c not in MISLEADING).split())[:longest]


def _kind(attributes: Attributes) -> Kind | None:
    classes = {value.lower() for value in texts(attributes, "objectclass")}
    if classes & NOT_PEOPLE:
        return None
    if classes & GROUP_CLASSES:
        return "group"
    if classes & USER_CLASSES:
        return "user"
    return "container" if classes & CONTAINER_CLASSES else None


def _identity(config: DirectoryConfig, attributes: Attributes) -> str | None:
    try:
        if config.is_ad:
            # Stored in the mixed byte order of Microsoft's GUID structure ([MS-DTYP] 2.3.4.2).
            return str(uuid.UUID(bytes_le=attributes["objectguid"][0]))
        return str(uuid.UUID(attributes["entryuuid"][0].decode("ascii")))
    except (LookupError, ValueError):
        return None


def _name(attributes: Attributes, kind: Kind | None) -> str:
    order = ("ou", "cn", "dc", "o", "name") if kind == "container" else ("displayname", "cn", "name")
    return next((found for name in order if (found := text(attributes, name))), "")


def _domain(config: DirectoryConfig, attributes: Attributes) -> str:
    # The server's own word first: a forest has many domains, and NetBIOS names need not resemble DNS names.
    told, backslash, _ = text(attributes, "msds-principalname").partition("\\")
    return told if backslash and told else config.domain or netbios_guess(config.base_dn)


def _mail(attributes: Attributes) -> str | None:
    found = next(iter(texts(attributes, "mail", LONGEST_MAIL + 1)), "")
    return found if re.fullmatch(r"[^@\s]+@[^@\s]+", found) and len(found) <= LONGEST_MAIL else None
