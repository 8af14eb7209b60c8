"""The list of User Roles: what it shows, whom it lets in, what it costs."""

import datetime
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import Membership, UserGroup
from roles.actions import remove_entries, set_entry
from roles.catalogue import Role
from roles.models import RoleAssignment
from tests import factories
from tests.roles.conftest import connect

pytestmark = pytest.mark.django_db
URL = "user-roles/"
PAGES = [URL, "user-roles/add/", "user-roles/add/browse/", "user-roles/add/role/", "user-roles/why/"]


def names(response):
    """Return the names that the list shows, in its order."""
    return re.findall(r'<th scope="row"><a [^>]*><span class="subject">([^<]*)<', response.content.decode())


@pytest.fixture
def entries(acme, bob):
    """Alice and Bob, the groups Finance Leads and Field Service, and Fiona Finch."""
    factories.member(acme, "Fiona Finch", "fiona", role=Role.ADMIN, groups=[acme.sales, acme.finance])
    factories.entry(acme, factories.group(acme, "FINANCE Leads"), Role.SUPPORT_DESK, [acme.finance])
    factories.entry(acme, factories.group(acme, "Field Service"), Role.PRIMARY_ADMIN)


@pytest.mark.spec("AC-URL-1")
@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("fin", ["FINANCE Leads"]),
        ("FI", ["Field Service", "FINANCE Leads", "Fiona Finch"]),
        ("inance", []),
        ("leads", []),
        ("%", []),
        ("", ["Alice Adler", "Bob Brandt", "Field Service", "FINANCE Leads", "Fiona Finch"]),
    ],
)
def test_leading_characters_filter_people_and_groups(acme, primary, entries, typed, found):
    assert names(primary.get(acme.url(URL), {"q": typed})) == found


@pytest.mark.parametrize(
    ("filter", "found"),
    [
        ({"kind": "group"}, ["Field Service", "FINANCE Leads"]),
        ({"kind": "person", "q": "f"}, ["Fiona Finch"]),
        ({"role": Role.SUPPORT_DESK}, ["Bob Brandt", "FINANCE Leads"]),
        ({"role": Role.PRIMARY_ADMIN, "kind": "group"}, ["Field Service"]),
    ],
)
def test_kind_and_role_filter_too(acme, primary, entries, filter, found):
    assert names(primary.get(acme.url(URL), filter)) == found


def test_a_filter_that_no_form_of_ours_sends_is_answered_with_its_error(acme, primary, entries):
    response = primary.get(acme.url(URL), {"role": "persops.emperor"})
    assert response.status_code == 422
    assert names(response) == []


def test_a_row_shows_kind_role_and_groups(acme, primary, entries):
    page = primary.get(acme.url(URL), {"q": "fiona"}).content.decode()
    assert "Person" in page
    assert "Administrator" in page
    assert re.search(r'<span class="tag">Finance</span><span class="tag">Sales</span>', page)
    page = primary.get(acme.url(URL), {"q": "field"}).content.decode()
    assert "All groups" in page


def test_a_group_gone_from_the_directory_is_shown_as_unresolved(acme, primary, openldap):
    directory = connect(acme, openldap)
    with acme.context():
        group = UserGroup.objects.create(
            tenant=acme.tenant,
            name="Old Auditors",
            source="directory",
            directory=directory,
            directory_uid="6f1d3c52-6a0e-5b8e-9d47-0b5a7c1e2f31",
            is_resolved=False,
        )
    factories.entry(acme, group, Role.SUPPORT_DESK, [acme.finance])
    assert "Unresolved: 6f1d3c52-6a0e-5b8e-9d47-0b5a7c1e2f31" in primary.get(acme.url(URL)).content.decode()


def test_entries_of_another_tenant_are_not_listed(acme, globex, primary, charlie):
    assert "Charlie" not in primary.get(acme.url(URL)).content.decode()


def test_the_list_costs_the_same_at_1_and_at_30_entries(acme, primary, alice):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            assert primary.get(acme.url(URL)).status_code == 200
        return captured

    few = queries()
    for number in range(30):
        person = factories.member(acme, f"Person {number:02d}", f"p{number}")
        factories.entry(acme, person, Role.ADMIN, [acme.finance, acme.sales])
    many = queries()
    assert len(many) == len(few)
    rights = [one for one in many if "FROM roles_grants_of" in one["sql"]]
    assert len(rights) == 1


# --- the warning of decision 30 ---
WARNING = "All Primary Administrators come from one group"


@pytest.fixture
def only_group(acme, dora, sign_in):
    with acme.context():
        Membership.objects.filter(pk=dora.pk).update(signed_in_at="2026-01-01T00:00:00Z")
    group = factories.group(acme, "Console owners", members=[dora])
    factories.entry(acme, group, Role.PRIMARY_ADMIN)
    return sign_in(dora)


def test_the_list_warns_when_all_primary_administrators_come_from_one_group(acme, only_group):
    page = only_group.get(acme.url(URL)).content.decode()
    assert WARNING in page
    assert "Console owners" in page


def test_the_warning_ends_with_one_more_source(acme, only_group, alice):
    assert WARNING not in only_group.get(acme.url(URL)).content.decode()


def test_somebody_who_left_is_no_other_source(acme, only_group, alice):
    with acme.context():
        Membership.objects.filter(pk=alice.pk).update(is_active=False)
    assert WARNING in only_group.get(acme.url(URL)).content.decode()


def test_a_lone_person_is_no_group(acme, primary):
    assert WARNING not in primary.get(acme.url(URL)).content.decode()


# --- who gets in ---
@pytest.mark.spec("AC-URL-5", "AC-ROL-6")
@pytest.mark.parametrize("role", [Role.SUPPORT_DESK, Role.ADMIN])
@pytest.mark.parametrize("page", PAGES)
def test_administrators_and_support_desk_are_kept_out(acme, sign_in, role, page):
    person = factories.member(acme, "Dora Dahl", "dora", role=role, groups=[acme.finance])
    assert sign_in(person).get(acme.url(page)).status_code == 403


@pytest.mark.spec("AC-URL-5")
@pytest.mark.parametrize("role", [Role.SUPPORT_DESK, Role.ADMIN])
def test_administrators_and_support_desk_have_no_menu_item(acme, sign_in, primary, role):
    person = factories.member(acme, "Dora Dahl", "dora", role=role, groups=[acme.finance])
    address = f'href="{acme.url(URL)}"'
    assert address not in sign_in(person).get(acme.url("audit/")).content.decode()
    assert address in primary.get(acme.url("audit/")).content.decode()


@pytest.mark.parametrize("page", PAGES)
def test_who_is_not_signed_in_is_sent_to_the_sign_in(client, acme, page):
    response = client.get(acme.url(page))
    assert response.status_code == 302
    assert response["Location"].startswith(reverse("accounts:sign-in", args=[acme.slug]))


def test_a_primary_administrator_of_another_tenant_is_a_stranger(acme, charlie, sign_in):
    assert sign_in(charlie).get(acme.url(URL)).status_code == 302


# --- the next request (AC-ROL-7) ---
@pytest.mark.spec("AC-ROL-7", "AC-URL-2")
@pytest.mark.parametrize("way", ["own entry", "group"])
def test_a_given_or_taken_role_counts_at_the_next_request(acme, alice, dora, sign_in, way):
    browser, by = sign_in(dora), factories.actor(alice)
    subject = dora if way == "own entry" else factories.group(acme, "Owners", members=[dora])
    assert browser.get(acme.url(URL)).status_code == 403
    with acme.context():
        entry = set_entry(tenant_id=acme.pk, subject=subject, role=Role.PRIMARY_ADMIN, by=by)
    assert browser.get(acme.url(URL)).status_code == 200
    with acme.context():
        remove_entries(entries=[entry], by=by)
    assert browser.get(acme.url(URL)).status_code == 403


@pytest.mark.spec("AC-ROL-4")
def test_a_primary_administrator_with_a_smaller_entry_beside_it_stays_one(acme, bob, sign_in):
    owners = factories.group(acme, "Owners", members=[bob])
    factories.entry(acme, owners, Role.PRIMARY_ADMIN)
    assert sign_in(bob).get(acme.url(URL)).status_code == 200
    with acme.context():
        assert RoleAssignment.objects.get(membership=bob).role == Role.SUPPORT_DESK


def test_a_group_that_can_help_is_followed_by_members_who_have_signed_in(acme, alice, sign_in):
    members = [factories.member(acme, name, name.split()[0].lower()) for name in NAMES]
    now = timezone.now()
    with acme.context():
        for place, member in enumerate(members[:5]):
            signed_in_at = now - datetime.timedelta(days=place)
            Membership.objects.filter(pk=member.pk).update(signed_in_at=signed_in_at, is_active=place != 0)
    staff = factories.group(acme, "IT staff", members=members)
    factories.entry(acme, staff, Role.PRIMARY_ADMIN)
    nobody = factories.member(acme, "Emil Ernst", "emil")
    page = sign_in(nobody).get(acme.url()).text
    shown = [name for name in ("Alice Adler", "IT staff", *NAMES) if name in page]
    assert shown == ["Alice Adler", "IT staff", *NAMES[1:4]]


NAMES = ["Left Already", "Nina Neu", "Otto Ott", "Paula Pohl", "Quirin Quast", "Rita Never"]
