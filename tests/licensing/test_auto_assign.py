"""What signing in does for licensing, through the sign-in form: a place by the domain, and a note of use."""

import datetime

import pytest
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from licensing.actions.blocks import block_addresses
from licensing.actions.groups import ask_domain, change_settings
from licensing.models import LicenseGroupMember
from tests.licensing import people

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])

PASSWORD = "correct horse battery"  # noqa: S105


@pytest.fixture
def domain(acme, group, by):
    with acme.context():
        return ask_domain(tenant_id=acme.pk, group_id=group.pk, domain="acme.test", address=None, by=by)


def with_password(member):
    member.user.set_password(PASSWORD)
    member.user.save()
    return member


@pytest.fixture
def ida(acme):
    return with_password(people.person(acme, "Ida Ilg"))


def enter(world, login="ida"):
    """Sign in; the answer must lead into the console."""
    answer = Client().post(world.url("sign-in/"), {"login": login, "password": PASSWORD})
    assert answer.status_code == 302
    return answer


def row_of(world, group, address="ida@acme.test"):
    return people.row_of(world, group, address)


@pytest.mark.spec("LG-141", "LG-140")
def test_a_verified_person_of_the_domain_becomes_user_at_sign_in(acme, group, domain, ida):
    enter(acme)
    row = row_of(acme, group)
    assert (row.status, row.is_user, row.is_admin, row.first_name, row.last_name) == (
        "active",
        True,
        False,
        "Ida",
        "Ilg",
    )
    assert people.used(acme, group) == 1
    assert people.verbs(acme, group)[-1] == "license.auto-assigned"
    enter(acme)
    assert people.used(acme, group) == 1


@pytest.mark.spec("LG-141", "LG-102", "LG-161")
@pytest.mark.parametrize(
    "why",
    ["no seat", "blocked", "switched off", "other domain", "not verified", "domain not proved", "domain is public now"],
)
def test_nothing_happens_where_a_rule_is_against_it_and_the_sign_in_goes_on(
    acme, group, domain, ida, by, monkeypatch, why
):
    if why == "domain is public now":
        monkeypatch.setattr("licensing.public_domains._providers", lambda: frozenset({"acme.test"}))
    with acme.context():
        if why == "blocked":
            block_addresses(tenant_id=acme.pk, group_id=group.pk, addresses=[("ida@acme.test", "ida@acme.test")], by=by)
        elif why == "switched off":
            change_settings(
                tenant_id=acme.pk,
                group_id=group.pk,
                version=group.version,
                name=group.name,
                auto_assign_users=False,
                auto_assign_devices=True,
                tells_blocked=True,
                by=by,
            )
        elif why == "domain not proved":
            type(domain).objects.filter(pk=domain.pk).update(validated_at=None)
    if why == "no seat":
        for number in range(5):
            people.join(acme, group, people.person(acme, f"Seat{number} Holder"))
    elif why == "other domain":
        ida.user.email = ida.user.email_key = "ida@elsewhere.test"
        ida.user.save()
    elif why == "not verified":
        ida.user.email = ida.user.email_key = None
        ida.user.save()
        with acme.context():
            type(ida).objects.filter(pk=ida.pk).update(
                contact_email="ida@acme.test"
            )  # a directory's word proves nothing
    enter(acme)
    assert row_of(acme, group) is None


@pytest.mark.spec("LG-17")
def test_who_is_user_elsewhere_stays_there(acme, group, domain, ida):
    other = people.license_group(acme, people.person(acme, "Otto Ohm"), name="Scanners")
    people.join(acme, other, ida)
    enter(acme)
    assert row_of(acme, group) is None
    assert people.used(acme, other) == 1


def test_an_open_invitation_becomes_the_membership(acme, group, domain, ida):
    with acme.context():
        now = timezone.now()
        row = LicenseGroupMember.objects.create(
            tenant=acme.tenant, group_id=group.pk, address="ida@acme.test", address_key="ida@acme.test",
            status="pending", is_admin=True, added_at=now, sent_at=now, generation=1,
            expires_at=now + datetime.timedelta(days=7),
        )  # fmt: skip
    enter(acme)
    row = people.fresh(acme, row)
    assert (row.status, row.is_user, row.is_admin) == ("active", True, True)


def test_signing_in_notes_the_use_of_every_active_membership(acme, group, ida):
    other = people.license_group(acme, people.person(acme, "Otto Ohm"), name="Scanners")
    rows = [people.join(acme, group, ida), people.join(acme, other, ida, is_user=False, is_admin=True)]
    long_ago = timezone.now() - datetime.timedelta(days=100)
    with acme.context():
        LicenseGroupMember.objects.filter(user_id=ida.user_id).update(last_used_at=long_ago)
    enter(acme)
    assert all(people.fresh(acme, row).last_used_at > long_ago for row in rows)


def test_trouble_in_licensing_never_stops_a_sign_in(acme, group, domain, ida, monkeypatch):
    def broken(**_arguments):
        with connections["default"].cursor() as cursor:
            cursor.execute("SELECT 1 / 0")

    monkeypatch.setattr("licensing.receivers.auto_assign", broken)
    enter(acme)
    with acme.context():
        assert type(ida).objects.get(pk=ida.pk).signed_in_at is not None


def test_a_sign_in_asks_the_same_number_of_queries_in_one_group_and_in_many(acme, group, ida):
    people.join(acme, group, ida)
    enter(acme)

    def count():
        with CaptureQueriesContext(connections["default"]) as captured:
            enter(acme)
        return len(captured)

    before = count()
    for number in range(5):
        other = people.license_group(acme, people.person(acme, f"Owner{number} Ohm"), name=f"Group {number}")
        people.join(acme, other, ida, is_user=False, is_admin=True)
    assert count() == before
