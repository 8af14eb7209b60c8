"""Mail addresses: what is one, which are the same, and which only look the same (decision 19)."""

import unicodedata

import idna
from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator
from django.utils.translation import gettext as _

from config.errors import Refused

LONGEST = 254  # RFC 5321, 4.5.3.1.3
LONGEST_LOCAL = 64  # RFC 5321, 4.5.3.1.1
_looks_right = EmailValidator(allowlist=[])  # no mailbox of this very machine
_SHARP_S = {"ß", "ẞ"}  # a letter of its own in a domain (IDNA 2008, RFC 5894, 7.2); elsewhere it folds into “ss”
_ALIKE = {"LATIN", "GREEK", "CYRILLIC", "ARMENIAN", "CHEROKEE"}  # scripts with letters that look like each other's


def read_address(text):
    """Return (address as it is written to, its key) of a typed text.

    The key is what is compared: trimmed, NFKC, casefolded, the domain in IDNA; no folding of dots or plus signs.
    Raises Refused with a sentence: no address, or one with letters that only look like others.
    """
    address = text.strip()
    local, _at, domain = address.rpartition("@")
    if _SHARP_S & set(local):
        raise Refused(
            _("%(address)s holds “%(letter)s”, which no mail address can have before the @.")
            % {"address": address[:LONGEST], "letter": "ß"},
            code="address-invalid",
        )
    letters = f"{local}{domain}".translate(dict.fromkeys(map(ord, _SHARP_S)))
    imitation = next((character for character in letters if _imitates(character)), None)
    imitation = imitation or next((label for label in (local, *domain.split(".")) if _mixes(label)), None)
    if imitation:
        raise Refused(
            _("%(address)s holds “%(letter)s”, which only looks like another letter. Type the address by hand.")
            % {"address": address[:LONGEST], "letter": imitation},
            code="address-confusable",
        )
    try:
        host = idna.encode(domain, uts46=True).decode("ascii")
        _looks_right(f"{local}@{host}")
    except (ValidationError, idna.IDNAError, UnicodeError):
        raise Refused(
            _("“%(text)s” is no mail address.") % {"text": address[:LONGEST]}, code="address-invalid"
        ) from None
    if len(address) > LONGEST or len(host) + len(local) + 1 > LONGEST or len(local) > LONGEST_LOCAL:
        raise Refused(_("A mail address has at most 254 characters, 64 of them before the @."), code="address-long")
    return address, f"{unicodedata.normalize('NFKC', local).casefold()}@{host.casefold()}"


def read_domain(text):
    """Return the domain of a typed text in IDNA's ASCII form, or raise Refused."""
    _address, key = _as_domain(text)
    return key


def _as_domain(text):
    domain = text.strip().removeprefix("@").rstrip(".")
    try:
        return read_address(f"postmaster@{domain}")[0], read_address(f"postmaster@{domain}")[1].partition("@")[2]
    except Refused:
        raise Refused(
            _("“%(text)s” is no domain name.") % {"text": domain[:LONGEST]}, field="domain", code="domain-invalid"
        ) from None


def to_mail(address):
    """Return an address that was read as a mail is sent to it: its domain in IDNA 2008's ASCII form, which tells ß from ss."""
    local, _at, domain = address.rpartition("@")
    return address if domain.isascii() else f"{local}@{domain_of(read_address(address)[1])}"


def domain_of(key):
    """Return the domain of an address key."""
    return key.rpartition("@")[2]


def _imitates(character):
    """Tell whether a letter outside ASCII folds into ASCII: dotless i, Kelvin sign, full-width letters …"""
    if character.isascii():
        return False
    folded = {unicodedata.normalize("NFKC", character).casefold(), character.upper(), character.lower()}
    return any(form.isascii() for form in folded)


def _mixes(label):
    """Tell whether one part of an address mixes scripts that look alike, such as a Cyrillic letter among Latin ones."""
    words = {unicodedata.name(character, "").split(" ")[0] for character in label if character.isalpha()}
    return len(words & _ALIKE) > 1
