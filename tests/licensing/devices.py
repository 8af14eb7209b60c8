"""Devices as tests want them, and what asks the device API: a client without cookies."""

import json

from django.test import Client

from audit.models import Event
from audit.tallies import write_open
from config.identifiers import uuid7
from licensing.actions.blocks import block_addresses
from licensing.actions.devices import add_device
from licensing.models import Device
from tests.licensing import people

PASSWORD = "correct horse battery"  # noqa: S105


def device(world, group, name="Printer", *, by):
    """Return (Device, key) of a new device."""
    with world.context():
        return add_device(tenant_id=world.pk, group_id=group.pk, device_id=uuid7(), name=name, by=by)


def names(world, group):
    """Return the names of a group's devices, sorted."""
    with world.context():
        return sorted(Device.objects.filter(group_id=group.pk).values_list("name", flat=True))


def with_password(member, password=PASSWORD):
    member.user.set_password(password)
    member.user.save(update_fields=["password"])
    return member


def person(world, name, **more):
    """Return the Membership of somebody with a password."""
    return with_password(people.person(world, name, **more))


class Api:
    """A device at an address of a tenant; it keeps the token of who signed in last."""

    def __init__(self, world, key="", *, address="198.51.100.7", enforces_csrf=True):
        self.world, self.key, self.token = world, key, ""
        self.client = Client(REMOTE_ADDR=address, enforce_csrf_checks=enforces_csrf)

    def ask(self, method, path, body=None, *, key=None, token=None):
        """Return the answer; `body` is sent as JSON, a text as it is."""
        key, token = self.key if key is None else key, self.token if token is None else token
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        if token:
            headers["X-Person-Token"] = token
        data = "" if body is None else body if isinstance(body, str | bytes) else json.dumps(body)
        url = self.world.url(f"devices/{path}")
        answer = self.client.generic(method, url, data, content_type="application/json", headers=headers)
        assert not answer.cookies, answer.cookies
        assert answer["Cache-Control"] == "no-store"
        assert answer["Content-Type"] == "application/json", answer.text
        return answer

    def get(self, path, **more):
        return self.ask("GET", path, **more)

    def post(self, path, body=None, **more):
        return self.ask("POST", path, body, **more)

    def sign_in(self, login, password=PASSWORD, **more):
        """Sign somebody in and keep the token; return the answer."""
        answer = self.post("sign-in/", {"login": login, "password": password, **more})
        self.token = answer.json().get("token", "")
        return answer

    def enrol(self, group_id, name="Printer", login="frank", password=PASSWORD):
        sent = {"license_group": str(group_id), "name": name, "login": login, "password": password}
        return self.post("enrol/", sent)


def refusal(answer):
    """Return (status, code) of an error; it holds a sentence, too."""
    found = answer.json()
    assert found["message"].endswith("."), found
    return answer.status_code, found["error"]


def events(world, verb=None):
    with world.context():
        write_open(world.pk)
        rows = Event.objects.order_by("at", "id")
        return list(rows.filter(verb=verb) if verb else rows)


def block(world, group, address, by):
    with world.context():
        block_addresses(tenant_id=world.pk, group_id=group.pk, addresses=[(address, address)], by=by)
