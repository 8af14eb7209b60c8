"""The console in a real browser: keyboard, dialogs, both colour schemes, every width, and without a script."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.ui.gallery import Thing

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("site", "transactional_db")]


@pytest.fixture
def base(live_server, make_things):
    """The gallery's address, with 45 things; they are gone afterwards."""
    make_things(45)
    yield live_server.url
    Thing.objects.all().delete()


@pytest.fixture
def opened(new_context, base):
    """Return a function: open an address in a fresh browser. A script error or a policy violation fails the test."""
    problems = []

    def open_page(path, *, width=1280, height=800, scheme="light", script=True):
        context = new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            java_script_enabled=script,
            reduced_motion="reduce",
        )
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.goto(f"{base}{path}")
        return page

    yield open_page
    expected = ("status of 422", "status of 409", "ERR_FAILED", "htmx:")  # how the browser reports what tests provoke
    assert [text for text in problems if not any(known in text for known in expected)] == []


def violations(page):
    return [
        (found["id"], [node["html"][:200] for node in found["nodes"]])
        for found in Axe().run(page).response["violations"]
    ]


def overflow(page):
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (1280, 800), (390, 844), (320, 640)])
def test_every_component_is_accessible_and_fits(opened, scheme, width, height):
    page = opened("/gallery/", width=width, height=height, scheme=scheme)
    assert overflow(page) == 0
    if width in (1280, 390):
        assert violations(page) == []
        page.goto(page.url.replace("/gallery/", "/things/"))
        assert overflow(page) == 0
        assert violations(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_open_dialogs_menus_and_panels_are_accessible(opened, scheme):
    page = opened("/things/", scheme=scheme)
    page.locator("tbody .pick input").first.check()
    page.locator("#task-panel summary").click()
    page.locator(".tenant summary").click()
    assert violations(page) == []
    page.get_by_role("link", name="Add user").click()
    page.get_by_role("button", name="Save entry").click()
    expect(page.locator("dialog [data-error-summary]")).to_be_focused()
    assert violations(page) == []


def test_filtering_as_one_types_keeps_the_address_short_and_says_the_count(opened):
    page = opened("/things/")
    page.get_by_label("Name starts with").press_sequentially("fin\\user01", delay=10)
    expect(page.locator("tbody tr")).to_have_count(10)
    expect(page).to_have_url(re.compile(r"/things/\?q=fin%5Cuser01$"))
    expect(page.locator("#announce")).to_have_text("10 users")
    expect(page.get_by_label("Name starts with")).to_be_focused()
    page.get_by_label("State").select_option("late")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_role("link", name="Rank", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.locator('th[aria-sort="ascending"]')).to_have_text("Rank")
    expect(page.get_by_role("link", name="Rank", exact=True)).to_be_focused()
    expect(page).to_have_url(re.compile(r"q=fin%5Cuser01&state=late&sort=rank"))
    page.get_by_label("State").select_option("")
    expect(page).to_have_url(re.compile(r"\?q=fin%5Cuser01&sort=rank"))
    page.go_back()
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator("h1")).to_have_text("Users")


def test_the_dialog_takes_the_focus_keeps_what_was_typed_and_gives_the_focus_back(opened):
    page = opened("/things/")
    opener = page.get_by_role("link", name="Add user")
    opener.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    assert page.evaluate("document.querySelector('dialog').contains(document.activeElement)")
    page.get_by_label("Name", exact=True).fill("Alice & Bob")
    page.get_by_role("button", name="Save entry").click()
    summary = page.locator("[data-error-summary]")
    expect(summary).to_be_focused()
    summary.get_by_role("link", name=re.compile("^Role:")).click()
    expect(page.get_by_label("Role")).to_be_focused()
    expect(page.get_by_label("Name", exact=True)).to_have_value("Alice & Bob")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()


def test_success_closes_the_dialog_says_so_and_reloads_the_list(opened):
    page = opened("/things/")
    page.get_by_role("link", name="Delete User 0", exact=True).click()
    page.get_by_role("button", name="Delete user").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.locator("#toasts")).to_contain_text("Deleted")
    expect(page.locator(".list-count")).to_have_text("44 users")
    expect(page.locator("#main")).to_be_focused()


def test_a_conflict_from_a_row_opens_over_the_list(opened):
    page = opened("/things/")
    page.get_by_role("button", name="Protect User 1", exact=True).click()
    expect(page.get_by_role("dialog")).to_contain_text("Bob Brandt changed this.")
    page.get_by_role("button", name="Close").click()
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_a_selection_is_counted_and_all_that_match_can_be_deleted(opened):
    page = opened("/things/")
    bar, count = page.locator(".bulk"), page.locator("[data-count]")
    expect(bar).to_be_hidden()
    page.get_by_label("Select User 3", exact=True).check()
    expect(count).to_have_text("1 selected")
    header = page.get_by_label("Select all rows of this page")
    assert header.evaluate("box => box.indeterminate")
    header.check()
    expect(count).to_have_text("20 selected")
    page.get_by_label("All 45 users that match").check()
    expect(count).to_have_text("All 45 users selected")
    bar.get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Type 45 to go on").fill("44")
    dialog.get_by_role("button", name="Delete 45 users").click()
    expect(dialog.get_by_text("Type 45 to go on.", exact=True)).to_be_visible()
    expect(dialog.get_by_label("Type 45 to go on")).to_be_focused()
    dialog.get_by_label("Type 45 to go on").fill("45")
    page.keyboard.press("Enter")
    expect(page.get_by_text("No users yet")).to_be_visible()
    assert Thing.objects.count() == 0


def test_the_scheme_and_the_sidebar_change_at_once_and_stay(opened):
    page = opened("/gallery/")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.get_by_role("button", name="Appearance").click()
    with page.expect_response(re.compile("/display/")) as answer:
        page.get_by_role("button", name="Dark").click()
    assert answer.value.status == 204  # the script sent it: the page stays
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.locator("body")).not_to_have_css("background-color", light)
    with page.expect_response(re.compile("/display/")):
        page.get_by_role("button", name="Collapse").click()
    page.wait_for_function("document.querySelector('#sidebar').getBoundingClientRect().width < 80")
    narrow = page.locator("#sidebar").bounding_box()["width"]
    assert narrow < 80
    page.reload()
    assert page.locator("html").get_attribute("data-theme") == "dark"
    assert page.locator("#sidebar").bounding_box()["width"] == narrow
    assert violations(page) == []


def test_the_slash_key_finds_the_search_but_not_while_typing(opened):
    page = opened("/things/")
    page.keyboard.press("/")
    expect(page.locator("#search")).to_be_focused()
    page.keyboard.press("/")
    expect(page.locator("#search")).to_have_value("/")


def test_the_first_tab_reaches_the_content(opened):
    page = opened("/things/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()


@pytest.mark.parametrize("script", [True, False])
def test_on_a_telephone_the_sidebar_is_a_drawer_that_needs_no_script(opened, script):
    page = opened("/things/", width=390, height=844, script=script)
    expect(page.get_by_role("navigation", name="Main")).to_be_hidden()
    page.get_by_role("button", name="Menu", exact=True).click()
    expect(page.get_by_role("navigation", name="Main")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("navigation", name="Main")).to_be_hidden()


def test_the_header_of_a_list_stays_in_view(opened):
    page = opened("/things/", width=1600)
    page.locator("tbody tr").last.scroll_into_view_if_needed()
    header, bar = page.locator("thead th").nth(1).bounding_box(), page.locator(".topbar").bounding_box()
    assert abs(header["y"] - (bar["y"] + bar["height"])) < 2


def test_without_a_script_filter_order_pages_and_deletion_work(opened):
    page = opened("/things/", script=False)
    page.get_by_label("State").select_option("ok")
    page.get_by_role("button", name="Filter").click()
    expect(page.locator(".list-count")).to_have_text("40 users")
    page.get_by_role("link", name="Rank", exact=True).click()
    expect(page.locator('th[aria-sort="ascending"]')).to_have_text("Rank")
    page.get_by_role("link", name="Next").click()
    expect(page.get_by_role("link", name="Previous")).to_be_visible()
    page.locator("tbody .pick input").first.check()
    page.locator(".bulk").get_by_role("button", name="Delete").click()
    expect(page.locator("h1")).to_have_text("Delete 1 users?")
    page.get_by_role("button", name="Delete 1 users").click()
    expect(page.get_by_text("Deleted 1 users")).to_be_visible()
    assert Thing.objects.count() == 44
    page.get_by_role("link", name="Add user").click()
    page.get_by_role("button", name="Save entry").click()
    expect(page.get_by_text("Please correct")).to_be_visible()
    page.get_by_role("button", name="Appearance").click()
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_on_paper_there_is_the_content_alone(opened):
    page = opened("/things/")
    page.emulate_media(media="print")
    for selector in (".sidebar", ".topbar", ".task-panel", ".filter", ".paging", "thead .pick"):
        expect(page.locator(selector).first).to_be_hidden()
    expect(page.locator("tbody tr")).to_have_count(20)


def test_a_failed_request_is_said_aloud_and_changes_nothing(opened):
    page = opened("/things/")
    page.route("**/things/**", lambda route: route.abort())
    page.get_by_role("link", name="Rank", exact=True).click()
    expect(page.locator("#toasts")).to_contain_text("The server cannot be reached")
    expect(page.locator("tbody tr")).to_have_count(20)
