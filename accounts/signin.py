"""Signing in with a password, in three steps: prove it with no transaction open, admit the person, open the session.

Every refused attempt does the same work, whatever the login: one Argon2id computation and one refusal of each directory
of the tenant. So neither text nor status nor time tells whether an account exists, is local, disabled or locked.
"""

import math
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from django.conf import settings
from django.contrib.auth.hashers import check_password, make_password
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.debug import sensitive_variables

from accounts import tallies, throttle
from accounts.actions import activate, lock_out
from accounts.connections import active_connections, directory_of
from accounts.directory import CredentialsRefused, DirectoryUnavailable, Person
from accounts.models import Membership, Source
from accounts.origins import browser_key, name_browser, origin_of
from accounts.people import Reading, find_or_create_member, person_actor, store_readings
from accounts.signals import signed_in
from accounts.throttle import Attempt
from audit.actions import record
from config.identifiers import text_key
from config.tenancy import tenant_context

log = structlog.get_logger(__name__)
NEUTRAL = _("Login and password do not fit together, or this account may not sign in here.")
PROOF = "sign_in_proof"  # session key: what is proven while a sign-in waits for its later stages


class NotProven(Exception):
    """The credentials were not accepted. `reason` is a word for the event; the person reads one neutral sentence."""

    def __init__(self, reason):
        super().__init__("the credentials were not accepted")
        self.reason = reason


class SignInFailed(Exception):
    """Nobody was signed in, and that is noted: `message` is what the person reads, `retry_after` seconds or None.

    `status` 422: not proven; 429: slowed; 503: no directory answered.
    """

    def __init__(self, status, message, retry_after=None):
        super().__init__(message)
        self.status, self.message, self.retry_after = status, message, retry_after


@dataclass(frozen=True, slots=True)
class Proof:
    """Who has proven to be who: a local membership, or a person of a directory as it was read at `read_at`."""

    membership_id: UUID | None = None
    directory_id: UUID | None = None
    person: Person | None = None
    read_at: datetime | None = None


@sensitive_variables("password")
def sign_in(*, tenant, login, password, origin, enter, user_id=None):
    """Sign somebody in, whatever asks for it: throttle, proof with no transaction open, admission, then `enter`.

    `enter(membership, proof, attempt)` runs in the transaction of the admission, as `user_id` (whoever the browser has a
    session of), and what it returns is returned. Raises SignInFailed.
    """
    try:
        with tenant_context(tenant.pk):
            attempt = throttle.reserve(tenant_id=tenant.pk, login=login, origin=origin)
    except throttle.Slowed as slowed:
        with tenant_context(tenant.pk):
            note_slowed(tenant_id=tenant.pk, login=login, slowed=slowed)
        raise SignInFailed(429, _slowed_text(slowed.retry_after), slowed.retry_after) from None
    try:
        proof = prove(tenant_id=tenant.pk, login=login, password=password)
        with tenant_context(tenant.pk, user_id):
            return enter(admit(tenant_id=tenant.pk, proof=proof), proof, attempt)
    except NotProven as refused:
        with tenant_context(tenant.pk):
            note_failure(tenant_id=tenant.pk, login=login, attempt=attempt, reason=refused.reason)
        raise SignInFailed(422, NEUTRAL) from None
    except DirectoryUnavailable as outage:
        log.warning("directory unavailable at sign-in", tenant=tenant.slug, reason=str(outage))
        with tenant_context(tenant.pk):
            note_outage(tenant_id=tenant.pk, login=login, attempt=attempt, outage=outage)
        text = _("The directory does not answer, so nobody was signed in. Please try again in a minute.")
        raise SignInFailed(503, text, 60) from None


def _slowed_text(retry_after):
    minutes = math.ceil(retry_after / 60)
    text = ngettext(
        "Too many attempts. Please try again in %(minutes)d minute.",
        "Too many attempts. Please try again in %(minutes)d minutes.",
        minutes,
    )
    return text % {"minutes": minutes}


def local_member(tenant_id, login):
    """Return the local Membership with this login that may sign in, or None: the exact key decides (UC-14)."""
    return (
        Membership.objects.select_related("user")
        .filter(tenant_id=tenant_id, login_key=text_key(login), source=Source.LOCAL)
        .filter(is_active=True, user__is_active=True, user__locked_at=None)
        .first()
    )


@sensitive_variables("password")
def prove(*, tenant_id, login, password):
    """Return the Proof that login and password belong together; no transaction may be open.

    A local account is asked first, then each directory in order, so that a local account can never shadow the person of
    the same name in a directory. Raises NotProven, or DirectoryUnavailable where nobody accepted the credentials and a
    directory could not be asked.
    """
    with tenant_context(tenant_id):
        local = local_member(tenant_id, login)
        connections = list(active_connections(tenant_id))
    # A login that is not local, or may not sign in, costs the same computation: nothing is compared with its password.
    is_right = check_password(password, local.user.password) if local else bool(make_password(password)) and False
    if local and is_right:
        return Proof(membership_id=local.pk)
    reason, outage = "wrong-password" if local else "unknown", None
    for connection in connections:
        read_at = timezone.now()
        try:
            person = directory_of(connection).authenticate(login=login, password=password)
        except CredentialsRefused as refused:
            reason = reason if local else refused.reason.value
        except DirectoryUnavailable as unavailable:
            outage = outage or unavailable
        else:
            return Proof(directory_id=connection.pk, person=person, read_at=read_at)
    if outage:
        raise outage
    raise NotProven(reason)


def admit(*, tenant_id, proof):
    """Return the Membership of whoever is proven, its account and groups brought up to date; inside a transaction.

    Raises NotProven where the membership or account is switched off here (decision 22): a directory's word brings back
    only whom the directory's word had switched off.
    """
    if proof.membership_id:
        membership = Membership.objects.select_related("user").get(tenant_id=tenant_id, pk=proof.membership_id)
    else:
        membership = find_or_create_member(tenant_id=tenant_id, directory_id=proof.directory_id, person=proof.person)
    if not membership.user.may_sign_in:
        raise NotProven("locked" if membership.user.locked_at else "disabled")
    if not membership.is_active and not membership.inactive_by_directory:
        raise NotProven("deactivated")
    if proof.person:
        activate(membership=membership, reason="active in the directory again", by=person_actor(membership))
        reading = Reading(membership, proof.person, proof.read_at)
        store_readings(tenant_id=tenant_id, directory_id=proof.directory_id, readings=[reading], by=None)
    return membership


def note_slowed(*, tenant_id, login, slowed):
    """Count an attempt that was not even looked at; inside a transaction."""
    tallies.add("signin.slowed", slowed.attempt, reason="throttled", person=_told_of(tenant_id, login))


def note_failure(*, tenant_id, login, attempt, reason):
    """Count a refused attempt, and lock a local account after too many in a row from known origins (UC-63)."""
    tallies.add("signin.failed", attempt, reason=reason, person=_told_of(tenant_id, login))
    limit = lock_limit()
    if not attempt.is_known or not limit:
        return
    failures = throttle.count_in_a_row(attempt)
    if failures >= limit and (member := local_member(tenant_id, login)):
        lock_out(membership=member, failures=failures, by=tallies.NOBODY)


def note_outage(*, tenant_id, login, attempt, outage):
    """Give the attempt back: nobody could be asked, so it says nothing about the account."""
    throttle.give_back(attempt)
    tallies.add("signin.failed", attempt, reason=outage.reason.value, person=_told_of(tenant_id, login))


def lock_limit():
    """Return after how many failures in a row a local account is locked; 0 = never (UC-63, Maximum failed logins)."""
    return settings.SIGN_IN_LOCK_FAILURES


def _told_of(tenant_id, login):
    """Return the Membership of which a failed sign-in is told, or None."""
    key = text_key(login)
    account = key.rpartition("\\")[2].partition("@")[0]
    found = Membership.objects.filter(tenant_id=tenant_id, login_key__in={key, account})
    return found.order_by("source", "id").first()


def opened_by(proof):
    """Return the source of a proof, as events and sessions name it."""
    return (Source.DIRECTORY if proof.person else Source.LOCAL).value


def stash(*, request, membership, proof, attempt):
    """Keep in the session what is proven, for `AccountAdapter.login`: other stages may come in between."""
    request.session[PROOF] = {
        "tenant_id": str(membership.tenant_id),
        "membership_id": str(membership.pk),
        "opened_by": opened_by(proof),
        "account_key": attempt.account_key,
        "counted_as": attempt.counted_as,
    }


def member_who_may_enter(*, tenant_id, user_id, pk):
    """Return the membership of a proven sign-in as it is now, or None where it was switched off meanwhile."""
    able = {"is_active": True, "user__is_active": True, "user__locked_at": None}
    return Membership.objects.filter(tenant_id=tenant_id, pk=pk, user_id=user_id, **able).first()


def opened(*, request, membership, proof):
    """Finish a sign-in whose session is open: browser and network are known from now on."""
    origin = origin_of(request)
    succeeded(
        membership=membership,
        attempt=Attempt(membership.tenant_id, proof["account_key"], origin, proof["counted_as"]),
        known_as=browser_key(name_browser(request)),
        source=proof["opened_by"],
        by=person_actor(membership, request_id=request.id),
    )


def succeeded(*, membership, attempt, known_as, source, by, verb="signin.succeeded", labels=None, **columns):
    """Close a successful sign-in: throttle settled, network and `known_as` known, event written, other apps told."""
    throttle.settle(attempt, known_as)
    tallies.write_account(attempt)
    Membership.objects.filter(tenant_id=membership.tenant_id, pk=membership.pk).update(signed_in_at=timezone.now())
    person = f"{membership.name} ({membership.login})"
    told = {"person": person, "source": source, "address": attempt.origin.address, **(labels or {})}
    record(verb, tenant_id=membership.tenant_id, by=by, subject=membership, labels=told, **columns)
    signed_in.send(sender=Membership, membership=membership, by=by)
