"""The tab Devices in a real browser: both schemes, on a telephone, for axe, by keyboard and without a script."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from licensing.models import Device
from tests import factories
from tests.licensing import people
from tests.licensing.devices import device, names

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True, databases=["default", "operator"])]
AXE = {"rules": {"target-size": {"enabled": True}}}
KEY = re.compile(r"rkd_[A-Za-z0-9_-]{43}")


@pytest.fixture
def printers(console):
    """Alice's group with three devices."""
    acme, cast, _users = console
    alice = cast["alice"]
    alice.user.email = alice.user.email_key = "alice@acme.test"
    alice.user.save()
    group = people.license_group(acme, alice, name="Printers Berlin")
    for name in (
        "Printer 1st floor",
        "Printer canteen",
        "Printer with a long name beside the goods lift in the basement",
    ):
        device(acme, group, name, by=factories.actor(alice))
    with acme.context():
        Device.objects.filter(name="Printer canteen").update(last_seen_at=alice.created_at)
    return acme, group


def check(page, where):
    """Return what axe finds, and whether the page is wider than the window."""
    found = [
        (where, one["id"], [node["html"][:160] for node in one["nodes"]][:3])
        for one in Axe().run(page, options=AXE).response["violations"]
    ]
    if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
        found.append((where, "wider than the window"))
    return found


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("dark", 390), ("light", 390)])
def test_the_page_and_the_key_are_clean_for_axe_and_fit_the_window(opened, printers, scheme, width):
    _acme, group = printers
    page = opened("alice", f"licensing/{group.pk}/devices/", scheme=scheme, width=width, height=1000)
    found = check(page, "list")
    page.get_by_role("link", name="Add a device").click()
    page.get_by_role("dialog").get_by_label("Name").fill("Scanner")
    found += check(page, "add")
    page.get_by_role("dialog").get_by_role("button", name="Add").click()
    expect(page.get_by_role("textbox", name="Key", exact=True)).to_have_value(KEY)
    found += check(page, "key")
    assert found == []


def test_a_device_is_added_and_removed_by_keyboard(opened, printers):
    acme, group = printers
    page = opened("alice", f"licensing/{group.pk}/devices/")
    page.get_by_role("link", name="Add a device").focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Name")).to_be_visible()
    dialog.get_by_label("Name").focus()
    page.keyboard.type("Scanner")
    page.keyboard.press("Enter")
    expect(page.get_by_role("textbox", name="Key", exact=True)).to_have_value(KEY)
    dialog.get_by_role("link", name="The key is in the device").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("checkbox", name="Select Scanner")).to_be_visible()
    expect(page.get_by_text(KEY)).to_have_count(0)
    page.get_by_role("link", name="Remove Scanner").focus()
    page.keyboard.press("Enter")
    expect(dialog.get_by_text("Remove the device Scanner?")).to_be_visible()
    dialog.get_by_role("button", name="Remove").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("checkbox", name="Select Scanner")).to_have_count(0)
    assert "Scanner" not in names(acme, group)


def test_without_a_script_a_device_is_added_gets_a_new_key_and_several_are_removed(opened, printers):
    acme, group = printers
    page = opened("alice", f"licensing/{group.pk}/devices/", script=False)
    page.get_by_role("link", name="Add a device").click()
    page.get_by_role("textbox", name="Name").fill("Scanner")
    page.get_by_role("button", name="Add", exact=True).click()
    first = page.get_by_role("textbox", name="Key", exact=True).input_value()
    page.get_by_role("link", name="The key is in the device").click()
    page.get_by_role("link", name="New key Scanner").click()
    page.get_by_role("button", name="Make a new key").click()
    second = page.get_by_role("textbox", name="Key", exact=True).input_value()
    assert KEY.fullmatch(first) and KEY.fullmatch(second) and first != second
    page.get_by_role("link", name="The key is in the device").click()
    for name in ("Scanner", "Printer canteen"):
        page.get_by_role("checkbox", name=f"Select {name}").check()
    page.locator("details.menu summary", has_text="Actions").click()
    page.locator("form.bulk").get_by_role("button", name="Remove").click()
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("2 devices are removed.")).to_be_visible()
    assert len(names(acme, group)) == 2
