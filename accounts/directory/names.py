"""Distinguished names, compared as a directory compares them (RFC 4514), and the parts people know."""

import unicodedata
from functools import lru_cache

import ldap.dn  # noqa: TID251 - this package alone speaks LDAP

Key = tuple[tuple[tuple[str, str], ...], ...]


def dn_key(dn: str) -> Key | None:
    """Return what two spellings of one distinguished name have in common, or None for text that is not one."""
    try:
        parsed = ldap.dn.str2dn(dn)
    except (ldap.DECODING_ERROR, ValueError, TypeError):
        return None
    return tuple(tuple(sorted((name.lower(), folded(value)) for name, value, _ in rdn)) for rdn in parsed)


def same_branch(dn: str, base: str) -> bool:
    """Say whether `dn` is `base` or lies below it."""
    inner, outer = dn_key(dn), dn_key(base)
    return bool(inner and outer) and (inner or ())[-len(outer or ()) :] == outer


def folded(text: str) -> str:
    """Return a text as case-ignoring matching rules see it (RFC 4518): compatible forms, no case, single spaces."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def dns_name(dn: str) -> str:
    """Return the DNS name that the DC parts of a distinguished name spell (RFC 2247), or ''.

    >>> dns_name("OU=People,DC=acme,DC=test")
    'acme.test'
    """
    key = dn_key(dn) or ()
    return ".".join(value for rdn in key for name, value in rdn if name == "dc")


@lru_cache
def netbios_guess(dn: str) -> str:
    """Return the first DC part in upper case, which is a domain's NetBIOS name unless its makers chose another."""
    return dns_name(dn).partition(".")[0].upper()


def escape_dn(value: str) -> str:
    """Return a value as it stands in a distinguished name (RFC 4514 section 2.4).

    Control characters are written as their codes: libldap skips white space at the beginning of a value, a line feed
    too, and would read what follows as something else.
    """
    escaped = ldap.dn.escape_dn_chars(value)
    return "".join(f"\\{ord(c):02X}" if c < " " or c == "\x7f" else c for c in escaped)
