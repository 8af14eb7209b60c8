"""The device API: enrolling, signing in at a device and being admitted there, and what its answers keep to themselves."""

import datetime
import json
import logging

import pytest
import time_machine
from django.core import signing
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone

from accounts import signin
from accounts.directory import DirectoryUnavailable
from accounts.directory.errors import Outage
from accounts.models import KnownOrigin, Membership, Session
from audit.models import Event
from licensing.actions.blocks import block_addresses
from licensing.actions.devices import remove_devices, renew_key
from licensing.actions.groups import ask_domain
from licensing.models import Device, LicenseGroupMember
from tests import factories
from tests.accounts.conftest import at_once
from tests.licensing import people
from tests.licensing.devices import PASSWORD, Api, device, names, person, refusal, with_password
from tests.licensing.test_devices import switch

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])


@pytest.fixture
def frank(acme):
    return person(acme, "Frank Fuchs")


@pytest.fixture
def ida(acme):
    """Of acme, in no license group."""
    return person(acme, "Ida Ilg")


@pytest.fixture
def printer(acme, group, by):
    row, key = device(acme, group, by=by)
    row.plain = key
    return row


@pytest.fixture
def api(acme, printer):
    """The printer of Anna's group."""
    return Api(acme, printer.plain)


def events(world, verb=None):
    with world.context():
        rows = Event.objects.order_by("at", "id")
        return list(rows.filter(verb=verb) if verb else rows)


def block(world, group, address, by):
    with world.context():
        block_addresses(tenant_id=world.pk, group_id=group.pk, addresses=[(address, address)], by=by)


# --- enrolling ----------------------------------------------------------------------------------------------------
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


# --- signing in ---------------------------------------------------------------------------------------------------
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


# --- the same sign-in as in the console ---------------------------------------------------------------------------
def test_a_directory_is_asked_with_no_transaction_open(acme, api, group, user, monkeypatch):
    prove, open_then = signin.prove, []

    def watched(**arguments):
        open_then.append(connection.in_atomic_block)
        return prove(**arguments)

    monkeypatch.setattr("accounts.signin.prove", watched)
    assert api.sign_in("frank").status_code == 200
    assert api.enrol(group.pk, "Canteen").status_code == 201
    assert open_then == [False, False]


def test_a_wrong_password_and_an_unknown_login_read_alike(acme, api, user):
    wrong, unknown = api.sign_in("frank", "not it"), api.sign_in("nobody", "not it")
    assert refusal(wrong) == refusal(unknown) == (403, "not-signed-in")
    assert wrong.content == unknown.content


@pytest.mark.parametrize("password", ["", "   ", "a\0b"])
def test_an_empty_password_gets_no_further_than_the_form(acme, api, user, password, monkeypatch):
    monkeypatch.setattr("accounts.signin.prove", None)
    answer = api.sign_in("frank", password)
    assert refusal(answer) == (422, "invalid")
    assert list(answer.json()["problems"]) == ["password"]


@pytest.mark.parametrize("what", ["suspended", "locked", "deactivated"])
def test_who_may_not_sign_in_here_reads_the_neutral_sentence(acme, api, user, frank, what):
    token = api.sign_in("frank").json()["token"]
    if what == "suspended":
        frank.user.is_active = False
    elif what == "locked":
        frank.user.locked_at = timezone.now()
    frank.user.save()
    if what == "deactivated":
        with acme.context():
            Membership.objects.filter(pk=frank.pk).update(is_active=False)
    assert refusal(api.get("panel/", token=token)) == (401, "person-token")
    assert refusal(api.sign_in("frank")) == (403, "not-signed-in")


def test_tries_are_slowed_and_the_answer_says_when_to_come_back(acme, api, user):
    answers = [api.sign_in("frank", "not it") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [403, 403, 403, 429]
    assert refusal(answers[3]) == (429, "slowed")
    assert 0 < int(answers[3]["Retry-After"]) <= 900
    assert refusal(api.sign_in("frank")) == (429, "slowed")
    assert refusal(Api(acme).enrol(user.group_id)) == (429, "slowed")


def test_the_device_and_a_browser_share_one_throttle(acme, api, user):
    for _ in range(2):
        api.sign_in("frank", "not it")
    browser = Client(REMOTE_ADDR="198.51.100.7")
    posted = {"login": "frank", "password": "not it"}
    assert browser.post(acme.url("sign-in/"), posted).status_code == 422
    assert browser.post(acme.url("sign-in/"), posted).status_code == 429
    assert refusal(api.sign_in("frank")) == (429, "slowed")


def test_a_device_where_the_person_signed_in_is_known_wherever_it_stands(acme, api, printer, user):
    api.sign_in("frank")
    with acme.context():
        assert KnownOrigin.objects.count() == 2
    elsewhere = Api(acme, printer.plain, address="203.0.113.9")
    for _ in range(4):
        Client(REMOTE_ADDR="192.0.2.1").post(acme.url("sign-in/"), {"login": "frank", "password": "not it"})
    assert elsewhere.sign_in("frank").status_code == 200  # strangers never slow the known one


def test_a_directory_that_does_not_answer_is_told_and_costs_no_try(acme, api, user, monkeypatch):
    def away(**_arguments):
        raise DirectoryUnavailable(Outage.SLOW, "away")

    monkeypatch.setattr("accounts.signin.prove", away)
    answers = [api.sign_in("frank") for _ in range(5)]
    assert {refusal(answer) for answer in answers} == {(503, "directory-away")}
    assert answers[0]["Retry-After"] == "60"


def test_an_organisation_that_does_not_exist_is_told_in_json(acme, api, user):
    answer = Client().get(acme.url("devices/panel/").replace("/acme/", "/nobody/"))
    assert refusal(answer) == (404, "not-found")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (RuntimeError("secret of the house"), (500, "internal")),
        (OperationalError("secret of the house"), (503, "unavailable")),
    ],
)
def test_what_breaks_here_is_told_in_json_and_without_its_reason(acme, api, user, monkeypatch, error, expected):
    def breaks(*_arguments, **_more):
        raise error

    monkeypatch.setattr("accounts.signin.prove", breaks)
    api.client.raise_request_exception = False
    answer = api.sign_in("frank")
    assert refusal(answer) == expected
    assert answer.get("Retry-After") == ("10" if expected[0] == 503 else None)
    assert "secret" not in answer.text


# --- keys and tokens ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("key", ["", "nonsense", "rkd_nonsense", "rkd_" + "x" * 5000])
def test_without_a_known_key_every_address_is_401(acme, api, user, key):
    for method, path in (("POST", "sign-in/"), ("GET", "panel/"), ("GET", "panels/"), ("POST", "panels/")):
        answer = api.ask(method, path, key=key)
        assert refusal(answer) == (401, "device-key")
        assert answer["WWW-Authenticate"] == "Bearer"


def test_a_key_of_another_organisation_opens_nothing(acme, globex, group, user, charlie):
    foreign = people.license_group(globex, charlie)
    _row, key = device(globex, foreign, by=factories.actor(charlie))
    assert refusal(Api(acme, key).sign_in("frank")) == (401, "device-key")
    assert refusal(Api(acme, key).get("panel/")) == (401, "device-key")


def test_a_removed_device_and_a_renewed_key_end_at_once(acme, group, api, printer, user, by):
    token = api.sign_in("frank").json()["token"]
    where = {"tenant_id": acme.pk, "group_id": group.pk, "by": by}
    with acme.context():
        _row, key = renew_key(device_id=printer.pk, version=1, **where)
    assert refusal(api.get("panel/")) == (401, "device-key")
    assert refusal(api.get("panel/", key=key, token=token)) == (401, "person-token")
    api.key = key
    assert api.sign_in("frank").status_code == 200
    with acme.context():
        remove_devices(shown={printer.pk: 2}, **where)
    assert refusal(api.get("panel/")) == (401, "device-key")
    assert refusal(api.sign_in("frank")) == (401, "device-key")


def test_a_token_counts_at_its_device_alone(acme, group, api, user, by):
    token = api.sign_in("frank").json()["token"]
    _row, key = device(acme, group, "Scanner", by=by)
    assert refusal(Api(acme, key).get("panel/", token=token)) == (401, "person-token")
    assert api.get("panel/").status_code == 200


def test_a_token_that_is_forged_changed_or_missing_opens_nothing(acme, api, printer, user, frank):
    token = api.sign_in("frank").json()["token"]
    claims = {"account": str(frank.user_id), "proof": "0" * 64}
    forged = [
        token[:-1] + ("A" if token[-1] != "A" else "B"),
        signing.dumps(claims),
        signing.dumps(claims, salt="licensing.device_keys"),
        "nonsense",
        "é",
    ]
    for one in forged:
        answer = api.get("panel/", token=one)
        assert refusal(answer) == (401, "person-token")
        assert answer["WWW-Authenticate"] == "Bearer"
    api.token = ""
    assert refusal(api.get("panel/")) == (401, "person-token")


def test_a_token_ends_after_a_quarter_of_an_hour(acme, api, user):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        api.sign_in("frank")
        clock.shift(899)
        assert api.get("panel/").status_code == 200
        clock.shift(2)
        assert refusal(api.get("panel/")) == (401, "person-token")


def test_a_changed_password_ends_the_token(acme, api, user, frank):
    api.sign_in("frank")
    with_password(frank, "another horse battery")
    assert refusal(api.get("panel/")) == (401, "person-token")


@pytest.mark.spec("LG-133")
def test_a_blocked_person_is_out_with_the_next_request(acme, api, group, user, by):
    api.sign_in("frank")
    block(acme, group, "frank@acme.test", by)
    assert refusal(api.get("panel/")) == (403, "no-place")
    assert refusal(api.sign_in("frank")) == (403, "blocked")


def test_a_browser_with_a_session_is_nobody_here(acme, group, user, admin, erin, sign_in):
    for path in ("panel/", "panels/"):
        answer = sign_in(erin).get(acme.url(f"devices/{path}"))
        assert refusal(answer) == (401, "device-key")


# --- requests -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("", (400, "bad-json")),
        ("[]", (400, "bad-json")),
        ("{", (400, "bad-json")),
        ('{"login": NaN}', (400, "bad-json")),
        ('{"login": "a", "login": "b"}', (400, "bad-json")),
        ('{"login": "\\ud800"}', (400, "bad-json")),
        (b"\xff\xfe", (400, "bad-json")),
        ("[" * 100_000, (400, "bad-json")),
        ('{"login": "' + "x" * 256 * 1024 + '"}', (400, "too-large")),
        ("{}", (422, "invalid")),
        ('{"login": 1, "password": "x"}', (422, "invalid")),
        ('{"login": "a", "password": "x", "more": 1}', (422, "invalid")),
        ('{"login": "a", "password": "x", "features": "copy"}', (422, "invalid")),
        ('{"login": "a", "password": "x", "features": [1]}', (422, "invalid")),
        (json.dumps({"login": "a", "password": "x", "features": ["f"] * 51}), (422, "invalid")),
        (json.dumps({"login": "x" * 201, "password": "x"}), (422, "invalid")),
    ],
)
def test_what_is_no_request_is_refused_before_anybody_is_asked(acme, api, body, expected, monkeypatch):
    monkeypatch.setattr("accounts.signin.prove", None)
    assert refusal(api.post("sign-in/", body)) == expected


def test_each_address_names_its_methods(acme, api):
    for method, path, allowed in (
        ("GET", "sign-in/", "POST"),
        ("GET", "enrol/", "POST"),
        ("POST", "panel/", "GET"),
        ("DELETE", "panels/", "GET, POST"),
        ("POST", "panels/00000000-0000-7000-8000-000000000000/", "GET, PUT, DELETE"),
    ):
        answer = api.ask(method, path)
        assert refusal(answer) == (405, "wrong-method")
        assert answer["Allow"] == allowed


def test_no_secret_is_in_events_or_logs(acme, group, api, printer, user, caplog, capsys):
    caplog.set_level(logging.DEBUG)
    enrolled = Api(acme).enrol(group.pk, "Canteen").json()["key"]
    token = api.sign_in("frank").json()["token"]
    api.get("panel/")
    api.sign_in("frank", "a wrong password")
    api.get("panel/", token="forged")
    written = capsys.readouterr()
    told = "".join(f"{event.labels}{event.actor_key}" for event in events(acme))
    kept = caplog.text + written.out + written.err
    with acme.context(), connection.cursor() as cursor:
        cursor.execute("SELECT * FROM licensing_device")
        stored = str(cursor.fetchall())
    assert "Canteen" in told
    for secret in (enrolled, printer.plain, token, PASSWORD, "a wrong password"):
        assert secret not in told
        assert secret not in kept
        assert secret not in stored
