"""How fast passwords may be tried (decision 29): counters in PostgreSQL, taken before anything is asked of a directory.

Every attempt reserves a place in its counters and gives it back when it succeeds, so attempts that run side by side
count like attempts one after another. `SignInFailure` holds four kinds of counter:

| account_key | origin | limit in the window | counts |
|---|---|---|---|
| account | browser or network known to it | SIGN_IN_FAILURES | that known origin alone |
| account | STRANGERS | SIGN_IN_FAILURES | every origin not known to the account, together |
| '' | network | SIGN_IN_NETWORK_FAILURES | unknown origins in the network, whatever the account |
| account | IN_A_ROW | SIGN_IN_LOCK_FAILURES, no window | failures of known origins since the last success (UC-63) |

Strangers share one counter per account, so that many networks together cannot lock the account in the directory;
a known origin never reads that counter, so strangers never keep the person out. A directory's own threshold should
be above twice SIGN_IN_FAILURES: one budget for strangers, one for a known origin. A counter starts anew once
SIGN_IN_WINDOW_SECONDS have passed since its last counted attempt; attempts that were slowed do not prolong it.
"""

import math
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.utils import timezone
from django.utils.crypto import salted_hmac

from accounts.models import KnownOrigin, SignInFailure
from accounts.origins import KNOWN_SECONDS, Origin
from config.identifiers import text_key, uuid7

STRANGERS = "strangers"
IN_A_ROW = "in a row"
_TABLE = SignInFailure._meta.db_table

_COUNT = f"""
INSERT INTO {_TABLE} AS f (id, tenant_id, account_key, origin, failures, last_at)
VALUES (%(id)s, %(tenant)s, %(account)s, %(origin)s, 1, %(now)s)
ON CONFLICT (tenant_id, account_key, origin) DO UPDATE
SET failures = CASE WHEN f.last_at <= %(stale)s THEN 1 ELSE f.failures + 1 END, last_at = %(now)s
WHERE f.last_at <= %(stale)s OR f.failures < %(limit)s
RETURNING failures
"""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to sign in. `counted_as` is the key of the known origin, or STRANGERS."""

    tenant_id: UUID
    account_key: str
    origin: Origin
    counted_as: str

    @property
    def is_known(self):
        return self.counted_as != STRANGERS

    @property
    def counters(self):
        """The (account key, origin) of the counters that this attempt takes a place in."""
        own = (self.account_key, self.counted_as)
        return [own] if self.is_known else [("", self.origin.network), own]


class Slowed(Exception):
    """Too many failed attempts: nothing was counted and nothing may be asked. `retry_after` is in whole seconds."""

    def __init__(self, attempt, retry_after):
        super().__init__("too many failed attempts")
        self.attempt, self.retry_after = attempt, retry_after


def account_key(tenant_id, login):
    """Return the keyed hash of an account: `ACME\\alice`, `alice@acme.test` and `Alice` are one account."""
    account = text_key(login).rpartition("\\")[2].partition("@")[0]
    return salted_hmac("accounts.throttle", f"{tenant_id}:{account}", algorithm="sha256").hexdigest()


def reserve(*, tenant_id, login, origin):
    """Take a place for one attempt and return it as an Attempt, or raise Slowed; inside a transaction of its own.

    The caller ends the transaction before it asks anybody, and lets Slowed roll it back.
    """
    key = account_key(tenant_id, login)
    since = timezone.now() - timedelta(seconds=KNOWN_SECONDS)
    known = set(
        KnownOrigin.objects.filter(
            tenant_id=tenant_id, account_key=key, origin__in=origin.keys, seen_at__gt=since
        ).values_list("origin", flat=True)
    )
    counted_as = next((one for one in origin.keys if one in known), STRANGERS)
    attempt = Attempt(tenant_id, key, origin, counted_as)
    for account, counter in attempt.counters:
        limit = settings.SIGN_IN_FAILURES if account else settings.SIGN_IN_NETWORK_FAILURES
        if _count(tenant_id, account, counter, limit, settings.SIGN_IN_WINDOW_SECONDS) is None:
            raise Slowed(attempt, _seconds_left(tenant_id, account, counter))
    return attempt


def give_back(attempt):
    """Free the places of an attempt that proved nothing against the account: it succeeded, or nobody could be asked."""
    for account, counter in attempt.counters:
        with connection.cursor() as cursor:
            cursor.execute(
                f"UPDATE {_TABLE} SET failures = failures - 1 "  # noqa: S608 - the name of our own table
                "WHERE tenant_id = %s AND account_key = %s AND origin = %s AND failures > 0",
                [attempt.tenant_id, account, counter],
            )


def count_in_a_row(attempt):
    """Count a failure of a known origin and return how many there were since the last success (UC-63)."""
    return _count(attempt.tenant_id, attempt.account_key, IN_A_ROW, limit=2**31 - 2, window=None)


def forgive(*, tenant_id, account_key, origins=()):
    """Forget the failures in a row (UC-64, UC-66) and the window counters of these origins of the account."""
    SignInFailure.objects.filter(tenant_id=tenant_id, account_key=account_key, origin__in=[IN_A_ROW, *origins]).delete()


def settle(attempt, browser):
    """Close a successful attempt: its places are free, and browser (a key) and network are known for 90 days."""
    give_back(attempt)
    own = [attempt.counted_as] if attempt.is_known else []
    forgive(tenant_id=attempt.tenant_id, account_key=attempt.account_key, origins=own)
    now = timezone.now()
    rows = [
        KnownOrigin(tenant_id=attempt.tenant_id, account_key=attempt.account_key, origin=key, seen_at=now)
        for key in sorted({browser, attempt.origin.network})
    ]
    KnownOrigin.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["tenant", "account_key", "origin"],
        update_fields=["seen_at"],
    )


def sweep(tenant_id):
    """Delete counters and origins that no longer matter; failures in a row stay until a success."""
    now = timezone.now()
    over = now - timedelta(seconds=settings.SIGN_IN_WINDOW_SECONDS)
    SignInFailure.objects.filter(tenant_id=tenant_id, last_at__lte=over).exclude(origin=IN_A_ROW).delete()
    known_until = now - timedelta(seconds=KNOWN_SECONDS)
    KnownOrigin.objects.filter(tenant_id=tenant_id, seen_at__lte=known_until).delete()


def _count(tenant_id, account, origin, limit, window):
    """Return the counter after this attempt, or None where it is full already. Two at once wait for one another."""
    now = timezone.now()
    stale = now - timedelta(seconds=window) if window else now - timedelta(days=36_500)
    values = {"id": uuid7(), "tenant": tenant_id, "account": account, "origin": origin}
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, {**values, "now": now, "stale": stale, "limit": limit})
        row = cursor.fetchone()
    return row and row[0]


def _seconds_left(tenant_id, account, origin):
    last_at = SignInFailure.objects.values_list("last_at", flat=True).get(
        tenant_id=tenant_id, account_key=account, origin=origin
    )
    window = timedelta(seconds=settings.SIGN_IN_WINDOW_SECONDS)
    return max(1, math.ceil((last_at + window - timezone.now()).total_seconds()))
