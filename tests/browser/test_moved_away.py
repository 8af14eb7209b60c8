"""A refusal that names its reason is read in the dialog; who may not see tasks any more is not asked for them again."""

import pytest
from playwright.sync_api import expect

from personalization.models import ManagedUser
from roles.models import RoleAssignment

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_dialog_says_that_the_user_has_moved_out_of_the_groups(opened, console):
    acme, _, users = console
    user, profile = users[3]
    page = opened("bob", f"users/{user.pk}/settings/{profile.pk}/")
    page.get_by_role("link", name="Restore").first.click()
    confirm = page.get_by_role("dialog").get_by_role("button", name="Restore Mail client")
    expect(confirm).to_be_visible()
    with acme.context():
        ManagedUser.objects.filter(pk=user.pk).update(group_id=acme.sales)
    confirm.click()
    expect(page.get_by_role("dialog").get_by_text("This user has moved out of your groups.")).to_be_visible()


def test_the_panel_of_tasks_goes_when_the_right_to_see_them_has_gone(opened, console):
    acme, people, _ = console
    page = opened("alice", "users/")
    expect(page.locator("#task-list")).to_contain_text("No task is running")
    with acme.context():
        RoleAssignment.objects.filter(membership=people["alice"]).delete()
    # A list that has just arrived listens only once it has settled: say it until it is heard.
    page.wait_for_function(
        "() => { htmx.trigger(document.body, 'tasks-changed'); return !document.querySelector('.task-panel'); }",
        polling=200,
    )
