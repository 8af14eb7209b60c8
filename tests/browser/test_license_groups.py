"""The pages of license groups in a real browser: both schemes, on a telephone, for axe, with and without a script."""

import datetime
import uuid
from types import SimpleNamespace

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from accounts.models import Membership
from licensing.actions.groups import ask_domain
from tests import factories
from tests.browser.looks import faults
from tests.licensing import people

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True, databases=["default", "operator"])]


@pytest.fixture
def licensed(console):
    """Alice owns a group with history, people who never use their place, and a domain; Bob is User; Erin runs a full one."""
    acme, cast, _users = console
    for name, member in cast.items():
        member.user.email = member.user.email_key = f"{name}@acme.test"
        member.user.save()
    group = people.license_group(acme, cast["alice"], seats=60, name="Printers Berlin")
    people.seat_history(acme, group, [max(0, number // 3 - number % 4) for number in range(100)])
    people.change(acme, people.join(acme, group, cast["bob"]), last_used_at=timezone.now())
    for number in range(34):
        row = people.join(acme, group, people.person(acme, f"Person{number:02} Muster"))
        age = 120 + number if number < 4 else 30
        people.change(acme, row, added_at=timezone.now() - datetime.timedelta(days=age))
    with acme.context():
        ask_domain(
            tenant_id=acme.pk, group_id=group.pk, domain="else.test", address=("post@else.test",) * 2,
            by=factories.actor(cast["alice"]),
        )  # fmt: skip
        Membership.objects.filter(login="person09").update(is_active=False)
    small = people.license_group(acme, cast["erin"], seats=1, name="Warehouse", billing="term")
    people.join(acme, small, people.person(acme, "Wanda Wood"))
    people.join(acme, small, cast["alice"], is_user=False, is_admin=True)
    return acme, group, small


def paths(group, small):
    one = f"licensing/{group.pk}/"
    return [one, f"{one}licences/", f"{one}settings/", "licensing/groups/", "licensing/mine/", f"licensing/{small.pk}/"]


def test_on_a_telephone_the_tab_of_the_page_is_in_view(opened, licensed):
    _acme, group, _small = licensed
    page = opened("alice", "account/")
    root = page.url.removesuffix("account/")
    page.set_viewport_size({"width": 390, "height": 844})
    for path, name in ((f"licensing/{group.pk}/", "Dashboard"), (f"licensing/{group.pk}/settings/", "Settings")):
        page.goto(root + path)
        tab = page.locator(".tabs").get_by_role("link", name=name)
        expect(tab).to_be_in_viewport(ratio=0.95)


def test_every_page_is_clean_for_axe_and_fits_the_window(opened, licensed):
    _acme, group, small = licensed
    page = opened("alice", "account/")
    root = page.url.removesuffix("account/")
    found = []
    for path in paths(group, small):
        page.goto(root + path)
        found += faults(page, path, height=2000)
    assert found == []


def test_the_operators_pages_are_clean_for_axe_and_fit_the_window(opened, licensed, olga, live_server):
    _acme, group, _small = licensed
    operator = SimpleNamespace(user=olga, user_id=olga.pk, tenant_id=uuid.uuid4())
    page = opened(operator, "invitations/x/")
    found = []
    for path in ("", "?q=nothing", "acme/add/", f"acme/{group.pk}/", f"acme/{group.pk}/transfer/"):
        assert page.goto(f"{live_server.url}/operator/{path}").status == 200
        found += faults(page, f"operator {path}", height=1400)
    page.get_by_role("button", name="Transfer").last.click()
    expect(page.locator("[data-error-summary], :invalid").first).to_be_visible()
    found += faults(page, "operator refused", height=1400)
    assert found == []


def test_a_place_is_taken_back_from_the_dashboard_by_keyboard(opened, licensed):
    acme, group, _small = licensed
    page = opened("alice", f"licensing/{group.pk}/")
    page.get_by_role("checkbox", name="Select person00@acme.test").focus()
    page.keyboard.press("Space")
    page.locator("#reclaim-unused").get_by_role("button", name="Remove", exact=True).focus()
    page.keyboard.press("Enter")
    confirm = page.get_by_role("dialog").locator("button.danger.solid, button.primary").first
    expect(confirm).to_be_visible()
    confirm.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("checkbox", name="Select person00@acme.test")).to_have_count(0)
    assert people.used(acme, group) == 34


@pytest.mark.parametrize("script", [True, False])
def test_a_member_leaves_the_group(opened, licensed, script):
    acme, group, _small = licensed
    page = opened("bob", "licensing/mine/", script=script)
    page.get_by_role("link", name="Leave License Group").click()
    page.get_by_role("button", name="Leave the license group").click()
    expect(page.get_by_text("You left Printers Berlin. Your panels are kept.")).to_be_visible()
    assert people.row_of(acme, group, "bob@acme.test") is None
