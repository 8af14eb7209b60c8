"""Directories over LDAP: Active Directory, OpenLDAP and their kin. Nothing outside of this package imports `ldap`."""

from accounts.directory.breaker import forget_breakers
from accounts.directory.client import Check, Directory
from accounts.directory.config import AD, OPENLDAP, DirectoryConfig
from accounts.directory.entries import Entry, Kind, Page, Person
from accounts.directory.errors import CredentialsRefused, DirectoryUnavailable, Outage, Refusal

__all__ = [
    "AD",
    "OPENLDAP",
    "Check",
    "CredentialsRefused",
    "Directory",
    "DirectoryConfig",
    "DirectoryUnavailable",
    "Entry",
    "Kind",
    "Outage",
    "Page",
    "Person",
    "Refusal",
    "forget_breakers",
]
