"""The device API: signing in at a device, becoming User there, and who is refused with which reason."""

import datetime

import pytest
from django.utils import timezone

from accounts import signin
from accounts.models import Membership, Session
from licensing.actions.devices import remove_devices, renew_key
from licensing.actions.groups import ask_domain
from licensing.models import Device, LicenseGroupMember
from tests import factories
from tests.accounts.conftest import at_once
from tests.licensing import device_cast, people
from tests.licensing.devices import Api, block, device, events, person, refusal, with_password
from tests.licensing.test_devices import switch

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])
frank, ida, printer, api = device_cast.frank, device_cast.ida, device_cast.printer, device_cast.api


@pytest.mark.spec("LG-147")
def test_signing_in_answers_the_person_a_token_and_no_panel_and_opens_no_session(acme, api, group, user, frank):
    before = timezone.now()
    answer = api.sign_in("frank")
    found = answer.json()
    assert (answer.status_code, found["person"], found["panel"]) == (200, "Frank Fuchs", None)
    ends = datetime.datetime.fromisoformat(found["expires"]) - before
    assert datetime.timedelta(minutes=14, seconds=58) < ends < datetime.timedelta(minutes=15, seconds=9)
    assert not Session.objects.exists()
    with acme.context():
        assert Membership.objects.get(pk=frank.pk).signed_in_at >= before
    (event,) = events(acme, "device.signed-in")
    assert (event.actor_id, event.channel) == (frank.pk, "api")
    assert (event.labels["device"], event.labels["address"]) == ("Printer", "198.51.100.7")
    assert people.verbs(acme, group)[-1] == "device.signed-in"


def test_a_sign_in_notes_the_use_of_the_place_and_that_the_device_was_seen(acme, api, user, printer):
    before = timezone.now()
    api.sign_in("frank")
    assert people.fresh(acme, user).last_used_at >= before
    with acme.context():
        assert Device.objects.get(pk=printer.pk).last_seen_at >= before


@pytest.mark.spec("LG-141")
def test_somebody_of_no_group_becomes_user_at_the_device(acme, api, group, ida):
    assert api.sign_in("ida").status_code == 200
    row = people.row_of(acme, group, "ida@acme.test")
    assert (row.user_id, row.status, row.is_user, row.is_admin) == (ida.user_id, "active", True, False)
    assert people.used(acme, group) == 1
    (event,) = events(acme, "license.device-assigned")
    assert (event.labels["device"], event.labels["after"]) == ("Printer", "User")
    assert api.sign_in("ida").status_code == 200
    assert people.used(acme, group) == 1


@pytest.mark.spec("LG-141", "LG-16")
def test_an_admin_of_the_group_gets_the_role_user_at_the_device(acme, api, group, admin, erin):
    with_password(erin)
    assert api.sign_in("erin").status_code == 200
    row = people.fresh(acme, admin)
    assert (row.is_user, row.is_admin, people.used(acme, group)) == (True, True, 1)


@pytest.mark.spec("LG-141", "LG-60")
def test_an_open_invitation_of_the_proven_address_becomes_the_membership(acme, api, group, ida, by):
    invitation = people.invited(acme, group, "ida@acme.test", by=by, is_user=False, is_admin=True)
    assert api.sign_in("ida").status_code == 200
    row = people.fresh(acme, invitation)
    assert (row.status, row.user_id, row.is_user, row.is_admin) == ("active", ida.user_id, True, True)


def directory_address(world, member, address):
    """Let an account have no proven address but one that the directory names."""
    member.user.email = member.user.email_key = None
    member.user.save()
    with world.context():
        Membership.objects.filter(pk=member.pk).update(contact_email=address)


@pytest.mark.spec("LG-141")
def test_the_address_of_the_directory_names_somebody_without_a_proven_one(acme, api, group, ida):
    directory_address(acme, ida, "Ida@Office.test")
    assert api.sign_in("ida").status_code == 200
    assert people.row_of(acme, group, "ida@office.test").user_id == ida.user_id


@pytest.mark.spec("LG-70")
def test_an_address_that_nobody_proved_takes_no_invitation(acme, api, group, ida, by):
    invitation = people.invited(acme, group, "boss@office.test", by=by)
    directory_address(acme, ida, "boss@office.test")
    assert refusal(api.sign_in("ida")) == (403, "invited")
    assert people.fresh(acme, invitation).status == "pending"
    assert people.used(acme, group) == 0


@pytest.mark.spec("LG-102", "LG-141", "LG-17", "LG-163")
@pytest.mark.parametrize(
    ("why", "code"),
    [
        ("no seat", "no-seat"),
        ("blocked", "blocked"),
        ("blocked by the directory's address", "blocked"),
        ("switched off", "no-place"),
        ("elsewhere", "placed-elsewhere"),
        ("no address", "no-address"),
    ],
)
def test_who_may_not_be_user_is_refused_with_the_reason(acme, api, group, ida, by, why, code):
    if why == "no seat":
        for number in range(5):
            people.join(acme, group, people.person(acme, f"Seat{number} Holder"))
    elif why == "switched off":
        switch(acme, group, by, auto_assign_users=False)
    elif why == "elsewhere":
        other = people.license_group(acme, people.person(acme, "Otto Ohm"), name="Scanners")
        people.join(acme, other, ida)
    elif why == "no address":
        directory_address(acme, ida, "")
    elif why == "blocked":
        block(acme, group, "ida@acme.test", by)
    else:
        directory_address(acme, ida, "ida@office.test")
        block(acme, group, "ida@office.test", by)
    used = people.used(acme, group)
    answer = api.sign_in("ida")
    assert refusal(answer) == (403, code)
    assert "token" not in answer.json()
    with acme.context():
        assert not LicenseGroupMember.objects.filter(group_id=group.pk, user_id=ida.user_id).exists()
    assert people.used(acme, group) == used
    assert [event.labels["reason"] for event in events(acme, "access.refused")] == [code]


@pytest.mark.spec("LG-163")
def test_with_the_switch_off_users_of_the_group_still_sign_in(acme, api, group, user, by):
    switch(acme, group, by, auto_assign_users=False)
    assert api.sign_in("frank").status_code == 200


@pytest.mark.spec("LG-141")
def test_the_devices_group_comes_before_that_of_the_domain(acme, api, group, ida):
    other = people.person(acme, "Otto Ohm")
    of_domain = people.license_group(acme, other, name="Scanners")
    with acme.context():
        ask_domain(
            tenant_id=acme.pk, group_id=of_domain.pk, domain="acme.test", address=None, by=factories.actor(other)
        )
    assert api.sign_in("ida").status_code == 200
    assert (people.used(acme, group), people.used(acme, of_domain)) == (1, 0)


@pytest.mark.spec("LG-144")
def test_two_people_at_once_for_the_last_seat(acme, anna, by):
    group = people.license_group(acme, anna, seats=5, name="Full")
    for number in range(4):
        people.join(acme, group, people.person(acme, f"Seat{number} Holder"))
    _row, key = device(acme, group, by=by)
    for name in ("Uwe Uhl", "Vera Vogt"):
        person(acme, name)
    logins = ("uwe", "vera")
    answers = at_once(2, lambda number: Api(acme, key).sign_in(logins[number]).status_code)
    assert sorted(answers) == [200, 403]
    assert people.used(acme, group) == 5


def test_one_person_at_two_devices_at_once_takes_one_seat(acme, group, printer, ida, by):
    keys = [printer.plain, device(acme, group, "Scanner", by=by)[1]]
    answers = at_once(
        2, lambda number: Api(acme, keys[number], address=f"198.51.{number}.7").sign_in("ida").status_code
    )
    assert answers == [200, 200]
    assert people.used(acme, group) == 1


@pytest.mark.parametrize("what", ["removed", "renewed"])
def test_a_device_that_is_removed_while_a_password_is_looked_at_admits_nobody(
    acme, group, api, printer, ida, by, monkeypatch, what
):
    where, prove = {"tenant_id": acme.pk, "group_id": group.pk, "by": by}, signin.prove

    def slow(**arguments):
        with acme.context():
            if what == "removed":
                remove_devices(shown={printer.pk: 1}, **where)
            else:
                renew_key(device_id=printer.pk, version=1, **where)
        return prove(**arguments)

    monkeypatch.setattr("accounts.signin.prove", slow)
    assert refusal(api.sign_in("ida")) == (403, "device-gone")
    assert people.used(acme, group) == 0


@pytest.mark.spec("LG-145")
def test_with_an_expired_licence_nobody_signs_in_and_no_token_works(acme, api, group, user):
    api.sign_in("frank")
    people.expire(acme, group)
    for method, path in (("GET", "panel/"), ("GET", "panels/"), ("POST", "panels/")):
        assert refusal(api.ask(method, path)) == (403, "license-expired")
    assert refusal(api.sign_in("frank")) == (403, "license-expired")
