"""My Persona in a real browser: tiles by mouse, by buttons, by keys alone and without a script; axe in both schemes."""

import json

import pytest
from playwright.sync_api import expect

from tests.browser.looks import faults
from tests.browser.test_flows import RUNS_OUT, press, reach
from tests.licensing import people
from tests.persona import panels

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True, databases=["default", "operator"])]

START = panels.layout(panels.tile("t1", "copy"), panels.tile("t2", "fax", 2, 1), panels.tile("t3", "print", 1, 2, 2))


@pytest.fixture
def erins(console, opened, live_server):
    """Return a function: Erin, User of a license group, opens a page of hers."""
    acme, people_of, _ = console
    group = people.license_group(acme, people_of["alice"])
    people.join(acme, group, people_of["erin"])

    def open_page(path="", **options):
        page = opened("erin", "account/", **options)
        page.goto(f"{live_server.url}/persona/{path}")
        return page

    open_page.user, open_page.world, open_page.group = people_of["erin"].user, acme, group
    return open_page


@pytest.fixture
def panel(erins):
    return panels.panel(erins.user, "Office", layout=START)


def stored(erins, panel):
    return {one["id"]: one for one in panels.stored(erins.user)[panel.pk][1]["tiles"]}


def spot(page, column, row):
    """Return the middle of a cell in the window."""
    box = page.locator("#panel-grid").bounding_box()
    columns, rows = (int(page.locator("#panel-grid").get_attribute(f"data-{name}")) for name in ("columns", "rows"))
    return box["x"] + box["width"] * (column - 0.5) / columns, box["y"] + box["height"] * (row - 0.5) / rows


def drag(page, source, to):
    box = source.bounding_box()
    page.mouse.move(box["x"] + min(box["width"] / 2, 30), box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(*to, steps=8)
    page.mouse.up()


def said(page, text):
    expect(page.locator("#announce")).to_have_text(text)


def save(page):
    page.get_by_role("button", name="Save panel").click()
    expect(page.get_by_text("is saved")).to_be_visible()


def test_tiles_are_added_moved_and_removed_with_the_mouse(erins, panel):
    page = erins(f"{panel.pk}/", height=1200)
    drag(page, page.locator("#tile-t1"), spot(page, 4, 3))
    said(page, "“Copy” is now in column 4, row 3.")
    drag(page, page.locator("#tile-t2"), spot(page, 1, 2))
    expect(page.get_by_role("alert")).to_have_text("“Fax” would cover “Print my jobs”.")
    drag(page, page.locator("#add-app"), spot(page, 3, 1))
    said(page, "Added “App” in column 3, row 1.")
    grid = page.locator("#panel-grid").bounding_box()
    drag(page, page.locator("#tile-t2"), (grid["x"] + 40, grid["y"] - 60))
    said(page, "Removed “Fax”.")
    save(page)
    found = stored(erins, panel)
    assert {name: (one["kind"], one["column"], one["row"]) for name, one in found.items()} == {
        "t1": ("copy", 4, 3),
        "t3": ("print", 1, 2),
        "t4": ("app", 3, 1),
    }


def test_tiles_are_added_moved_sized_and_removed_by_keys_alone(erins, panel):
    page = erins(f"{panel.pk}/")
    reach(page, page.locator("#tile-t1"))
    page.keyboard.press("ArrowRight")
    said(page, "“Copy” and “Fax” have changed places.")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Shift+ArrowRight")
    said(page, "“Copy” is now 2 wide and 1 high.")
    expect(page.locator("#tile-t1")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("alert")).to_have_text("“Copy” would stand outside the panel.")
    reach(page, page.locator("#tile-t2"), "Shift+Tab")
    page.keyboard.press("Delete")
    said(page, "Removed “Fax”.")
    press(page, page.get_by_role("button", name="Favourites"))
    said(page, "Added “Favourites” in column 1, row 1.")
    label = page.get_by_label("Label")
    reach(page, label)
    page.keyboard.type("My own")
    page.keyboard.press("Enter")
    said(page, "“My own” is changed.")
    reach(page, page.get_by_role("button", name="Save panel"), "Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("is saved")).to_be_visible()
    found = stored(erins, panel)
    assert (found["t1"]["column"], found["t1"]["row"], found["t1"]["width"]) == (3, 2, 2)
    assert (found["t2"]["kind"], found["t2"]["label"]) == ("favourites", "My own")


def test_the_buttons_do_the_same_without_any_script(erins, panel):
    page = erins(f"{panel.pk}/", script=False)
    page.get_by_role("button", name="Fax, column 2").click()
    page.get_by_role("button", name="Move right").click()
    page.get_by_role("button", name="Taller").click()
    page.get_by_label("Label").fill("To the office")
    page.get_by_role("button", name="Apply", exact=True).last.click()
    page.get_by_role("button", name="App", exact=True).click()
    page.get_by_role("button", name="Remove tile").click()
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("button", name="Save panel").click()
    expect(page.get_by_text("is saved")).to_be_visible()
    found = stored(erins, panel)
    assert (found["t2"]["column"], found["t2"]["height"], found["t2"]["label"]) == (3, 2, "To the office")
    assert found["t4"]["kind"] == "app"


def test_a_panel_is_created_activated_deleted_and_brought_back(erins):
    page = erins()
    page.get_by_role("link", name="Create your first panel").click()
    page.get_by_role("textbox", name="Name").fill("Desk")
    page.get_by_role("button", name="Create panel").click()
    expect(page.get_by_role("heading", name="Desk", level=1)).to_be_visible()
    page.get_by_role("link", name="My Persona").last.click()
    page.get_by_role("button", name="Activate Desk").click()
    expect(page.get_by_text("is the active panel")).to_be_visible()
    page.get_by_label("More for Desk").click()
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Delete panel").click()
    expect(page.get_by_text("You have no panel yet")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("“Desk” is back.")).to_be_visible()
    expect(page.get_by_text("Active", exact=True)).to_be_visible()


def test_a_file_is_imported_in_the_dialog_after_its_mistake_was_told(erins, tmp_path):
    wrong, right = tmp_path / "wrong.json", tmp_path / "right.json"
    wrong.write_text(json.dumps(panels.layout(panels.tile(column=5))))
    right.write_text(json.dumps(START | {"name": "From a file"}))
    page = erins()
    page.get_by_role("link", name="Import a file").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("File").set_input_files(wrong)
    dialog.get_by_role("button", name="Import panel").click()
    expect(dialog.get_by_text("“Copy” would stand outside the panel.")).to_be_visible()
    dialog.get_by_label("File").set_input_files(right)
    dialog.get_by_role("button", name="Import panel").click()
    expect(page.get_by_role("heading", name="From a file", level=1)).to_be_visible()


def test_pages_are_clean_for_axe_and_fit_the_window(erins, panel):
    full = json.loads(json.dumps(START))
    full["tiles"][0] |= {
        "label": "Two black copies",
        "settings": {"colour": "black", "sides": "long-edge", "copies": 2},
    }
    panels.panel(erins.user, "Home office", slot=2, is_active=True, layout=full)
    page = erins("")
    found = faults(page, "panels", height=900, script=RUNS_OUT)
    page.get_by_role("link", name="New panel").first.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    found += faults(page, "new panel", height=900, script=RUNS_OUT)
    page.get_by_role("link", name="Cancel").click()
    page.get_by_label("More for Home office").click()
    found += faults(page, "menu of a panel", height=900)
    page.get_by_role("link", name="Home office").first.click()
    page.locator("#tile-t1").click()
    expect(page.locator("#tile-t1")).to_have_attribute("aria-pressed", "true")
    page.get_by_label("Show on a device").select_option("no-fax")
    expect(page.get_by_text("Left out there: Fax.").first).to_be_visible()
    found += faults(page, "editor", height=900, script=RUNS_OUT)
    people.expire(erins.world, erins.group)
    page.goto(page.url)
    expect(page.get_by_text("The licence of Printers has expired")).to_be_visible()
    found += faults(page, "expired", height=1100, script=RUNS_OUT)
    page.set_viewport_size({"width": 1280, "height": 900})  # the last look was at 390 px, without a sidebar
    page.get_by_role("link", name="My License").click()
    expect(page.get_by_role("heading", name="My License")).to_be_visible()
    assert found == []


def test_save_waits_for_the_steps_that_are_still_on_their_way(erins, panel):
    page = erins(f"{panel.pk}/", height=1200)
    page.route("**/persona/**", lambda route: (page.wait_for_timeout(150), route.continue_()))
    page.locator("#tile-t2").focus()
    for _ in range(3):  # somebody hammers the key: the tile goes once, and no other with it
        page.keyboard.press("Delete")
    page.get_by_role("button", name="Save panel").click()
    expect(page.get_by_text("is saved")).to_be_visible()
    assert stored(erins, panel).keys() == {"t1", "t3"}
