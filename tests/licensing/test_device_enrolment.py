"""The device API: enrolling a device, and who may."""

import pytest

from tests.accounts.conftest import at_once
from tests.licensing import device_cast, people
from tests.licensing.devices import Api, events, names, refusal, with_password
from tests.licensing.test_devices import switch

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])
frank, ida, printer = device_cast.frank, device_cast.ida, device_cast.printer


@pytest.mark.spec("LG-140", "LG-163")
def test_a_member_enrols_a_device_while_the_switch_is_on(acme, group, user):
    api = Api(acme)
    answer = api.enrol(group.pk, "Canteen")
    assert answer.status_code == 201
    assert names(acme, group) == ["Canteen"]
    assert people.verbs(acme, group)[-1] == "device.added"
    (event,) = events(acme, "device.added")
    assert (event.channel, event.labels["actor"]) == ("api", "Frank Fuchs (frank)")
    api.key = answer.json()["key"]
    assert api.sign_in("frank").status_code == 200


@pytest.mark.spec("LG-163")
def test_with_the_switch_off_only_admins_add_devices(acme, group, user, admin, erin, by):
    with_password(erin)
    switch(acme, group, by, auto_assign_devices=False)
    for login in ("frank", "erin"):
        assert refusal(Api(acme).enrol(group.pk, login=login)) == (403, "devices-by-admins")
    assert names(acme, group) == []
    assert [event.labels["reason"] for event in events(acme, "access.refused")] == ["devices-by-admins"] * 2


@pytest.mark.spec("LG-29")
def test_a_group_of_others_and_one_that_is_not_there_are_refused_alike(acme, globex, group, user, ida, charlie):
    foreign = people.license_group(globex, charlie)
    answers = [Api(acme).enrol(pk, login="ida") for pk in (group.pk, foreign.pk, ida.pk)]
    assert [refusal(answer) for answer in answers] == [(403, "not-a-member")] * 3
    assert len({answer.content for answer in answers}) == 1


@pytest.mark.spec("LG-145")
def test_nothing_is_enrolled_with_an_expired_licence(acme, group, user):
    people.expire(acme, group)
    assert refusal(Api(acme).enrol(group.pk)) == (403, "license-expired")


def test_two_enrolments_of_one_name_at_once_make_one_device(acme, group, user):
    group_id = group.pk
    answers = at_once(2, lambda number: Api(acme, address=f"198.51.{number}.7").enrol(group_id).status_code)
    assert sorted(answers) == [201, 409]
    assert names(acme, group) == ["Printer"]


def test_a_name_that_is_taken_is_a_conflict_at_its_field(acme, group, user, printer):
    answer = Api(acme).enrol(group.pk, "PRINTER")
    assert refusal(answer) == (409, "device-name")
    assert list(answer.json()["problems"]) == ["name"]


@pytest.mark.parametrize("name", ["", "   ", "x" * 101, "a\u202eb"])
def test_a_name_that_is_none_is_refused(acme, group, user, name):
    assert Api(acme).enrol(group.pk, name).status_code == 422
    assert names(acme, group) == []


def test_enrolling_asks_for_the_password(acme, group, user):
    assert refusal(Api(acme).enrol(group.pk, password="wrong")) == (403, "not-signed-in")
    assert refusal(Api(acme).enrol(group.pk, password="  ")) == (422, "invalid")
    assert names(acme, group) == []
