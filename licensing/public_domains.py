"""Mail domains that say nothing about who somebody works for: those of mail providers, and public suffixes (LG-161)."""

from functools import cache
from pathlib import Path

from publicsuffixlist import PublicSuffixList

_LIST = Path(__file__).with_name("public_domains.txt")


def is_provider(domain: str) -> bool:
    """Tell whether anybody can have a mailbox in this domain, or in one above it that somebody registered."""
    return (_suffixes().privatesuffix(domain) or domain) in _providers()


def is_suffix(domain: str) -> bool:
    """Tell whether anybody can have a domain under this one, as under co.uk."""
    return _suffixes().is_public(domain)


def is_public(domain: str) -> bool:
    """Tell whether anybody can have an address in this domain or under it: it says of nobody that they belong together.

    Both lists grow: a domain that a group has validated may have become public since.
    """
    return bool(domain) and (is_provider(domain) or is_suffix(domain))


@cache
def _providers():
    lines = _LIST.read_text(encoding="ascii").splitlines()
    return frozenset(line for line in lines if not line.startswith("#"))


@cache
def _suffixes():
    return PublicSuffixList()  # the list lies inside the package; nothing is fetched
