"""Links in mails: signed, nothing secret stored or queued (decision 28)."""

from uuid import UUID

from django.conf import settings
from django.core import signing
from django.urls import reverse

_INVITATION = "licensing.invitation"
_DOMAIN = "licensing.domain"


def invitation_token(member_id: UUID, generation: int) -> str:
    """Return the token of an invitation's link; Resend raises the generation and so kills the old one (LG-69)."""
    return signing.dumps([str(member_id), generation], salt=_INVITATION)


def read_invitation(token: str) -> tuple[UUID, int] | None:
    """Return (member, generation), or None for a token that is not ours."""
    return _read(token, _INVITATION)


def domain_token(domain_id: UUID, generation: int) -> str:
    """Return the token of the link that proves a group's mail domain (LG-161)."""
    return signing.dumps([str(domain_id), generation], salt=_DOMAIN)


def read_domain_token(token: str) -> tuple[UUID, int] | None:
    """Return (group domain, generation), or None for a token that is not ours."""
    return _read(token, _DOMAIN)


def _read(token, salt):
    try:
        pk, generation = signing.loads(token, salt=salt)
        return UUID(pk), int(generation)
    except (signing.BadSignature, ValueError, TypeError, AttributeError):
        return None


def absolute(name: str, *args) -> str:
    """Return the address of a page from the configured public address, never from a request (decision 25)."""
    return settings.PUBLIC_URL + reverse(name, args=args)
