"""Esc gives the focus back to what opened a window or a menu, by mouse and by keyboard, wherever one opens."""

import re

import pytest
from playwright.sync_api import expect

from tests import factories
from tests.browser.looks import overflow, resize
from tests.licensing import people
from tests.tasks.work import submit

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True, databases=["default", "operator"])]
OPENERS = "main [aria-haspopup=dialog]"
NAME = "(node) => node.getAttribute('aria-label') || node.textContent.trim()"


@pytest.fixture
def group(console):
    """Alice owns it; Frank is User, Gina Admin, Ines invited; one address is blocked."""
    acme, cast, _ = console
    group = people.license_group(acme, cast["alice"], seats=9)
    people.join(acme, group, people.person(acme, "Frank Fuchs"))
    people.join(acme, group, people.person(acme, "Gina Gold"), is_user=False, is_admin=True)
    people.invited(acme, group, "ines@acme.test", by=factories.actor(cast["alice"]))
    return group


def come_back(page, opener, by_mouse, *, menu=None):
    """Open a window and leave it with Esc: the focus is on what opened it, or on the button of its menu."""
    if menu:
        menu.locator("summary").click()
    if by_mouse:
        opener.click()
    else:
        opener.focus()
        page.keyboard.press("Enter")
    window = page.get_by_role("dialog")
    expect(window).to_be_visible()
    if by_mouse:
        window.locator("#dialog-title").click()  # somebody reads, and clicks somewhere: menus close
    page.keyboard.press("Escape")
    expect(window).to_be_hidden()
    expect(menu.locator("summary") if menu else opener).to_be_focused()


def try_everything(page, by_mouse):
    """Open every window of the page and every menu, and come back; return the names of what opened one."""
    names = []
    for menu in page.locator("main .menu").all():
        if not menu.is_visible():
            continue
        button = menu.locator("summary")
        if by_mouse:
            button.click()
        else:
            button.press("Enter")
        expect(menu).to_have_attribute("open", "")
        if (off := menu.locator("button:disabled")).count():
            off.first.click(force=True)  # which takes the focus from the button
        page.keyboard.press("Escape")
        expect(menu).not_to_have_attribute("open", "")
        expect(button).to_be_focused()
        for entry in menu.locator("[aria-haspopup=dialog]:enabled, a[aria-haspopup=dialog]").all():
            names.append(entry.evaluate(NAME))
            come_back(page, entry, by_mouse, menu=menu)
    for opener in page.locator(f"{OPENERS}:not(.menu *)").all():
        if opener.is_visible() and opener.is_enabled():
            names.append(opener.evaluate(NAME))
            come_back(page, opener, by_mouse)
    return names


@pytest.mark.parametrize("by_mouse", [True, False], ids=["mouse", "keyboard"])
def test_the_focus_returns_to_what_opened_a_window_or_a_menu(opened, console, group, by_mouse):
    acme, cast, users = console
    user, profile = users[0]
    task = submit(acme, cast["alice"])
    one = f"licensing/{group.pk}"
    page = opened("alice", f"{one}/users/")
    root = re.sub(r"/t/acme/.*", "/t/acme/", page.url)
    page.get_by_label("Select frank@acme.test").check()
    names = try_everything(page, by_mouse)
    assert {"Remove", "Edit frank@acme.test", "Resend ines@acme.test", "Add New Users"} <= set(names)
    page.locator(".bulk summary").click()
    page.get_by_role("button", name="Account of").click()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Account of")).to_be_focused()
    for path, known in (
        (f"{one}/blocked/", "Block User Roles"),
        ("user-roles/", "Delete Bob Brandt"),
        (f"users/{user.pk}/", None),
        (f"users/{user.pk}/settings/{profile.pk}/", "Restore"),
        (f"tasks/{task.pk}/", "Cancel"),
    ):
        page.goto(root + path)
        if (pick := page.locator("tbody .pick input")).count():
            pick.first.check()
        names = try_everything(page, by_mouse)
        assert known is None or known in names


def test_the_focus_finds_its_row_again_when_the_list_was_read_anew_behind_the_window(opened, group):
    page = opened("alice", f"licensing/{group.pk}/users/")
    page.get_by_role("link", name="Edit frank@acme.test").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    with page.expect_response(re.compile("/users/")):
        page.evaluate("htmx.trigger(document.body, 'license-members-changed')")
    expect(page.locator("#announce")).to_have_text("4 members and invitations")
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Edit frank@acme.test")).to_be_focused()


def test_icons_of_a_kind_stand_in_one_column_and_the_menu_leaves_the_count_in_view(opened, group):
    page = opened("alice", f"licensing/{group.pk}/users/")
    places = page.locator("td.row-actions a").evaluate_all(
        "(links) => links.map((link) => [link.title, Math.round(link.getBoundingClientRect().x)])"
    )
    kinds = {title for title, _place in places}
    assert kinds == {"Edit", "Block User Role", "Resend", "Remove"}
    assert len(set(map(tuple, places))) == len(kinds)
    resize(page, 390, 844)
    assert overflow(page) == 0
    page.get_by_label("Select frank@acme.test").check()
    page.locator(".bulk summary").click()
    entries, count = page.locator(".bulk .menu-items").bounding_box(), page.locator(".bulk-count").bounding_box()
    assert entries["y"] + entries["height"] <= count["y"]
    assert entries["x"] >= 0
    assert entries["x"] + entries["width"] <= 390
