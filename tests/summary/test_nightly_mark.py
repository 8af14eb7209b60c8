"""How the last nightly run stands (AC-SUM-3)."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import Tenant
from personalization.actions import nightly as nightly_action
from personalization.models import (
    NightlyRun,
)
from personalization.tasks.nightly import run_nightly
from tests.summary.page import crowd

pytestmark = pytest.mark.django_db

# --- the nightly run --------------------------------------------------------------------------------------------------


def night(world, *, hours_ago, minutes=3, ended=True, failed=False):
    begun = timezone.now() - timedelta(hours=hours_ago)
    with world.context():
        return NightlyRun.objects.create(
            tenant=world.tenant, day=begun.date(), started_at=begun, backups=7,
            ended_at=begun + timedelta(minutes=minutes) if ended else None,
            failed_at=begun + timedelta(minutes=1) if failed else None,
        )  # fmt: skip


def nightly_card(browser, world):
    """Return (kind of the mark, its words, the card as text)."""
    page = browser.get(world.url("summary/")).content.decode()
    card = page.partition('id="nightly-run"')[2].partition("</section>")[0]
    kind, words = re.search(r'<span class="status is-(\w+)">.*?</svg>([^<]+)</span>', card).groups()
    return kind, words, " ".join(re.sub("<[^>]+>", " ", card).split())


@pytest.mark.spec("AC-SUM-3")
@pytest.mark.parametrize(
    ("hours_ago", "how", "mark"),
    [
        (25.95, {}, ("ok", "Completed")),
        (26.05, {}, ("error", "Older than 26 hours")),
        (2, {"ended": False}, ("running", "Running")),
        (27, {"ended": False}, ("error", "Older than 26 hours")),
        (2, {"ended": False, "failed": True}, ("error", "Failed")),
    ],
)
def test_a_nightly_run_that_failed_or_is_older_than_26_hours_is_marked_red(
    acme, globex, erin, hours_ago, how, mark, sign_in
):
    night(globex, hours_ago=1)
    night(acme, hours_ago=60)
    night(acme, hours_ago=hours_ago, **how)
    assert nightly_card(sign_in(erin), acme)[:2] == mark


@pytest.mark.spec("AC-SUM-3")
@pytest.mark.parametrize(("days", "kind"), [(0, "waiting"), (2, "error")])
def test_an_organisation_without_any_run_is_marked_once_it_has_missed_one(acme, globex, erin, days, kind, sign_in):
    night(globex, hours_ago=1)
    Tenant.objects.filter(pk=acme.pk).update(created_at=timezone.now() - timedelta(days=days))
    assert nightly_card(sign_in(erin), acme)[0] == kind


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (timedelta(milliseconds=300), "less than a second"),
        (timedelta(seconds=42), "42 s"),
        (timedelta(minutes=3, seconds=5), "3 min 5 s"),
        (timedelta(hours=2, minutes=11), "2 h 11 min"),
    ],
)
def test_the_nightly_run_tells_when_how_long_and_with_what_result(acme, globex, erin, length, words, sign_in):
    night(acme, hours_ago=3, minutes=length.total_seconds() / 60)
    text = nightly_card(sign_in(erin), acme)[2]
    assert f"took {words} 7 backups made" in text
    assert "Completed" in text


def test_a_run_that_an_error_stops_has_failed_until_it_goes_on(acme, globex, alice, sign_in, monkeypatch):
    crowd(acme)
    crowd(globex)
    real = nightly_action._do_batch

    def breaks(run, profiles, kept):
        if run.tenant_id == acme.pk:
            raise RuntimeError("disk full")
        real(run, profiles, kept)

    monkeypatch.setattr("personalization.tasks.nightly.day_due", lambda tenant, now: now.date())
    monkeypatch.setattr(nightly_action, "_do_batch", breaks)
    run_nightly()
    assert nightly_card(sign_in(alice), acme)[:2] == ("error", "Failed")
    with globex.context():
        assert NightlyRun.objects.get().failed_at is None
    monkeypatch.setattr(nightly_action, "_do_batch", real)
    run_nightly()
    assert nightly_card(sign_in(alice), acme)[:2] == ("ok", "Completed")
