"""The shell of pages outside a tenant: name, ways on, language, time zone; the entry in a tenant's shell."""

import pytest
from django.utils import timezone

from accounts.models import User
from tests.licensing import people
from tests.persona import panels

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])


def entries(text):
    """Return the words of the sidebar."""
    sections = text.split('<div class="sections">')[1].split("</div>")[0]
    return [part.split("</span>")[0] for part in sections.split('<span class="label">')[1:]]


def test_a_user_finds_the_own_name_and_the_ways_on_and_back(acme, franks):
    text = franks.get(panels.LIST).text
    assert entries(text) == ["My Persona", "Organisations", "Acme Industries"]
    assert f'href="{acme.url()}" title="Acme Industries"' in text
    assert "Account of Frank Fuchs" in text
    assert 'href="/persona/" title="My Persona" aria-current="page"' in text
    assert 'action="/sign-out/"' in text
    assert 'href="/t/acme/account/"' in text


def test_an_operator_finds_the_license_groups_of_all_organisations(olga):
    text = panels.browser_of(olga).get("/persona/").text
    assert entries(text) == ["License groups (operator)", "Organisations"]
    assert 'action="/language/"' in text


def test_the_language_and_the_time_zone_are_those_of_the_account(acme, franks, frank, panel):
    User.objects.filter(pk=frank.user_id).update(language="de", time_zone="Asia/Tokyo")
    text = franks.get(panels.LIST).text
    assert '<html lang="de"' in text
    assert " JST" in text
    User.objects.filter(pk=frank.user_id).update(language="", time_zone="")
    text = franks.get(panels.LIST).text
    assert '<html lang="en"' in text
    assert " CET" in text or " CEST" in text  # of the organisation that the session belongs to
    assert timezone.get_current_timezone_name() == "UTC"


def test_signing_out_ends_the_pages(franks):
    assert franks.post("/sign-out/").status_code == 303
    assert franks.get(panels.LIST).status_code == 303


@pytest.mark.spec("LG-09")
def test_the_tenants_shell_leads_a_user_to_my_persona_and_nobody_else(acme, group, franks, frank, anna, sign_in):
    assert "My Persona" in entries(franks.get(acme.url("account/")).text)
    assert "My Persona" not in entries(sign_in(anna).get(acme.url("account/")).text)


def test_a_locked_account_is_led_away(franks, frank):
    User.objects.filter(pk=frank.user_id).update(locked_at=timezone.now())
    assert franks.get(panels.LIST).status_code in (302, 303)


def test_the_sidebar_says_in_which_area_a_page_lies(acme, sign_in):
    """Pages of a group lie in License Groups, the own membership beside them in My License."""
    owner = people.person(acme, "Gina Gross")
    group = people.license_group(acme, owner)
    browser = sign_in(owner)
    for address, entry in ((f"licensing/{group.pk}/users/", "License Groups"), ("licensing/mine/", "My License")):
        sidebar = browser.get(acme.url(address)).text.split('<div class="sections">')[1].split("</div>")[0]
        current = [link for link in sidebar.split("<a ")[1:] if 'aria-current="page"' in link.split(">")[0]]
        assert [link.split('title="')[1].split('"')[0] for link in current] == [entry]
