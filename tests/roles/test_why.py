"""Why can X do Y? The page names every source of every right."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Membership, User
from roles.catalogue import Role
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.spec("UM-33")]
URL = "user-roles/why/"


def ask(browser, world, person, permission=None, group=None):
    query = {"person": person.pk}
    if permission:
        query |= {"permission": permission, "group": group or ""}
    return browser.get(world.url(URL), query).content.decode()


def test_a_person_is_found_by_leading_characters_of_name_or_sign_in_name(acme, globex, primary, bob, charlie):
    for typed in ("bo", "BOB BR"):
        assert str(bob.pk) in primary.get(acme.url(URL), {"q": typed}).content.decode()
    for typed in ("randt", "*", "char"):
        assert "Nobody found" in primary.get(acme.url(URL), {"q": typed}).content.decode()


def test_every_source_is_named_with_role_and_groups(acme, primary, bob):
    desk = factories.group(acme, "Sales Desk", members=[bob])
    factories.entry(acme, desk, Role.ADMIN, [acme.sales])
    page = ask(primary, acme, bob)
    assert "Own entry" in page
    assert "Sales Desk" in page
    assert "Administrator" in page
    assert "Support Desk" in page


@pytest.mark.spec("AC-ROL-1")
def test_yes_names_each_source_that_alone_is_enough(acme, primary, bob):
    desk = factories.group(acme, "Berlin Desk", members=[bob])
    factories.entry(acme, desk, Role.ADMIN, [acme.finance, acme.sales])
    answer = ask(primary, acme, bob, "users.change", acme.finance).partition('id="answer"')[2].partition("</div>")[0]
    assert "Yes, Bob Brandt may change and restore the settings of one user in Finance." in answer
    assert "by an own entry" in answer
    assert "through the group Berlin Desk" in answer
    answer = ask(primary, acme, bob, "tasks.submit", acme.finance).partition('id="answer"')[2].partition("</div>")[0]
    assert "through the group Berlin Desk" in answer
    assert "own entry" not in answer


@pytest.mark.parametrize(
    ("permission", "group", "reason"),
    [
        ("users.view", "sales", "held in other groups only"),
        ("tasks.submit", "finance", "No role that the person holds includes this."),
        ("userroles.change", None, "No role that the person holds includes this."),
    ],
)
def test_no_says_what_is_missing(acme, primary, bob, permission, group, reason):
    page = ask(primary, acme, bob, permission, group and getattr(acme, group))
    assert "No, Bob Brandt may not" in page
    assert reason in page


def test_who_has_no_entry_is_told_so(acme, primary, dora):
    assert "Neither an own entry nor one of a group" in ask(primary, acme, dora, "users.view")


def test_a_question_about_a_group_is_asked_of_permissions_that_are_held_in_groups_only(acme, primary, bob):
    assert "Yes, Bob Brandt may read the audit trail." in ask(primary, acme, bob, "audit.view", acme.sales)


@pytest.mark.parametrize(
    ("account", "membership", "words"),
    [
        ({"is_active": False}, {}, "The account is disabled"),
        ({"locked_at": "2026-01-01T00:00:00Z"}, {}, "The account is locked"),
        ({}, {"is_active": False}, "has left the organisation"),
    ],
)
def test_a_shut_gate_comes_before_every_role(acme, primary, bob, account, membership, words):
    with acme.context():
        if account:
            User.objects.filter(pk=bob.user_id).update(**account)
        if membership:
            Membership.objects.filter(pk=bob.pk).update(**membership)
    page = ask(primary, acme, bob, "users.view", acme.finance)
    assert words in page
    assert "No, Bob Brandt may not" in page


@pytest.mark.parametrize("query", [{"person": "nonsense"}, {"person": "00000000-0000-0000-0000-000000000001"}])
def test_somebody_unknown_does_not_exist(acme, primary, query):
    assert primary.get(acme.url(URL), query).status_code == 404


def test_somebody_of_another_tenant_does_not_exist(acme, globex, primary, charlie):
    assert primary.get(acme.url(URL), {"person": charlie.pk}).status_code == 404


@pytest.mark.parametrize("query", [{"permission": "nonsense"}, {"permission": "users.view", "group": "nonsense"}])
def test_a_question_that_no_form_of_ours_asks_is_not_answered(acme, primary, bob, query):
    response = primary.get(acme.url(URL), {"person": bob.pk, **query})
    assert response.status_code == 200
    assert 'id="answer"' not in response.content.decode()


def test_the_page_costs_the_same_for_1_and_for_20_sources(acme, primary, bob):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            ask(primary, acme, bob, "users.change", acme.finance)
        return len(captured)

    few = queries()
    for number in range(20):
        desk = factories.group(acme, f"Desk {number:02d}", members=[bob])
        factories.entry(acme, desk, Role.ADMIN, [acme.finance])
    assert queries() == few
