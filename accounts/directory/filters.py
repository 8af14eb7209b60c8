"""Search filters (RFC 4515). Every value goes through one escape; only the administrator's own filters come whole."""

import uuid
from collections.abc import Iterable

from ldap.filter import escape_filter_chars  # noqa: TID251 - this package alone speaks LDAP

from accounts.directory.config import DirectoryConfig
from accounts.directory.entries import Kind

IN_CHAIN = "1.2.840.113556.1.4.1941"  # LDAP_MATCHING_RULE_TRANSITIVE_EVAL ([MS-ADTS] 3.1.1.3.4.4.3)
SAM_NORMAL_USER_ACCOUNT = 0x30000000  # sAMAccountType ([MS-SAMR] 2.2.1.9): no computers, no trusts


def equal(attribute: str, value: str) -> str:
    """Match entries that have this value, as the attribute's own rule compares it."""
    """Match an attribute with exactly this text."""
    return f"({attribute}={escape_filter_chars(value)})"


def equal_bytes(attribute: str, value: bytes) -> str:
    """Match entries that have exactly these bytes."""
    """Match an attribute with exactly these bytes."""
    return f"({attribute}={escape_filter_chars(value.decode('latin-1'), escape_mode=2)})"


def begins(attribute: str, value: str) -> str:
    """Match entries with a value that begins with these characters."""
    """Match an attribute that begins with this text."""
    return f"({attribute}={escape_filter_chars(value)}*)"


def member_in_chain(dn: str) -> str:
    """Match groups that hold this name directly or through other groups (Active Directory only)."""
    return f"(member:{IN_CHAIN}:={escape_filter_chars(dn)})"


def any_of(filters: Iterable[str]) -> str:
    """Return the disjunction; without filters it matches nothing (RFC 4526)."""
    """Return the disjunction of filters."""
    return f"(|{''.join(filters)})"


def all_of(*filters: str) -> str:
    """Return the conjunction; empty filters say nothing."""
    return f"(&{''.join(filters)})"


def people(config: DirectoryConfig) -> str:
    """Match the accounts of people."""
    if config.is_ad:
        return all_of(f"(sAMAccountType={SAM_NORMAL_USER_ACCOUNT})", config.user_filter)
    classes = any_of(f"(objectClass={name})" for name in ("person", "inetOrgPerson", "user", "posixAccount"))
    # Every one of these classes but bare `account` demands a common name, by which levels are sorted.
    return all_of(classes, "(cn=*)", config.user_filter)


def all_groups(config: DirectoryConfig) -> str:
    """Match every group, also those that `group_filter` leaves out: they may be nested between others."""
    if config.is_ad:
        return "(objectClass=group)"
    classes = ("group", "groupOfNames", "groupOfUniqueNames", "posixGroup")
    return all_of(any_of(f"(objectClass={name})" for name in classes), "(cn=*)")


def groups(config: DirectoryConfig) -> str:
    """Match the groups that are shown."""
    return all_of(all_groups(config), config.group_filter)


def containers(config: DirectoryConfig) -> str:
    """Match what holds others: organisational units and the like, without the server's own housekeeping."""
    if config.is_ad:
        classes = ("organizationalUnit", "container", "builtinDomain", "domainDNS")
        return all_of(any_of(f"(objectClass={name})" for name in classes), "(!(showInAdvancedViewOnly=TRUE))")
    return any_of(f"(objectClass={name})" for name in ("organizationalUnit", "container", "domain", "organization"))


def of_kinds(config: DirectoryConfig, kinds: Iterable[Kind]) -> str:
    """Match what is of any of these kinds."""
    """Match entries of any of these kinds."""
    makers = {"user": people, "group": groups, "container": containers}
    return any_of(makers[kind](config) for kind in sorted(set(kinds)))


def identity(config: DirectoryConfig, entry_id: str) -> str:
    """Match the entry with this objectGUID or entryUUID. Raises ValueError for text that is no UUID."""
    known = uuid.UUID(entry_id)
    return equal_bytes("objectGUID", known.bytes_le) if config.is_ad else equal("entryUUID", str(known))


def account(config: DirectoryConfig, name: str) -> str:
    """Match the logon name: sAMAccountName, and elsewhere also uid."""
    names = [equal("sAMAccountName", name)] if config.is_ad else [equal("sAMAccountName", name), equal("uid", name)]
    return any_of(names)


def leading(config: DirectoryConfig, prefix: str) -> str:
    """Match what begins with these characters in logon name, common name or display name."""
    attributes = ["sAMAccountName", "cn", "displayName", *([] if config.is_ad else ["uid", "ou"])]
    return any_of(begins(attribute, prefix) for attribute in attributes)
