"""User Roles in a real browser: by keyboard alone, without a script, in both colour schemes and on a telephone."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from playwright.sync_api import expect

from roles.catalogue import Role
from roles.models import RoleAssignment
from tests import factories
from tests.roles.conftest import connect

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def world(live_server, openldap):
    """Acme with Alice, Bob and two groups, connected to a real directory."""
    acme = factories.world("acme", "Acme Industries")
    alice = factories.member(acme, "Alice Adler", "alice", role=Role.PRIMARY_ADMIN)
    bob = factories.member(acme, "Bob Brandt", "bob", role=Role.SUPPORT_DESK, groups=[acme.finance])
    factories.entry(acme, factories.group(acme, "Finance Leads", members=[bob]), Role.ADMIN, [acme.finance, acme.sales])
    connect(acme, openldap)
    return acme, alice, bob


@pytest.fixture
def opened(world, live_server, new_context, sign_in):
    """Return a function: Alice opens an address. A script error or a policy violation fails the test."""
    acme, alice, _ = world
    session = sign_in(alice).cookies[settings.SESSION_COOKIE_NAME].value
    problems = []

    def open_page(path, *, width=1280, height=800, scheme="light", script=True):
        context = new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            java_script_enabled=script,
            reduced_motion="reduce",
        )
        context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}])
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.goto(f"{live_server.url}{acme.url(path)}")
        return page

    yield open_page
    # An answer with 4xx, and a request that was still under way when its page was left, are no errors of ours.
    expected = ("status of 4", "htmx:afterRequest", "htmx:sendError", "htmx:sendAbort")
    assert [text for text in problems if not any(one in text for one in expected)] == []


def violations(page):
    return [
        (found["id"], [node["html"][:200] for node in found["nodes"]])
        for found in Axe().run(page).response["violations"]
    ]


def overflow(page):
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


def press_until(page, key, locator, most=60):
    """Press a key until the element has the focus: what somebody without a mouse does."""
    for _ in range(most):
        if locator.evaluate("node => node === document.activeElement"):
            return
        page.keyboard.press(key)
    raise AssertionError(f"{locator} is not reached by {key}")


def test_a_group_of_the_directory_is_added_by_keyboard_alone(opened, world):
    acme, *_ = world
    page = opened("user-roles/")
    press_until(page, "Tab", page.get_by_role("link", name="Add", exact=True))
    page.keyboard.press("Enter")
    press_until(page, "Tab", page.get_by_role("link", name="Browse directory"))
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/browse/"))
    unit = page.locator("summary", has_text="Hard Cases")
    press_until(page, "Tab", unit)
    page.keyboard.press("Enter")
    group = page.get_by_role("radio", name="Night (Shift) & Ladders")
    expect(group).to_be_visible()
    first = page.locator(".tree input[type=radio]").first
    press_until(page, "Tab", first)
    press_until(page, "ArrowDown", group)
    press_until(page, "Tab", page.get_by_role("button", name="Next"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Add Night (Shift) & Ladders")
    press_until(page, "Tab", page.get_by_role("radio", name="Support Desk"))
    page.keyboard.press("ArrowUp")
    expect(page.get_by_role("radio", name="Administrator Works")).to_be_checked()
    press_until(page, "Tab", page.get_by_role("checkbox", name="Sales"))
    page.keyboard.press("Space")
    press_until(page, "Tab", page.get_by_role("button", name="Add group"))
    page.keyboard.press("Enter")
    expect(page.get_by_text("Night (Shift) & Ladders was added as Administrator.")).to_be_visible()
    with acme.context():
        assert RoleAssignment.objects.get(subject_name="Night (Shift) & Ladders").role == Role.ADMIN


def test_an_entry_is_edited_in_the_dialog_and_the_list_follows(opened):
    page = opened("user-roles/")
    edit = page.get_by_role("link", name="Edit Bob Brandt")
    press_until(page, "Tab", edit)
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("radio", name="Support Desk")).to_be_checked()
    dialog.get_by_role("radio", name="Primary Administrator").check()
    expect(dialog.get_by_role("checkbox", name="Finance")).to_be_hidden()
    dialog.get_by_role("radio", name="Administrator Works").check()
    dialog.get_by_role("checkbox", name="Engineering").check()
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_be_hidden()
    row = page.get_by_role("row", name="Bob Brandt")
    expect(row).to_contain_text("Administrator")
    expect(row).to_contain_text("Engineering")
    expect(page.get_by_text("Bob Brandt is now Administrator.")).to_be_visible()


def test_wrong_input_stays_in_the_dialog_with_its_message(opened):
    page = opened("user-roles/")
    page.get_by_role("link", name="Edit Bob Brandt").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("checkbox", name="Finance").uncheck()
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_text("Choose at least one group for this role.").first).to_be_visible()


def test_the_last_primary_administrator_cannot_be_deleted(opened, world):
    page = opened("user-roles/")
    page.get_by_role("link", name="Delete Alice Adler").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete entry").click()
    expect(page.get_by_role("dialog")).to_contain_text("Nobody would be left who may give roles.")


def test_the_selection_is_deleted_after_one_question(opened):
    page = opened("user-roles/")
    for name in ("Bob Brandt", "Finance Leads"):
        page.get_by_role("checkbox", name=f"Select {name}").check()
    page.get_by_role("button", name="Delete", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("This cannot be undone.")
    dialog.get_by_role("button", name="Delete 2 entries").click()
    expect(page.get_by_text("2 entries were removed.")).to_be_visible()
    expect(page.get_by_role("row")).to_have_count(2)


def test_search_answers_while_typing(opened):
    page = opened("user-roles/add/")
    page.keyboard.type("night")
    expect(page.get_by_role("radio", name="Night (Shift) & Ladders")).to_be_visible()
    page.get_by_role("searchbox", name="First characters").fill("*)(objectClass=*")
    expect(page.get_by_text("Nobody found")).to_be_visible()


def test_more_of_a_large_unit_comes_on_demand_and_keeps_the_keyboards_place(opened):
    page = opened("user-roles/add/browse/")
    page.locator("summary", has_text="Crowd").click()
    radios = page.locator(".tree input[type=radio]")
    expect(radios).to_have_count(100)
    more = page.get_by_role("link", name="Show more")
    more.focus()
    page.keyboard.press("Enter")
    expect(radios).to_have_count(200)
    assert radios.nth(100).evaluate("node => node === document.activeElement")


def test_everything_works_without_a_script(opened):
    page = opened("user-roles/add/browse/", script=False)
    page.locator("summary", has_text="Hard Cases").click()
    page.get_by_role("link", name="Open Hard Cases").click()
    page.get_by_role("radio", name="Loop A").check()
    page.get_by_role("button", name="Next").click()
    page.get_by_role("checkbox", name="Finance").check()
    page.get_by_role("button", name="Add group").click()
    expect(page.get_by_text("Loop A was added as Support Desk.")).to_be_visible()
    page.get_by_role("link", name="Delete Loop A").click()
    page.get_by_role("button", name="Delete entry").click()
    expect(page.get_by_text("Loop A was removed from User Roles.")).to_be_visible()
    page.get_by_role("link", name="Why can …?").click()
    page.get_by_role("searchbox", name="Person").fill("bob")
    page.get_by_role("button", name="Find").click()
    page.get_by_role("link", name="Bob Brandt").click()
    page.get_by_role("button", name="Answer").click()
    expect(page.get_by_text("Yes, Bob Brandt may open users and their settings.")).to_be_visible()


PAGES = ["user-roles/", "user-roles/add/?q=a", "user-roles/add/browse/", "user-roles/why/?q=b"]


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "light"), (320, "dark")])
def test_pages_are_accessible_and_fit(opened, world, scheme, width):
    acme, _, bob = world
    with acme.context():
        entry = RoleAssignment.objects.get(membership=bob)
    page = opened(PAGES[0], width=width, scheme=scheme)
    more = [
        f"user-roles/add/role/?subject=group:{factories.group(acme, 'New group').pk}",
        f"user-roles/{entry.pk}/",
        f"user-roles/{entry.pk}/remove/",
        f"user-roles/why/?person={bob.pk}&permission=users.change&group={acme.finance}",
    ]
    base = page.url.removesuffix(acme.url(PAGES[0]))
    for path in [*PAGES, *more]:
        page.goto(f"{base}{acme.url(path)}")
        if "browse" in path:
            page.locator("summary", has_text="Hard Cases").click()
            expect(page.get_by_role("radio", name="Loop A")).to_be_visible()
        assert overflow(page) == 0, path
        assert violations(page) == [], path


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_dialogs_are_accessible(opened, scheme):
    page = opened("user-roles/", scheme=scheme)
    for name in ("Edit Bob Brandt", "Delete Bob Brandt"):
        page.get_by_role("link", name=name).click()
        expect(page.get_by_role("dialog")).to_be_visible()
        assert violations(page) == []
        page.keyboard.press("Escape")
        expect(page.get_by_role("link", name=name)).to_be_focused()
