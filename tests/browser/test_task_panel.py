"""The panel at the foot of every page: the current task, its buttons, the numbers, without leaving the page."""

import datetime
import re

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from personalization.actions import tasks as actions
from personalization.models import Task
from tests import factories
from tests.browser.looks import faults
from tests.tasks.work import read, submit

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def running(console):
    """A task of Alice that runs; one is ready and one is deferred."""
    acme, people, _ = console
    task, _ready, later = (submit(acme, people["alice"], name=name) for name in ("Roll-out", "Next", "Later"))
    run_after = timezone.now() + datetime.timedelta(hours=3)
    with acme.context():
        actions.defer_task(task=later, run_after=run_after, by=factories.actor(people["alice"]))
        Task.objects.filter(pk=task.pk).update(state="running", started_at=timezone.now(), done=5)
    return task


def test_the_collapsed_panel_tells_what_runs_and_pauses_and_cancels_it_on_any_page(console, opened, running):
    acme = console[0]
    page = opened("alice", "users/")
    now = page.locator("#task-now")
    expect(page.locator("#task-summary")).to_have_text("1 running · 1 ready · 1 deferred")
    expect(now.get_by_role("link", name="Roll-out")).to_be_visible()
    assert faults(page, "collapsed panel") == []
    page.set_viewport_size({"width": 1280, "height": 800})
    now.get_by_role("button", name="Pause task #1").focus()
    page.wait_for_timeout(2500)  # a poll replaces the button, the focus stays
    expect(now.get_by_role("button", name="Pause task #1")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Task #1 pauses after the users it works on now.")).to_be_visible()
    expect(page.locator("#task-summary")).to_have_text("1 ready · 1 paused · 1 deferred")
    assert read(acme, running).state == "paused"
    page.locator("#task-panel summary").click()
    expect(now).to_be_hidden()
    panel = page.locator("#task-list")
    panel.get_by_role("link", name="Cancel task #1").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel the task").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(panel.get_by_role("listitem").filter(has_text="Roll-out")).to_contain_text("Canceled")
    expect(page).to_have_url(re.compile(r"/users/$"))
    assert read(acme, running).state == "canceled"
    assert faults(page, "expanded panel") == []


def test_on_a_telephone_the_panel_covers_nothing(opened, running):
    page = opened("alice", "users/", width=390, height=844)
    expect(page.locator("#task-now").get_by_role("link", name="Roll-out")).to_be_attached()
    foot = page.evaluate("() => document.querySelector('main').getBoundingClientRect().bottom")
    assert page.locator(".task-panel").bounding_box()["y"] >= foot - 1
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")


def test_without_a_script_the_panel_is_a_page_whose_buttons_work(console, opened, running):
    page = opened("alice", "tasks/panel/", script=False)
    page.locator("main").get_by_role("button", name="Pause task #1").click()
    expect(page.get_by_text("Task #1 pauses after the users it works on now.")).to_be_visible()
    assert read(console[0], running).state == "paused"
