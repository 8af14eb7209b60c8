"""Finding a user while the person is on the phone (AC-HOM-1..6)."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def people(acme):
    """Users of several domains and groups."""
    rows = [
        ("johnsmith", "FINANCE", acme.finance),
        ("bigjohn", "FINANCE", acme.finance),
        ("johnny", "SALES", acme.sales),
        ("joan", "FIN-EU", acme.finance),
        ("percent%", "FINANCE", acme.finance),
    ]
    return {name: factories.managed_user(acme, name, domain=domain, group=group) for name, domain, group in rows}


def found(browser, acme, people, query):
    answer = browser.get(acme.url("users/"), {"q": query})
    assert answer.status_code == 200
    text = answer.content.decode()
    return {name for name, user in people.items() if str(user.pk) in text}


@pytest.mark.spec("AC-HOM-1")
def test_leading_characters_find_a_name_and_not_its_middle(acme, alice, people, sign_in):
    assert found(sign_in(alice), acme, people, "john") == {"johnsmith", "johnny"}


@pytest.mark.spec("AC-HOM-2")
@pytest.mark.parametrize("query", ["FIN\\jo", "fin\\JO", " Fin\\jO "])
def test_domain_and_name_are_both_abbreviated_in_any_case(acme, alice, people, query, sign_in):
    assert found(sign_in(alice), acme, people, query) == {"johnsmith", "joan"}


def test_a_domain_alone_finds_everybody_in_it(acme, alice, people, sign_in):
    assert found(sign_in(alice), acme, people, "sales\\") == {"johnny"}


@pytest.mark.parametrize(("query", "names"), [("%", set()), ("percent%", {"percent%"}), ("j_hn", set()), ("*", set())])
def test_wildcards_are_literal(acme, alice, people, query, names, sign_in):
    assert found(sign_in(alice), acme, people, query) == names


@pytest.mark.spec("AC-HOM-4")
@pytest.mark.parametrize("query", ["johnny", "SALES\\johnny", ""])
def test_support_desk_never_gets_a_user_of_another_group(acme, bob, people, query, sign_in):
    assert "johnny" not in found(sign_in(bob), acme, people, query)
    assert sign_in(bob).get(acme.url(f"users/{people['johnny'].pk}/")).status_code == 404


def test_another_tenant_never_sees_the_users(acme, globex, charlie, people, sign_in):
    browser = sign_in(charlie)
    assert browser.get(globex.url(f"users/{people['johnny'].pk}/")).status_code == 404
    assert browser.get(acme.url("users/")).status_code == 302
    assert found(browser, globex, people, "john") == set()


@pytest.mark.spec("AC-HOM-5")
def test_two_users_of_one_name_are_told_apart_by_the_domain(acme, alice, sign_in):
    twins = [factories.managed_user(acme, "kim", domain=domain) for domain in ("EAST", "WEST")]
    text = sign_in(alice).get(acme.url("users/"), {"q": "kim"}).content.decode()
    assert all(str(user.pk) in text for user in twins)
    assert "EAST" in text
    assert "WEST" in text


@pytest.mark.spec("AC-HOM-3")
def test_the_ways_into_the_data_are_there_only_where_there_is_some(acme, alice, people, sign_in):
    mail = factories.settings_group(acme, "Mail")
    factories.profile(acme, people["johnsmith"], mail, factories.settings(theme="dark"))
    profile = factories.profile(acme, people["johnny"], mail)
    factories.backup(acme, profile, factories.settings(theme="dark"))
    text = sign_in(alice).get(acme.url("users/")).content.decode()
    for name, settings, backups in (("johnsmith", True, False), ("johnny", False, True), ("bigjohn", False, False)):
        assert (f'href="{people[name].pk}/#settings"' in text) == settings
        assert (f'href="{people[name].pk}/#backups"' in text) == backups
    assert "nothing saved yet" in text


@pytest.mark.spec("AC-HOM-6")
def test_the_search_asks_the_same_number_of_queries_for_one_user_and_for_thirty(acme, alice, sign_in):
    browser, counts = sign_in(alice), []
    for number in range(30):
        factories.managed_user(acme, f"john{number:02}")
        if number in (0, 29):
            with CaptureQueriesContext(connection) as captured:
                browser.get(acme.url("users/"), {"q": "john"})
            counts.append(len(captured))
    assert counts[0] == counts[1]


@pytest.mark.spec("AC-ROL-8")
def test_a_user_who_moves_to_another_group_changes_hands(acme, bob, people, sign_in):
    johnny = people["johnny"]
    browser = sign_in(bob)
    assert browser.get(acme.url(f"users/{johnny.pk}/")).status_code == 404
    with acme.context():
        johnny.group_id = acme.finance
        johnny.save()
    assert browser.get(acme.url(f"users/{johnny.pk}/")).status_code == 200
