"""The main job in a real browser, by keyboard alone; every page clean for axe in both schemes and on a telephone."""

import re
from datetime import timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone
from playwright.sync_api import expect

from personalization.formats import manifest
from personalization.models import ReportedGroup, SettingsProfile, Task
from personalization.runner import run_tenant
from personalization.store import read_manifest
from tests import factories
from tests.browser.looks import faults
from tests.tasks.work import submit

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

LAST_VERSION = 2**63 - 1  # one more does not fit: the change of this profile fails, in the database itself
OLD, NEW = factories.settings(theme="light"), factories.settings(theme="dark", zoom="110")


def reach(page, locator, key="Tab", most=80):
    """Press a key until the element has the focus: what somebody without a mouse does."""
    for _ in range(most):
        if locator.evaluate("node => node === document.activeElement"):
            return
        page.keyboard.press(key)
    raise AssertionError(f"{locator} is not reached by {key}")


def press(page, locator):
    reach(page, locator)
    page.keyboard.press("Enter")


def current(world, profile):
    with world.context():
        return read_manifest(SettingsProfile.objects.select_related("snapshot").get(pk=profile.pk).snapshot)


def test_support_desk_finds_a_user_restores_and_undoes_by_keyboard_alone(opened, console):
    acme, _, users = console
    _, profile = users[3]
    page = opened("bob", "")
    page.keyboard.press("/")
    page.keyboard.type("user03")
    page.keyboard.press("Enter")
    press(page, page.get_by_role("link", name="user03", exact=True))
    press(page, page.get_by_role("link", name="Mail client", exact=True))
    press(page, page.get_by_role("link", name="Restore").first)
    confirm = page.get_by_role("button", name="Restore Mail client")
    expect(confirm).to_be_visible()
    press(page, confirm)
    expect(page.get_by_text("Restored Mail client")).to_be_visible()
    assert current(acme, profile) == manifest.decode(manifest.encode(OLD))
    press(page, page.get_by_role("button", name="Undo the last change"))
    expect(page.get_by_text("Put back Mail client")).to_be_visible()
    assert current(acme, profile) == manifest.decode(manifest.encode(NEW))


def test_an_administrator_runs_a_task_watches_it_finish_and_undoes_it_by_keyboard_alone(opened, console):
    acme, _, users = console
    page = opened("erin", "tasks/")
    press(page, page.get_by_role("link", name="New task"))
    reach(page, page.get_by_role("radio", name="Create backups"))
    page.keyboard.press("ArrowDown")
    for name in ("Application", "Finance"):
        reach(page, page.get_by_role("checkbox", name=name, exact=True))
        page.keyboard.press("Space")
    press(page, page.get_by_role("button", name="Preview"))
    expect(page.get_by_text("12", exact=True).first).to_be_visible()
    press(page, page.get_by_role("button", name="Start the task"))
    expect(page.get_by_text("is in the queue for 12 users")).to_be_visible()
    run_tenant(acme.pk)
    expect(page.locator("#task-progress").get_by_text("Completed")).to_be_visible(timeout=10_000)
    assert all(current(acme, profile) == manifest.decode(manifest.encode(OLD)) for _, profile in users)
    press(page, page.get_by_role("link", name="Undo the task"))
    confirm = page.get_by_role("dialog").get_by_role("button", name="Undo the task")
    expect(confirm).to_be_visible()
    press(page, confirm)
    expect(page.get_by_text("undoes what task #1 changed")).to_be_visible()
    run_tenant(acme.pk)
    expect(page.locator("#task-progress").get_by_text("Completed")).to_be_visible(timeout=10_000)
    assert all(current(acme, profile) == manifest.decode(manifest.encode(NEW)) for _, profile in users)


def test_a_user_is_restored_without_any_script(opened, console):
    acme, _, users = console
    user, profile = users[0]
    page = opened("bob", f"users/{user.pk}/settings/{profile.pk}/", script=False)
    page.get_by_role("link", name="Restore").first.click()
    page.get_by_role("button", name="Restore Mail client").click()
    expect(page.get_by_text("Restored Mail client")).to_be_visible()
    assert current(acme, profile) == manifest.decode(manifest.encode(OLD))


PAGES = [
    "",
    "users/",
    "users/{user}/",
    "users/{user}/settings/{profile}/",
    "tasks/",
    "tasks/new/",
    "tasks/{task}/",
    "summary/",
    "audit/",
    "account/",
]


# What stands in a fieldset, a card or a table's frame must not run out of it, whichever way, nor lie over what follows.
RUNS_OUT = """() => [...document.querySelectorAll("main fieldset, main .card")].flatMap((box) => {
  const frame = box.getBoundingClientRect();
  return [...box.querySelectorAll("*")].filter((each) => {
    const rect = each.getBoundingClientRect();
    const seen = rect.width > 1 && rect.height > 1 && each.checkVisibility();
    const scrolled = each.parentElement.closest(".table-wrap, .menu-items, svg, .choices[tabindex], .visually-hidden");
    return seen && !scrolled && !each.matches(".menu-items") &&
      (rect.right > frame.right + 1 || rect.left < frame.left - 1 || rect.bottom > frame.bottom + 1);
  }).slice(0, 2).map((each) => `${box.tagName} ${each.outerHTML.slice(0, 100)}`);
})"""
LONG = "Roamkeep Primary Administrators of the head office"


@pytest.fixture
def addresses(console):
    """Every page's address, with a task that has run, and with groups whose names are many and long."""
    acme, people, users = console
    with acme.context():
        for number in range(9):
            factories.settings_group(acme, f"Application number {number} of the head office")
            ReportedGroup.objects.create(tenant=acme.tenant, name=f"ACME\\{LONG} {number}")
    factories.group(acme, LONG, members=[people["alice"]])
    task = submit(acme, people["alice"])
    run_tenant(acme.pk)
    with acme.context():
        assert Task.objects.get().state == "completed"
    return [path.format(user=users[0][0].pk, profile=users[0][1].pk, task=task.pk) for path in PAGES]


def test_every_page_is_clean_for_axe_fits_the_window_and_keeps_inside_its_frames(opened, addresses):
    page = opened("alice", "")
    root = re.sub(r"/t/acme/.*", "/t/acme/", page.url)
    found = []
    for path in addresses:
        page.goto(root + path)
        found += faults(page, path or "home", script=RUNS_OUT)
        page.set_viewport_size({"width": 768, "height": 1000})
        found += [(path, 768, one) for one in page.evaluate(RUNS_OUT)]
    assert found == []


def test_the_account_is_clean_beside_a_running_task_on_a_telephone(opened, console):
    acme, people, _ = console
    task = submit(acme, people["alice"])
    with acme.context():
        Task.objects.filter(pk=task.pk).update(state="running", started_at=timezone.now())
    page = opened("alice", "account/", width=390, height=844)
    expect(page.locator("#task-count")).to_have_text("1")
    page.locator("#task-indicator").click()
    expect(page.locator("#task-list").get_by_role("link", name="Roll-out")).to_be_visible()
    assert faults(page, "account", height=844) == []


def test_pages_that_refuse_are_clean_for_axe_and_fit_the_window(opened, console, monkeypatch):
    acme, people, _ = console
    opened.expected += ["status of 500", "status of 503"]
    page = opened("bob", "user-roles/")
    root = page.url.removesuffix("user-roles/")

    def look(status, title):
        expect(page).to_have_title(re.compile(title))
        return faults(page, str(status), height=900)

    found = look(403, "You do not have the right")
    for path, status, title in (
        ("nothing/", 404, "Not found"),
        ("users/?after=junk", 400, "This address cannot be read"),
        ("invitations/x/", 410, "This link is no longer valid"),
    ):
        assert page.goto(root + path).status == status
        found += look(status, title)
    for status, error in ((503, OperationalError("away")), (500, RuntimeError("ours"))):
        with monkeypatch.context() as patch:
            patch.setattr("personalization.views.users.list_page", raiser(error))
            assert page.goto(root + "users/").status == status
        found += look(status, "Back in a moment" if status == 503 else "Something went wrong here")
    task = submit(acme, people["alice"])
    page = opened("alice", f"tasks/{task.pk}/")
    with acme.context():
        Task.objects.filter(pk=task.pk).update(version=7)
    page.get_by_role("button", name="Pause", exact=True).click()
    found += look(409, "Not done")
    page.context.clear_cookies()
    page.goto(root + "nothing/")
    found += look("404 without a session", "Not found")
    assert found == []


def raiser(error):
    def fail(*args, **kwargs):
        raise error

    return fail


def test_failed_users_are_seen_with_the_reason_and_tried_again_by_keyboard(opened, console, monkeypatch):
    acme, _, users = console
    monkeypatch.setattr("personalization.runner.batch.FIRST_PAUSE", timedelta())
    broken = [profile.pk for _, profile in users[:2]]
    page = opened("erin", "tasks/new/")  # before the task: the panel then knows of none
    with acme.context():
        SettingsProfile.objects.filter(pk__in=broken).update(version=LAST_VERSION)
    task = submit(acme, console[1]["erin"])
    run_tenant(acme.pk)
    page.goto(re.sub("tasks/new/$", f"tasks/{task.pk}/", page.url))
    progress = page.locator("#task-progress")
    expect(progress.get_by_text("2 users failed")).to_be_visible()
    press(page, page.get_by_role("link", name="Show them with the reason"))
    expect(page.locator("tbody th a")).to_have_text([r"FINANCE\user00", r"FINANCE\user01"])
    expect(page.get_by_text("An internal fault (DataError)").first).to_be_visible()
    assert faults(page, "failed users") == []
    page.set_viewport_size({"width": 1280, "height": 800})
    with acme.context():  # the fault is found and mended
        SettingsProfile.objects.filter(pk__in=broken).update(version=1)
    press(page, page.get_by_role("button", name="Retry failed"))
    expect(page.get_by_text(f"The failed users of task #{task.number} are tried again.")).to_be_visible()
    expect(page.get_by_role("button", name="Retry failed")).to_be_hidden()
    run_tenant(acme.pk)
    expect(progress.get_by_text("Completed", exact=True)).to_be_visible(timeout=10_000)
    expect(page.get_by_role("link", name="Show them with the reason")).to_have_count(0)
    assert all(current(acme, profile) == manifest.decode(manifest.encode(OLD)) for _, profile in users)
