"""Mails of licensing: invitation, end of a role, proof of a domain. At most once, and visible (decision 28).

A row's mail goes pending -> sending (committed before anything is said to the server) -> sent or failed. What the server
has surely not taken (it was away, or it said "later") is pending again and tried until GIVES_UP. Where nobody can know,
nothing is tried again: an answer that never came counts as failed, and a crash leaves `sending`, shown as unknown.
"""

import smtplib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import make_msgid
from enum import Enum
from urllib.parse import urlsplit
from uuid import UUID

import structlog
from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.db.models import Q
from django.template.loader import render_to_string
from django.utils import timezone, translation

from accounts.addresses import to_mail
from accounts.models import Tenant, User
from config.tenancy import tenant_context
from config.ui.formats import formats
from licensing.links import absolute, domain_token, invitation_token
from licensing.models import GroupDomain, LicenseGroupMember, LicenseRoleBlock, MailState, MemberStatus

log = structlog.get_logger(__name__)

GIVES_UP = timedelta(hours=1)  # after the mail was asked for
UNKNOWN_AFTER = timedelta(minutes=5)  # a mail that is `sending` for longer: the worker died
MOST_AT_ONCE = 500  # mails of one kind in one run


class Outcome(Enum):
    """What became of one mail in this run. NOTHING: it was not waiting; AWAY: no server answers, so no mail can go."""

    NOTHING = "nothing"
    SENT = "sent"
    FAILED = "failed"
    LATER = "later"
    AWAY = "away"


_STATE_AFTER = {
    Outcome.SENT: MailState.SENT,
    Outcome.FAILED: MailState.FAILED,
    Outcome.LATER: MailState.PENDING,
    Outcome.AWAY: MailState.PENDING,
}


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail: template name, address and its key, and what the template says."""

    template: str
    address: str
    address_key: str
    context: dict


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of mail: whose rows wait for it, under which condition, since when, and what it says."""

    model: type
    condition: Q
    asked: str
    letter: Callable


def is_unknown(state: str, asked_at: datetime) -> bool:
    """Tell whether nobody knows if a mail was sent: it has been `sending` for 5 minutes, so its worker died (decision 28).

    `asked_at`: sent_at of an invitation, created_at of a block, asked_at of a domain.
    """
    return state == MailState.SENDING and asked_at <= timezone.now() - UNKNOWN_AFTER


def inviter_of(row: LicenseGroupMember) -> str:
    """Return the inviting Admin's name without the login in brackets behind it: it leaves the house."""
    return row.invited_by.rpartition(" (")[0] or row.invited_by


def waiting(tenant_id: UUID) -> list[tuple[str, UUID]]:
    """Return (kind, row) of every mail that waits to be sent, inside the tenant's context: lost bells lose nothing."""
    found = []
    for name, kind in KINDS.items():
        rows = _waiting(tenant_id, kind).order_by(kind.asked, "pk")
        found += [(name, pk) for pk in rows.values_list("pk", flat=True)[:MOST_AT_ONCE]]
    return found


def send(tenant_id: UUID, name: str, pk: UUID) -> Outcome:
    """Send one waiting mail. No transaction is open while the server is talked to."""
    kind = KINDS[name]
    with tenant_context(tenant_id):
        row = _claim(tenant_id, kind, pk)
        message = row and _message(kind.letter(Tenant.objects.get(pk=tenant_id), row))
    if row is None:
        return Outcome.NOTHING
    outcome = _deliver(message)
    with tenant_context(tenant_id):
        # Sent again meanwhile: the row waits for its next mail, whose link is another.
        mine = kind.model.objects.filter(tenant_id=tenant_id, pk=pk, mail_state=MailState.SENDING, **_issue(row))
        mine.update(mail_state=_STATE_AFTER[outcome])
    return outcome


def give_up(tenant_id: UUID) -> int:
    """Let mails fail that still wait long after they were asked for; return how many. Inside the tenant's context."""
    late = timezone.now() - GIVES_UP
    return sum(
        _waiting(tenant_id, kind).filter(**{f"{kind.asked}__lt": late}).update(mail_state=MailState.FAILED)
        for kind in KINDS.values()
    )


def _waiting(tenant_id, kind):
    return kind.model.objects.filter(kind.condition, tenant_id=tenant_id, mail_state=MailState.PENDING)


def _claim(tenant_id, kind, pk):
    """Return the row with its group, now `sending`, or None where another worker was faster or nothing is to be sent."""
    if not _waiting(tenant_id, kind).filter(pk=pk).update(mail_state=MailState.SENDING):
        return None
    return kind.model.objects.select_related("group").get(tenant_id=tenant_id, pk=pk)


def _issue(row):
    return {"generation": row.generation} if hasattr(row, "generation") else {}


def _message(letter):
    """Return the mail in the language that the account of the address has chosen, plain and as HTML."""
    chosen = User.objects.filter(email_key=letter.address_key).values_list("language", flat=True).first()
    with translation.override(chosen or settings.LANGUAGE_CODE):
        context = letter.context | {key: value() for key, value in letter.context.items() if callable(value)}
        subject, text = render_to_string(f"licensing/mail/{letter.template}.txt", context).lstrip().split("\n", 1)
        markup = render_to_string(f"licensing/mail/{letter.template}.html", context | {"subject": subject.strip()})
    message = EmailMultiAlternatives(
        " ".join(subject.split()),
        text.strip() + "\n",
        settings.DEFAULT_FROM_EMAIL,
        [to_mail(letter.address)],
        headers={
            "Message-ID": make_msgid(domain=urlsplit(settings.PUBLIC_URL).hostname),
            "Auto-Submitted": "auto-generated",  # RFC 3834: nobody's absence note comes back
        },
    )
    message.attach_alternative(markup, "text/html")
    return message


def _deliver(message):
    """Hand one mail to the server. A refusal names addresses: only its kind is logged."""
    connection = get_connection()
    try:
        connection.open()
    except (OSError, smtplib.SMTPException) as error:
        log.warning("mail_server_away", reason=type(error).__name__)
        return Outcome.AWAY
    try:
        connection.send_messages([message])
    except (OSError, smtplib.SMTPException) as error:
        outcome = Outcome.LATER if _is_put_off(error) else Outcome.FAILED
        log.warning("mail_refused", reason=type(error).__name__, outcome=outcome.value)
        return outcome
    finally:
        _close(connection)
    return Outcome.SENT


def _is_put_off(error):
    """Tell whether the server itself said "not now": 4yz, so it has not taken the mail (RFC 5321, 4.2.1)."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(400 <= code < 500 for code, _text in error.recipients.values())
    return isinstance(error, smtplib.SMTPResponseException) and 400 <= error.smtp_code < 500


def _close(connection):
    try:
        connection.close()
    except (OSError, smtplib.SMTPException):
        log.info("mail_connection_lost")


def _invitation(tenant, row):
    token = invitation_token(row.pk, row.generation)
    context = {
        "tenant": tenant.name,
        "group": row.group.name,
        "inviter": inviter_of(row),
        "roles": lambda: row.roles,
        "words": row.words.replace("\r\n", "\n").strip(),
        "until": lambda: _clock(tenant, row.expires_at),
        "link": absolute("licensing:invitation", tenant.slug, token),
    }
    return Letter("invitation", row.address, row.address_key, context)


def _block_notice(tenant, row):
    return Letter("role_ended", row.address, row.address_key, {"tenant": tenant.name, "group": row.group.name})


def _domain_link(tenant, row):
    link = absolute("licensing:domain-confirm", tenant.slug, domain_token(row.pk, row.generation))
    context = {"tenant": tenant.name, "group": row.group.name, "domain": row.domain, "link": link}
    return Letter("domain", row.asked_of, row.asked_of.casefold(), context)


def _clock(tenant, moment):
    """Return a time as the pages write it, in the organisation's zone: a mail does not know its reader's."""
    with timezone.override(tenant.time_zone):
        return formats().clock(moment)


KINDS = {
    "invitation": Kind(LicenseGroupMember, Q(status=MemberStatus.PENDING), "sent_at", _invitation),
    "block": Kind(LicenseRoleBlock, Q(), "created_at", _block_notice),
    "domain": Kind(GroupDomain, Q(validated_at=None), "asked_at", _domain_link),
}
