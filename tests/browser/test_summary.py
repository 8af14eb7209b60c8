"""The summary page in a real browser: without script, with script, in both schemes, on a telephone, for axe."""

import datetime

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from personalization.models import NightlyRun, SummaryCount
from personalization.summary import count
from personalization.tasks.summary import count_summary
from tests.browser.looks import faults

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

STATES = ["not counted", "being counted", "counted", "no worker, old run"]


def bring_to(world, state):
    now = timezone.now()
    if state != "not counted":
        count(world.pk)
    asked_at = {"being counted": now, "no worker, old run": now - datetime.timedelta(hours=1)}.get(state)
    with world.context():
        if asked_at:
            SummaryCount.objects.update(asked_at=asked_at, counted_at=asked_at - datetime.timedelta(hours=1))
        begun = now - datetime.timedelta(hours=40 if state == "no worker, old run" else 5)
        ended = begun + datetime.timedelta(seconds=94)
        NightlyRun.objects.create(tenant=world.tenant, day=begun.date(), started_at=begun, ended_at=ended, backups=12)


@pytest.mark.parametrize("state", STATES)
def test_every_state_of_the_page_is_clean_for_axe_and_fits_the_window(opened, console, state):
    bring_to(console[0], state)
    assert faults(opened("alice", "summary/"), state) == []


def test_figures_are_counted_without_any_script(opened, console):
    page = opened("erin", "summary/", script=False)
    expect(page.get_by_text("Not counted yet")).to_be_visible()
    page.get_by_role("button", name="Count now").click()
    expect(page.locator("#summary-count").get_by_text("The figures are being counted.")).to_be_visible()
    count_summary(str(console[0].pk))
    page.get_by_role("link", name="Show the result").click()
    expect(page.locator(".stat", has_text="Managed users").locator("strong")).to_have_text("12")
    expect(page.get_by_role("button", name="Count now")).to_be_visible()


def test_a_page_that_waits_for_the_count_shows_it_by_itself(opened, console):
    page = opened("erin", "summary/")
    page.get_by_role("button", name="Count now").click()
    expect(page.locator("#summary-count").get_by_text("The figures are being counted.")).to_be_visible()
    count_summary(str(console[0].pk))
    expect(page.locator(".stat", has_text="Managed users").locator("strong")).to_have_text("12", timeout=10_000)
    expect(page.get_by_role("row", name="Finance").first).to_be_visible()
