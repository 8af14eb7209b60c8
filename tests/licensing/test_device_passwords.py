"""The device API: a password is looked at there as in the console, with the same throttle and neutral answers."""

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts import signin
from accounts.directory import DirectoryUnavailable
from accounts.directory.errors import Outage
from accounts.models import KnownOrigin, Membership
from tests.licensing import device_cast
from tests.licensing.devices import Api, refusal

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])
frank, printer, api = device_cast.frank, device_cast.printer, device_cast.api


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
