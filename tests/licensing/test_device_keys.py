"""The device API: the keys of devices and the tokens of people, and when they end."""

import pytest
import time_machine
from django.core import signing
from django.utils import timezone

from licensing.actions.devices import remove_devices, renew_key
from tests import factories
from tests.licensing import device_cast, people
from tests.licensing.devices import Api, block, device, refusal, with_password

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])
frank, printer, api = device_cast.frank, device_cast.printer, device_cast.api


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
