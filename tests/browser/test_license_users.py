"""Users tab and Blocked User Roles in a real browser: by mouse, by keyboard alone, without a script, clean for axe."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from tests import factories
from tests.browser.looks import faults
from tests.browser.test_flows import press, reach
from tests.licensing import people
from tests.licensing.pages import at

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True, databases=["default", "operator"]),
]


@pytest.fixture
def tab(console):
    """Alice owns Printers; Frank is User, Gina User and Admin, Hugo Admin; one invitation open, one expired."""
    acme, staff, _ = console
    alice = staff["alice"]
    group = people.license_group(acme, alice, seats=12)
    by = factories.actor(alice)
    frank, gina, hugo = (
        people.join(acme, group, people.person(acme, name), **roles)
        for name, roles in (
            ("Frank Fuchs", {}),
            ("Gina Gold", {"is_admin": True}),
            ("Hugo Hess", {"is_user": False, "is_admin": True}),
        )
    )
    people.invited(acme, group, "ines@acme.test", by=by)
    late = people.invited(acme, group, "jan@acme.test", by=by)
    people.change(acme, late, expires_at=timezone.now() - timedelta(days=1))
    return acme, group, {"frank": frank, "gina": gina, "hugo": hugo}


def path(tab, below):
    acme, group, _ = tab
    return at(acme, group, below).removeprefix(acme.url())


def pick(page, *names):
    for name in names:
        page.get_by_role("checkbox", name=f"Select {name}@acme.test").check()


@pytest.mark.spec("LG-23", "LG-45", "LG-46", "LG-81", "LG-83", "LG-84", "LG-85", "LG-95", "LG-113")
def test_the_menu_follows_the_selection_and_edit_user_has_three_states(opened, tab):
    acme, _, rows = tab
    page = opened("alice", path(tab, "users/"))
    menu = page.locator(".bulk summary")
    expect(menu).to_be_hidden()
    pick(page, "frank", "gina")
    menu.click()
    entry = lambda name: page.locator(".bulk").get_by_role("button", name=name)  # noqa: E731
    for name, works in (("Edit", True), ("Block User Role", True), ("Resend", False), ("Remove", True)):
        expect(entry(name)).to_be_enabled(enabled=works)
    pick(page, "hugo")  # the menu closes with a click elsewhere
    menu.click()
    expect(entry("Block User Role")).to_be_disabled()
    pick(page, "alice")
    menu.click()
    expect(entry("Remove")).to_be_disabled()
    page.get_by_role("checkbox", name="Select alice@acme.test").uncheck()
    menu.click()
    expect(entry("Remove")).to_be_enabled()
    entry("Edit").click()
    window = page.get_by_role("dialog")
    user, admin = (window.get_by_role("checkbox", name=name, exact=True) for name in ("User", "Admin"))
    save = window.get_by_role("button", name="Save")
    for box in (user, admin):
        expect(box).to_have_attribute("aria-checked", "mixed")
    expect(save).to_be_disabled()
    expect(window.get_by_text("Decide each role first")).to_be_visible()
    for state in ("true", "false", "true"):
        user.click()
        expect(user).to_have_attribute("aria-checked", state)
        expect(save).to_be_disabled()
    admin.click()
    expect(save).to_be_enabled()
    for _ in range(2):
        user.click()
    expect(save).to_be_enabled()
    admin.click()
    user.click()
    expect(save).to_be_disabled()
    expect(window.get_by_text("Choose at least one role")).to_be_visible()
    user.click()
    admin.click()
    save.click()
    expect(window).to_be_hidden()
    expect(page.get_by_text("2 members were changed.")).to_be_visible()
    assert {people.fresh(acme, row).roles for row in rows.values()} == {"User, Admin"}


@pytest.mark.spec("LG-57", "LG-86", "LG-110")
def test_leaving_a_window_changes_nothing(opened, tab):
    acme, _, rows = tab
    page = opened("alice", path(tab, "users/"))
    window = page.get_by_role("dialog")
    page.get_by_role("link", name="Edit frank@acme.test").click()
    window.get_by_role("checkbox", name="Admin", exact=True).click()
    page.keyboard.press("Escape")
    expect(window).to_be_hidden()
    page.get_by_role("link", name="Block User Role frank@acme.test").click()
    expect(window.get_by_role("button", name="Block User Role")).to_be_visible()
    page.mouse.click(5, 5)
    expect(window).to_be_hidden()
    assert people.fresh(acme, rows["frank"]).version == 1


@pytest.mark.spec("LG-77", "LG-109", "LG-111", "LG-118", "LG-121")
def test_edit_block_and_unblock_by_keyboard_alone(opened, tab):
    acme, group, rows = tab
    page = opened("alice", path(tab, "users/"))
    window = page.get_by_role("dialog")
    press(page, page.get_by_role("link", name="Edit frank@acme.test"))
    reach(page, window.get_by_role("checkbox", name="Admin", exact=True))
    page.keyboard.press("Space")
    press(page, window.get_by_role("button", name="Save"))
    expect(page.get_by_role("row", name=re.compile("frank@acme.test User, Admin"))).to_be_visible()
    press(page, page.get_by_role("link", name="Block User Role frank@acme.test"))
    press(page, window.get_by_role("button", name="Block User Role"))
    expect(page.get_by_role("row", name=re.compile("frank@acme.test Admin"))).to_be_visible()
    assert people.fresh(acme, rows["frank"]).roles == "Admin"
    press(page, page.get_by_role("link", name="Blocked User Roles"))
    press(page, page.get_by_role("link", name="Block User Roles", exact=True))
    entry = window.get_by_role("textbox", name="Email addresses")
    reach(page, entry)
    page.keyboard.type("stranger@else.test")
    page.keyboard.press("Enter")
    press(page, window.get_by_role("button", name="Block", exact=True))
    press(page, window.get_by_role("button", name="Block User Role"))
    expect(page.get_by_role("row", name=re.compile("stranger@else.test"))).to_be_visible()
    press(page, page.get_by_role("link", name="Unblock frank@acme.test"))
    press(page, window.get_by_role("button", name="Remove"))
    expect(page.get_by_role("link", name="Unblock frank@acme.test")).to_be_hidden()
    assert people.blocks(acme, group) == {"stranger@else.test"}


@pytest.mark.spec("LG-84")
def test_without_a_script_radio_buttons_say_the_same(opened, tab):
    acme, _, rows = tab
    page = opened("alice", path(tab, "users/"), script=False)
    pick(page, "frank", "gina")
    page.locator(".bulk summary").click()
    page.locator(".bulk").get_by_role("button", name="Edit").click()
    admin = page.get_by_role("group", name="Admin")
    expect(admin.get_by_role("radio", name="Mixed, as now: 1 of 2")).to_be_checked()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Mixed cannot be saved.").first).to_be_visible()
    admin.get_by_role("radio", name="Everybody").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("1 member was changed.")).to_be_visible()
    assert people.fresh(acme, rows["frank"]).roles == "User, Admin"
    page.get_by_role("link", name="Blocked User Roles").click()
    page.get_by_role("link", name="Block User Roles", exact=True).click()
    expect(page.get_by_text("One address per line")).to_be_visible()
    page.get_by_role("textbox", name="Email addresses").fill("a@else.test\nb@else.test")
    page.get_by_role("button", name="Block", exact=True).click()
    page.get_by_role("button", name="Block User Roles").click()
    expect(page.get_by_role("row", name=re.compile("b@else.test"))).to_be_visible()


def test_both_tabs_and_their_windows_are_clean_for_axe_and_fit_the_window(opened, tab):
    page = opened("alice", path(tab, "users/"))
    root = page.url.removesuffix("users/")
    window = page.get_by_role("dialog")
    pick(page, "frank", "gina")
    page.locator(".bulk summary").click()
    found = faults(page, "users with the menu", height=1400)
    for name in ("Edit", "Block User Role", "Remove"):
        page.locator(".bulk").get_by_role("button", name=name).click()
        expect(window.locator("form[method=post]")).to_be_visible()
        found += faults(page, name, height=1400)
        page.keyboard.press("Escape")
        expect(window).to_be_hidden()
        page.locator(".bulk summary").click()
    page.goto(root + "blocked/")
    found += faults(page, "blocked, empty", height=1400)
    page.get_by_role("link", name="Block User Roles", exact=True).click()
    expect(window.get_by_role("textbox", name="Email addresses")).to_be_visible()
    expect(window.get_by_text("Type an address and press Enter")).to_be_visible()
    found += faults(page, "block by address", height=1400)
    assert found == []
