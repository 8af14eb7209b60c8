"""The device API: what is no request, what breaks behind it, and what its answers keep to themselves."""

import json
import logging

import pytest
from django.db import OperationalError, connection
from django.test import Client

from tests.licensing import device_cast
from tests.licensing.devices import PASSWORD, Api, events, refusal

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])
frank, printer, api = device_cast.frank, device_cast.printer, device_cast.api


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
