"""The first page of all: whose organisations it names, and what it says of others (nothing)."""

import pytest

from accounts.models import Tenant
from tests import factories
from tests.accounts.conftest import sign_in_as

pytestmark = pytest.mark.django_db


def test_strangers_see_no_organisation(acme, globex, browse):
    shown = browse().get("/").content.decode()
    assert "Acme" not in shown
    assert "Globex" not in shown


def test_a_signed_in_person_sees_their_own_only(acme, globex, anna, browse):
    browser = browse()
    sign_in_as(browser, acme, "anna")
    shown = browser.get("/").content.decode()
    assert "Acme Industries" in shown
    assert "Globex" not in shown
    factories.member(globex, "Anna Auer", "anna", user=anna.user)
    assert "Globex Corporation" in browser.get("/").content.decode()


def test_organisations_that_one_left_or_that_are_suspended_are_not_offered(acme, globex, anna, browse):
    other = factories.member(globex, "Anna Auer", "anna", user=anna.user)
    browser = browse()
    sign_in_as(browser, acme, "anna")
    with globex.context():
        other.is_active = False
        other.save(update_fields=["is_active"])
    assert "Globex" not in browser.get("/").content.decode()
    Tenant.objects.filter(pk=acme.pk).update(status=Tenant.Status.SUSPENDED)
    assert "Acme" not in browser.get("/").content.decode()


@pytest.mark.parametrize("typed", ["acme", "ACME", " acme "])
def test_a_short_name_leads_to_its_sign_in(acme, browse, typed):
    answer = browse().get("/", {"organisation": typed})
    assert (answer.status_code, answer["Location"]) == (303, acme.url("sign-in/"))


def test_unknown_suspended_and_impossible_names_read_the_same(acme, globex, browse):
    Tenant.objects.filter(pk=globex.pk).update(status=Tenant.Status.SUSPENDED)
    pages = set()
    for typed in ("nowhere", "globex", "<script>", "a\0b", "x" * 500):
        answer = browse().get("/", {"organisation": typed})
        assert answer.status_code == 422
        text = answer.content.decode()
        assert "<script>alert" not in text
        pages.add("No organisation can be opened under this short name" in text)
    assert pages == {True}


def test_the_last_organisation_is_offered_again(acme, anna, browse):
    browser = browse()
    sign_in_as(browser, acme, "anna")
    browser.post("/sign-out/")
    assert 'value="acme"' in browser.get("/").content.decode()


def test_the_language_of_the_page_can_be_chosen_before_signing_in(acme, browse):
    browser = browse()
    answer = browser.post("/language/", {"language": "de", "organisation": "acme"})
    assert (answer.status_code, answer["Location"]) == (303, acme.url("sign-in/"))
    assert '<html lang="de"' in browser.get(acme.url("sign-in/")).content.decode()
    assert browser.post("/language/", {"language": "xx"}).status_code == 400
    assert browser.post("/language/", {"language": "en", "organisation": "//evil.test"})["Location"] == "/"
