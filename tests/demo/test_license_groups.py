"""The demo's license groups: believable, whole, made once."""

from datetime import timedelta

import pytest
from django.test import Client

from accounts.models import Membership
from launcher.demo_people import ACME, GLOBEX
from licensing import demo
from licensing.models import LicenseGroup, LicenseGroupMember, LicenseRoleBlock, MemberStatus, SeatDay
from licensing.usage import forecast, inactive_places, seat_days, unused_places, utc_today, waiting
from personalization.demo.desks import desks
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])
PEOPLE = {ACME: ("alice", "bob", "diana"), GLOBEX: ("charlie",)}


def loaded(world, organisation):
    people = {}
    for account in PEOPLE[organisation]:
        found = next(person for person in organisation.people if person.account == account)
        people[account] = factories.member(world, found.name, account)
        people[account].contact_email = found.mail
        with world.context():
            people[account].save()
    made = demo.load(world.tenant, people, desks(organisation)[len(organisation.people) :])
    return people, made


def group_of(world, name):
    return LicenseGroup.objects.get(tenant=world.tenant, name=name)


def test_the_large_group_shows_everything_that_its_pages_can_tell(acme):
    _people, made = loaded(acme, ACME)
    assert made == 2
    with acme.context():
        berlin = group_of(acme, "Printers Berlin")
        rows = LicenseGroupMember.objects.filter(group=berlin)
        assert (berlin.seats, berlin.billing) == (60, "subscription")
        assert 40 <= berlin.used <= 50
        assert rows.filter(status=MemberStatus.ACTIVE).count() == 48
        pending = list(rows.filter(status=MemberStatus.PENDING).values_list("expires_at", flat=True))
        today = utc_today()
        assert len(pending) == 5
        assert sum(when.date() < today for when in pending) == 1
        assert LicenseRoleBlock.objects.filter(group=berlin).count() == 3
        assert unused_places(berlin).count == 5
        assert inactive_places(berlin).count == 1
        days = seat_days(berlin, today)
        assert len(days) == 90
        assert abs(days[-2].used - berlin.used) <= 1  # the history leads to where the group stands
        found = forecast(days)
        assert today + timedelta(days=20) < found.runs_out < today + timedelta(days=300)


def test_the_small_group_is_full_and_somebody_waits(acme):
    people, _made = loaded(acme, ACME)
    with acme.context():
        group = group_of(acme, "Warehouse terminals")
        assert (group.billing, group.used, group.free) == ("term", 10, 0)
        assert waiting(group).invited == 1
        mine = LicenseGroupMember.objects.filter(user_id=people["alice"].user_id, status=MemberStatus.ACTIVE)
        assert sorted(mine.values_list("group__name", "is_owner", "is_admin")) == [
            ("Printers Berlin", True, True),
            ("Warehouse terminals", False, True),
        ]


def test_loading_again_changes_nothing(acme):
    people, _made = loaded(acme, ACME)
    with acme.context():
        before = (LicenseGroupMember.objects.count(), SeatDay.objects.count(), Membership.objects.count())
    assert demo.load(acme.tenant, people, desks(ACME)) == 0
    with acme.context():
        assert (LicenseGroupMember.objects.count(), SeatDay.objects.count(), Membership.objects.count()) == before


def test_the_other_organisation_has_a_group_of_its_own(acme, globex):
    loaded(acme, ACME)
    assert loaded(globex, GLOBEX)[1] == 1
    with globex.context():
        assert LicenseGroup.objects.get().name == "Front panels"


@pytest.mark.parametrize("name", ["Printers Berlin", "Warehouse terminals"])
def test_the_pages_of_the_demo_open(acme, sign_in, name):
    people, _made = loaded(acme, ACME)
    browser: Client = sign_in(people["alice"])
    with acme.context():
        group = group_of(acme, name)
    for path in ("", "licences/", "settings/"):
        assert browser.get(acme.url(f"licensing/{group.pk}/{path}")).status_code == 200
