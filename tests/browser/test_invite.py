"""Add New Users in a real browser: chips by mouse and by keyboard alone; the page behind the link; axe in both schemes."""

import re

import pytest
from playwright.sync_api import expect

from licensing.actions.invitations import invite
from licensing.links import invitation_token
from licensing.models import LicenseGroupMember
from tests import factories
from tests.browser.looks import faults, picture, violations
from tests.licensing import people

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True, databases=["default", "operator"])]


@pytest.fixture
def group(console):
    """A license group that Alice owns, with two licences that are free."""
    acme, cast, _ = console
    return people.license_group(acme, cast["alice"], seats=5)


@pytest.fixture(autouse=True)
def no_bells(monkeypatch):
    monkeypatch.setattr("licensing.views.invite.ring_mails_on_commit", lambda tenant: None)


def pending(world, group):
    with world.context():
        rows = LicenseGroupMember.objects.filter(group_id=group.pk, status="pending").order_by("address_key")
        return [row.address for row in rows]


def paste(field, text):
    field.evaluate(
        "(node, text) => { const data = new DataTransfer(); data.setData('text', text);"
        "node.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true })) }",
        text,
    )


@pytest.mark.spec("LG-49", "LG-50", "LG-51", "LG-52", "LG-53", "LG-55", "LG-56", "LG-57", "LG-62")
def test_addresses_are_added_and_taken_off_by_mouse_and_the_list_follows(opened, console, group):
    acme, *_ = console
    page = opened("alice", f"licensing/{group.pk}/users/")
    dialog = page.get_by_role("dialog")

    def open_dialog():
        page.get_by_role("link", name="Add New Users").click()
        expect(dialog.get_by_text("No address yet.")).to_be_visible()

    open_dialog()
    expect(dialog.get_by_text("Type an address and press Enter, or paste several at once.")).to_be_visible()
    expect(dialog.get_by_text("One address per line")).to_have_count(0)
    field, add = dialog.get_by_label("Email addresses"), dialog.get_by_role("button", name="Add", exact=True)
    invite_now = dialog.get_by_role("button", name="Invite")
    expect(invite_now).to_be_disabled()
    field.fill("ida@")
    expect(add).to_be_hidden()
    field.fill("ida@acme.test")
    add.click()
    expect(field).to_have_value("")
    expect(dialog.get_by_text("1 address", exact=True)).to_be_visible()
    paste(
        field, "Jan Jus <jan@acme.test>; kim@acme.test, KIM@acme.test\nlea@acme.test mia@acme.test nina@acme.test oops"
    )
    expect(field).to_have_value("oops")
    expect(dialog.get_by_role("alert")).to_have_text("“oops” is no mail address.")
    expect(dialog.get_by_text("6 addresses", exact=True)).to_be_visible()
    field.fill("")
    expect(dialog.get_by_role("alert")).to_be_hidden()
    expect(invite_now).to_be_disabled()
    dialog.get_by_role("checkbox", name="User").check()
    expect(dialog.get_by_text("There would be 1 more invitation than free licences.")).to_be_visible()
    expect(invite_now).to_be_enabled()
    picture(page, "invite-dialog")
    assert violations(page) == []
    dialog.get_by_role("button", name="Remove kim@acme.test").click()
    expect(dialog.get_by_text("5 addresses", exact=True)).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert pending(acme, group) == []
    open_dialog()
    field.fill("ida@acme.test, nonsense")
    dialog.get_by_role("checkbox", name="User").check()
    page.keyboard.press("Escape")
    open_dialog()
    paste(field, "ida@acme.test jan@acme.test")
    dialog.get_by_role("checkbox", name="Admin").check()
    invite_now.click()
    expect(dialog).to_be_hidden()
    expect(page.get_by_text("2 invitations are on their way.")).to_be_visible()
    expect(page.get_by_role("row", name=re.compile("jan@acme.test"))).to_be_visible()
    assert pending(acme, group) == ["ida@acme.test", "jan@acme.test"]


def focused(locator):
    expect(locator).to_be_focused()


def test_what_is_being_typed_when_the_script_comes_is_not_cut_in_two(opened, group):
    page = opened("alice", f"licensing/{group.pk}/users/add/")
    page.evaluate("""document.querySelector("#main").insertAdjacentHTML(
        "beforeend", `<form id="late"><textarea data-chips id="late-entry" aria-label="Late"></textarea></form>`)""")
    page.locator("#late-entry").focus()
    page.keyboard.type("ida@acme.test jan@acme.te")
    page.evaluate("""document.dispatchEvent(
        new CustomEvent("htmx:load", {detail: {elt: document.querySelector("#late")}}))""")
    focused(page.locator("#late-entry"))
    page.keyboard.type("st")
    page.keyboard.press("Enter")
    for address in ("ida@acme.test", "jan@acme.test"):
        expect(page.get_by_role("button", name=f"Remove {address}", exact=True)).to_have_count(1)
    expect(page.locator("#late .chip")).to_have_count(2)


@pytest.mark.spec("LG-50", "LG-51", "LG-52", "LG-67")
def test_chips_are_worked_by_keyboard_alone_and_a_wrong_one_is_marked(opened, console, group):
    acme, *_ = console
    page = opened("alice", f"licensing/{group.pk}/users/add/")
    field = page.get_by_label("Email addresses")
    field.focus()
    for address in ("ida@acme.test", "jan@acme.test", "kim@acme.test"):
        page.keyboard.type(address)
        page.keyboard.press("Enter")
    expect(page.get_by_text("3 addresses", exact=True)).to_be_visible()
    page.keyboard.press("Backspace")
    expect(page.get_by_text("2 addresses", exact=True)).to_be_visible()
    focused(field)
    page.keyboard.press("ArrowLeft")
    focused(page.get_by_role("button", name="Remove jan@acme.test"))
    page.keyboard.press("ArrowLeft")
    focused(page.get_by_role("button", name="Remove ida@acme.test"))
    page.keyboard.press("Enter")
    focused(page.get_by_role("button", name="Remove jan@acme.test"))
    page.keyboard.press("ArrowRight")
    focused(field)
    page.keyboard.type("kim@n\u0435w.test,")
    expect(page.get_by_role("button", name="Remove kim@n\u0435w.test")).to_be_visible()
    page.keyboard.type("\u0131da@acme.test")
    page.keyboard.press("Enter")
    why = page.locator(".chips").get_by_role("alert")
    expect(why).to_have_text("\u0131da@acme.test holds “\u0131”, which no mail address can have before the @.")
    expect(field).to_have_value("\u0131da@acme.test")
    field.fill("lea@acme")
    expect(why).to_have_text("“lea@acme” is no mail address.")
    for _ in range(8):
        page.keyboard.press("Tab")
        if page.get_by_role("checkbox", name="Admin").evaluate("node => node === document.activeElement"):
            break
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Invite")).to_be_disabled()
    expect(field).to_have_attribute("aria-invalid", "true")
    field.fill("")
    expect(field).not_to_have_attribute("aria-invalid", "true")
    page.get_by_role("button", name="Invite").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Nothing was sent.").first).to_be_visible()
    expect(page.get_by_text("only looks like another letter")).to_be_visible()
    expect(page.locator(".chip.is-wrong")).to_have_count(1)
    expect(page.get_by_role("checkbox", name="Admin")).to_be_checked()
    picture(page, "invite-wrong")
    assert violations(page) == []
    assert pending(acme, group) == []
    page.get_by_role("button", name="Remove kim@n\u0435w.test").press("Delete")
    page.get_by_role("button", name="Invite").press("Enter")
    expect(page.get_by_text("1 invitation is on its way.")).to_be_visible()
    assert pending(acme, group) == ["jan@acme.test"]


def test_without_a_script_the_form_takes_lines(opened, console, group):
    acme, *_ = console
    page = opened("alice", f"licensing/{group.pk}/users/add/", script=False)
    expect(page.get_by_text("One address per line")).to_be_visible()
    page.get_by_label("Email addresses").fill("ida@acme.test\njan@acme.test")
    page.get_by_role("checkbox", name="User").check()
    page.get_by_role("button", name="Invite").click()
    expect(page.get_by_text("2 invitations are on their way.")).to_be_visible()
    assert pending(acme, group) == ["ida@acme.test", "jan@acme.test"]


def test_the_pages_behind_links_are_accessible_and_fit(opened, console, group, live_server):
    acme, cast, _ = console
    with acme.context():
        address = ("ida@acme.test", "ida@acme.test")
        by = factories.actor(cast["alice"])
        invite(tenant_id=acme.pk, group_id=group.pk, addresses=[address], is_user=True, is_admin=False, by=by)
    row = people.row_of(acme, group, "ida@acme.test")
    path = f"invitations/{invitation_token(row.pk, row.generation)}/"
    page = opened("alice", f"licensing/{group.pk}/users/add/")
    found = faults(page, "add", height=1200)
    for name in ("own", "anonymous", "dead"):
        if name == "anonymous":
            page.context.clear_cookies()
        page.goto(f"{live_server.url}{acme.url(path if name != 'dead' else 'invitations/x/')}")
        found += faults(page, f"invitation {name}", height=900)
    assert found == []
