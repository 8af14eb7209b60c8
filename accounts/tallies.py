"""Failed and slowed sign-ins as events: equal ones of an origin within a minute are one with a count (decision 31).

They are counted (`audit.tallies`) in the transaction of the throttle's own counters. When the person signs in, the
series of the account's failures has ended and is told at once.
"""

from audit import tallies
from audit.actions import Actor, event
from audit.models import Outcome

NOBODY = Actor(id=None, name="not signed in")


def add(verb, attempt, *, reason, person):
    """Count one refused attempt; `person` is the Membership whose login was typed, or None."""
    labels = {
        "person": f"{person.name} ({person.login})" if person else f"an unknown account ({attempt.account_key[:8]})",
        "address": attempt.origin.address,
        "reason": reason,
    }
    told = {"subject": person, "outcome": Outcome.REFUSED, "labels": labels}
    row = event(verb, tenant_id=attempt.tenant_id, by=NOBODY, **told)
    tallies.add(row, origin=attempt.origin.sender, series=attempt.account_key)


def write_account(attempt):
    """Write the events of an account now: its person has signed in, so a series of failures has ended."""
    tallies.write_series(attempt.tenant_id, attempt.account_key)
