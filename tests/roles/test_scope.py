"""What roles open in the rest of the console (spec 2), also for people whose rights come from several entries."""

import pytest

from audit.models import Event
from audit.tallies import write_open
from personalization.models import ManagedUser
from roles.catalogue import Role
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def users(acme):
    """One managed user in each of three personalization groups, and their pages."""
    groups = {"finance": acme.finance, "sales": acme.sales, "engineering": acme.engineering}
    rows = {name: factories.managed_user(acme, f"{name}-user", group=group) for name, group in groups.items()}
    return {name: acme.url(f"users/{row.pk}/") for name, row in rows.items()}


@pytest.fixture
def mixed(acme, dora, sign_in):
    """Dora: Support Desk of Finance through a group, Administrator of Sales by her own entry."""
    factories.entry(acme, factories.group(acme, "Desk", members=[dora]), Role.SUPPORT_DESK, [acme.finance])
    factories.entry(acme, dora, Role.ADMIN, [acme.sales])
    return sign_in(dora)


@pytest.mark.spec("AC-ROL-1")
def test_two_entries_are_no_error_and_open_the_tools_for_many_users(acme, mixed):
    assert mixed.get(acme.url("")).status_code == 200
    assert mixed.get(acme.url("tasks/")).status_code == 200


@pytest.mark.spec("AC-ROL-2")
def test_single_users_of_both_groups_are_opened_and_of_no_other(mixed, users):
    assert {name: mixed.get(url).status_code for name, url in users.items()} == {
        "finance": 200,
        "sales": 200,
        "engineering": 404,
    }


@pytest.mark.spec("AC-ROL-4")
def test_a_primary_administrator_by_any_entry_opens_every_group(acme, bob, sign_in, users):
    factories.entry(acme, factories.group(acme, "Owners", members=[bob]), Role.PRIMARY_ADMIN)
    browser = sign_in(bob)
    assert {browser.get(url).status_code for url in users.values()} == {200}


@pytest.mark.spec("AC-ROL-5")
@pytest.mark.parametrize("page", ["", "users/", "user-roles/", "tasks/", "audit/"])
def test_without_an_entry_nothing_opens_and_that_is_told(acme, dora, sign_in, users, page):
    response = sign_in(dora).get(acme.url(page))
    assert response.status_code == 403
    assert "-user" not in response.content.decode()
    with acme.context():
        write_open(acme.pk)
        assert Event.objects.filter(actor_id=dora.pk, outcome="refused").count() == 1


@pytest.mark.spec("AC-ROL-6")
@pytest.mark.parametrize("page", ["tasks/", "tasks/new/"])
def test_support_desk_has_no_tools_for_many_users(acme, bob, sign_in, page):
    assert sign_in(bob).get(acme.url(page)).status_code == 403


@pytest.mark.spec("AC-ROL-8")
def test_a_user_who_moves_to_another_group_is_seen_by_its_support_desk_only(acme, bob, dora, sign_in, users):
    factories.entry(acme, dora, Role.SUPPORT_DESK, [acme.sales])
    finance, sales = sign_in(bob), sign_in(dora)
    assert (finance.get(users["finance"]).status_code, sales.get(users["finance"]).status_code) == (200, 404)
    with acme.context():
        ManagedUser.objects.filter(name="finance-user").update(group_id=acme.sales)
    assert (finance.get(users["finance"]).status_code, sales.get(users["finance"]).status_code) == (404, 200)
