"""The main job in a real browser, by keyboard alone; every page clean for axe in both schemes and on a telephone."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from personalization.formats import manifest
from personalization.models import ReportedGroup, SettingsProfile, Task
from personalization.runner import run_tenant
from personalization.store import read_manifest
from tests import factories
from tests.tasks.work import submit

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

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


# Target size (WCAG 2.2, 2.5.8) is no rule that axe asks by itself.
AXE = {"rules": {"target-size": {"enabled": True}}}
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


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("dark", 390), ("light", 390)])
def test_every_page_is_clean_for_axe_and_fits_the_window(opened, addresses, scheme, width):
    found = []
    # As high as the longest page: what the task panel at the foot hides half of is no target of its own size.
    page = opened("alice", "", scheme=scheme, width=width, height=2600)
    root = re.sub(r"/t/acme/.*", "/t/acme/", page.url)
    for path in addresses:
        page.goto(root + path)
        for one in Axe().run(page, options=AXE).response["violations"]:
            found.append((path, one["id"], [node["html"][:160] for node in one["nodes"]][:3]))
        extra = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if extra > 0:
            found.append((path, "wider than the window by", extra))
    assert found == []


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_nothing_runs_out_of_its_fieldset_or_card(opened, addresses, width):
    found = []
    page = opened("alice", "", width=width)
    root = re.sub(r"/t/acme/.*", "/t/acme/", page.url)
    for path in addresses:
        page.goto(root + path)
        found += [(path, one) for one in page.evaluate(RUNS_OUT)]
    assert found == []
