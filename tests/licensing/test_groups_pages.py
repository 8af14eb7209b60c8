"""Entry to licensing: where its address leads, Select a Group, and groups that are not one's own."""

import re
import uuid

import pytest

from tests.licensing import people

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])
PAGES = ["", "licences/", "settings/", "users/", "users/add/", "blocked/", "blocked/add/", "settings/domain/remove/"]


@pytest.fixture
def copiers(acme, anna):
    """A second group that Anna owns."""
    return people.license_group(acme, anna, name="Copiers", seats=10, plan="Plus", billing="term")


def scrubbed(answer):
    """Return a body without what differs by request: form tokens and ids."""
    return re.sub(
        r'(value="|"X-CSRFToken": ")[A-Za-z0-9]{64}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}', "", answer.text
    )


@pytest.mark.spec("LG-26")
def test_who_is_admin_of_one_group_lands_on_its_dashboard(acme, group, owner, anna, sign_in):
    answer = sign_in(anna).get(acme.url("licensing/"))
    assert (answer.status_code, answer["Location"]) == (303, people.page_url(acme, group))


@pytest.mark.spec("LG-26")
def test_who_is_admin_of_several_groups_selects_one_first(acme, group, copiers, anna, sign_in):
    browser = sign_in(anna)
    assert browser.get(acme.url("licensing/"))["Location"] == acme.url("licensing/groups/")
    page = browser.get(acme.url("licensing/groups/")).text
    assert "Select a Group" in page
    for one in (group, copiers):
        assert f'href="{people.page_url(acme, one)}"' in page


@pytest.mark.spec("LG-13", "LG-25")
def test_who_is_only_user_lands_on_the_own_page_and_sees_no_list_of_groups(acme, group, user, frank, sign_in):
    browser = sign_in(frank)
    assert browser.get(acme.url("licensing/"))["Location"] == acme.url("licensing/mine/")
    assert browser.get(acme.url("licensing/groups/")).status_code == 403
    assert "License Groups" not in browser.get(acme.url("licensing/mine/")).text


@pytest.mark.spec("LG-16", "LG-26")
def test_user_here_and_admin_there_leads_to_the_dashboard_there(acme, group, copiers, user, frank, sign_in):
    people.join(acme, copiers, frank, is_user=False, is_admin=True)
    assert sign_in(frank).get(acme.url("licensing/"))["Location"] == people.page_url(acme, copiers)


@pytest.mark.spec("LG-24")
def test_who_is_not_signed_in_is_led_to_the_sign_in_and_back(acme, group, client):
    answer = client.get(people.page_url(acme, group))
    assert answer.status_code == 302
    assert answer["Location"].startswith(acme.url("sign-in/?next=%2Ft%2Facme%2Flicensing%2F"))


@pytest.mark.spec("LG-25", "LG-27")
def test_the_list_shows_name_plan_use_and_expiry_of_the_administered_groups_alone(
    acme, globex, group, copiers, admin, erin, user, charlie, sign_in
):
    people.license_group(globex, charlie, name="Foreign")
    page = sign_in(erin).get(acme.url("licensing/groups/")).text
    assert "Printers" in page
    assert "Copiers" not in page
    assert "Foreign" not in page
    assert 'max="5" value="1"' in page
    assert "Standard" in page
    people.expire(acme, group)
    assert "Expired" in sign_in(erin).get(acme.url("licensing/groups/")).text


def test_the_list_is_filtered_by_any_part_of_the_name(acme, group, copiers, anna, sign_in):
    page = sign_in(anna).get(acme.url("licensing/groups/?q=OPIE")).text
    assert "Copiers" in page
    assert "Printers" not in page


@pytest.mark.spec("LG-29")
@pytest.mark.parametrize("path", PAGES)
def test_groups_of_others_and_groups_that_do_not_exist_have_the_same_answer(
    acme, globex, group, copiers, erin, admin, charlie, sign_in, path
):
    browser, foreign = sign_in(erin), people.license_group(globex, charlie)
    assert browser.get(people.page_url(acme, group, path)).status_code in (200, 404)
    bodies = set()
    for pk in (copiers.pk, foreign.pk, uuid.uuid4()):
        answer = browser.get(acme.url(f"licensing/{pk}/{path}"))
        assert answer.status_code == 404
        bodies.add(scrubbed(answer))
    assert len(bodies) == 1


@pytest.mark.spec("LG-03", "LG-08", "LG-15")
@pytest.mark.parametrize("path", PAGES)
def test_a_user_without_admin_is_refused_on_every_admin_page(acme, group, user, frank, sign_in, path):
    assert sign_in(frank).get(people.page_url(acme, group, path)).status_code == 403


@pytest.mark.spec("LG-08", "LG-29")
def test_admin_of_another_group_does_not_open_the_group_where_one_is_user(acme, group, copiers, user, frank, sign_in):
    people.join(acme, copiers, frank, is_user=False, is_admin=True)
    browser = sign_in(frank)
    assert browser.get(people.page_url(acme, copiers)).status_code == 200
    for path in ("", "licences/", "settings/"):
        assert browser.get(people.page_url(acme, group, path)).status_code == 404


@pytest.mark.spec("LG-15", "LG-19")
def test_admin_and_owner_open_the_dashboard_and_its_links_to_the_other_pages(acme, group, anna, erin, admin, sign_in):
    for member in (anna, erin):
        page = sign_in(member).get(people.page_url(acme, group)).text
        for path in ("users/", "blocked/", "licences/", "settings/"):
            assert f'href="{people.page_url(acme, group, path)}"' in page


def test_a_primary_administrator_has_no_way_into_a_license_group(acme, group, alice, sign_in):
    """UM-E4: an Admin of the group invites them, or the platform operator makes them owner."""
    browser = sign_in(alice)
    assert browser.get(people.page_url(acme, group)).status_code == 403
    assert browser.get(acme.url("licensing/groups/")).status_code == 403
    assert "License Groups" not in browser.get(acme.url("")).text


def test_ended_admins_and_removed_roles_count_at_the_next_request(acme, group, admin, erin, sign_in):
    browser = sign_in(erin)
    assert browser.get(people.page_url(acme, group)).status_code == 200
    people.change(acme, admin, is_user=True, is_admin=False)
    assert browser.get(people.page_url(acme, group)).status_code == 403
