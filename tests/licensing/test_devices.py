"""The tab Devices: adding, a key shown once, a new key, removing; and the rules of the table."""

import html
import io
import re
import uuid

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import IntegrityError, ProgrammingError, connection, transaction

from audit.models import Event
from licensing.actions.groups import change_settings
from licensing.device_keys import digest_of, new_key
from licensing.models import Device
from tests import factories
from tests.licensing import people
from tests.licensing.devices import Api, device, names
from tests.licensing.pages import HTMX, at, carried, column, selected

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])

TAB, ADD, BULK = "devices/", "devices/add/", "devices/remove/"
KEY = re.compile(r">(rkd_[A-Za-z0-9_-]{43})</textarea>")


def key_in(answer):
    found = KEY.findall(answer.text)
    return found[0] if found else None


def post_add(browser, world, group, name, *, submission=None, **more):
    fields = {"name": name, "submission": submission or str(uuid.uuid4())}
    return browser.post(at(world, group, ADD), fields, **more)


def stored(world, row):
    with world.context():
        return Device.objects.filter(pk=row.pk).first()


def events(world):
    with world.context():
        return list(Event.objects.order_by("at", "id"))


@pytest.fixture
def printer(acme, group, by):
    row, _key = device(acme, group, "Printer", by=by)
    return row


@pytest.mark.spec("LG-165")
def test_a_device_is_added_and_its_key_is_shown_this_once(acme, group, desk):
    answer = post_add(desk, acme, group, "Printer 2nd floor")
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    assert f"{settings.PUBLIC_URL}{acme.url('devices/')}<" in answer.text  # where the device asks
    key = key_in(answer)
    with acme.context():
        row = Device.objects.get()
    assert (row.name, row.key_digest, row.added_by, row.last_seen_at) == (
        "Printer 2nd floor", digest_of(key), "Anna Ahlers (anna)", None,
    )  # fmt: skip
    for path in (TAB, f"{TAB}{row.pk}/key/", f"{TAB}{row.pk}/remove/", "settings/"):
        page = desk.get(at(acme, group, path))
        assert page.status_code == 200
        assert key not in page.text
        assert row.key_digest not in page.text
    assert people.verbs(acme, group)[-1] == "device.added"


def test_in_the_dialog_the_key_comes_and_the_list_reloads(acme, group, desk):
    answer = post_add(desk, acme, group, "Printer", headers=HTMX)
    assert key_in(answer)
    assert "license-devices-changed" in answer["HX-Trigger"]
    assert "<html" not in answer.text


def test_no_event_and_no_session_holds_a_key(acme, group, desk, printer):
    keys = [key_in(post_add(desk, acme, group, "Scanner"))]
    keys.append(key_in(renew(desk, acme, group, printer)))
    told = "".join(str(event.labels) for event in events(acme))
    assert "Scanner" in told
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT session_data FROM accounts_session UNION ALL SELECT headers::text FROM accounts_submission"
        )
        kept = "".join(text for (text,) in cursor.fetchall())
    for key in keys:
        assert key not in told
        assert digest_of(key) not in told
        assert key not in kept


def test_the_form_sent_twice_makes_one_device_and_no_second_key(acme, group, desk):
    submission = str(uuid.uuid4())
    post_add(desk, acme, group, "Printer", submission=submission)
    again = post_add(desk, acme, group, "Printer", submission=submission)
    assert again.status_code == 409
    assert key_in(again) is None
    assert "make a new key" in again.text
    assert names(acme, group) == ["Printer"]


def test_a_form_with_the_id_of_another_organisations_device_is_refused(acme, globex, group, desk, charlie):
    other = people.license_group(globex, charlie)
    with globex.context():
        row = Device.objects.create(
            tenant=globex.tenant, group_id=other.pk, name="Theirs", key_digest=digest_of(new_key()), added_by="Charlie",
            added_at=charlie.created_at,
        )  # fmt: skip
    assert post_add(desk, acme, group, "Printer", submission=str(row.pk)).status_code == 422
    assert names(acme, group) == []
    assert names(globex, other) == ["Theirs"]


@pytest.mark.parametrize("name", ["printer", " PRINTER ", "Prínter"])
def test_a_name_stands_once_in_a_group_whatever_its_case(acme, group, desk, printer, name):
    answer = post_add(desk, acme, group, name)
    assert answer.status_code == 409
    assert f'value="{html.escape(name)}"' in answer.text  # what was typed is kept
    assert names(acme, group) == ["Printer"]


def test_two_groups_have_devices_of_one_name(acme, group, desk, anna, printer):
    other = people.license_group(acme, anna, name="Scanners")
    assert post_add(desk, acme, other, "Printer").status_code == 200


@pytest.mark.parametrize("name", ["", "   ", "x" * 101, "a\u202eb", "a\0b"])
def test_a_name_that_is_none_is_refused(acme, group, desk, name):
    assert post_add(desk, acme, group, name).status_code == 422
    assert names(acme, group) == []


def test_a_group_has_no_more_devices_than_the_limit(acme, group, desk, printer, monkeypatch):
    monkeypatch.setattr("licensing.actions.devices.MOST_DEVICES", 1)
    assert post_add(desk, acme, group, "Another").status_code == 422
    assert names(acme, group) == ["Printer"]


def renew(browser, world, group, row):
    path = at(world, group, f"{TAB}{row.pk}/key/")
    question = browser.get(path)
    assert f"New key for {row.name}?" in question.text
    return browser.post(path, {**carried(question), "confirmed": "yes"})


def test_a_new_key_ends_the_old_one(acme, group, desk, printer):
    answer = renew(desk, acme, group, printer)
    assert answer.status_code == 200
    row = stored(acme, printer)
    assert row.key_digest == digest_of(key_in(answer)) != printer.key_digest
    assert people.verbs(acme, group)[-1] == "device.renewed"


def test_a_stale_question_about_a_device_is_a_conflict(acme, group, desk, printer):
    paths = [at(acme, group, f"{TAB}{printer.pk}/{verb}/") for verb in ("key", "remove")]
    asked = [carried(desk.get(path)) for path in paths]
    key = key_in(renew(desk, acme, group, printer))
    for path, fields in zip(paths, asked, strict=True):
        assert desk.post(path, {**fields, "confirmed": "yes"}).status_code == 409
    assert stored(acme, printer).key_digest == digest_of(key)


def test_what_is_confirmed_says_which_version_it_is_about(acme, group, desk, printer, by):
    other, _key = device(acme, group, "Scanner", by=by)
    for verb in ("key", "remove"):
        path = at(acme, group, f"{TAB}{printer.pk}/{verb}/")
        assert desk.post(path, {"confirmed": "yes"}).status_code == 400
        assert desk.post(path, {"confirmed": "yes", "shown": f"{other.pk}:1"}).status_code == 400
    assert desk.post(at(acme, group, BULK), {"confirmed": "yes", **selected(printer)}).status_code == 400
    assert names(acme, group) == ["Printer", "Scanner"]


@pytest.mark.spec("LG-165")
def test_one_device_is_removed_after_a_question(acme, group, desk, printer):
    path = at(acme, group, f"{TAB}{printer.pk}/remove/")
    question = desk.get(path, headers=HTMX)
    assert "Remove the device Printer?" in question.text
    assert names(acme, group) == ["Printer"]
    answer = desk.post(path, {**carried(question), "confirmed": "yes"})
    assert (answer.status_code, answer["Location"]) == (303, at(acme, group, TAB))
    assert names(acme, group) == []
    assert people.verbs(acme, group)[-1] == "device.removed"
    assert desk.post(path, {**carried(question), "confirmed": "yes"}).status_code == 409
    assert desk.get(path).status_code == 404


def test_several_devices_are_removed_together_with_one_parent_event(acme, group, desk, printer, by):
    rows = [printer, *(device(acme, group, f"Scanner {number}", by=by)[0] for number in range(2))]
    question = desk.post(at(acme, group, BULK), selected(*rows[:2]))
    assert "Remove 2 devices?" in question.text
    assert "Scanner 0" in question.text
    assert desk.post(at(acme, group, BULK), {**carried(question), "confirmed": "yes"}).status_code == 303
    assert names(acme, group) == ["Scanner 1"]
    assert people.verbs(acme, group)[-3:] == ["device.removed-many", "device.removed", "device.removed"]
    assert events(acme)[-3].labels["devices"] == ["Printer", "Scanner 0"]
    assert desk.post(at(acme, group, BULK), {**carried(question), "confirmed": "yes"}).status_code == 409


@pytest.mark.spec("LG-165")
def test_the_list_is_filtered_and_sorted(acme, group, desk, by):
    for name in ("Berlin 10", "Ähre", "Zürich"):
        device(acme, group, name, by=by)
    assert column(desk.get(at(acme, group, TAB)), 0) == ["Ähre", "Berlin 10", "Zürich"]
    assert column(desk.get(at(acme, group, TAB) + "?q=RICH"), 0) == ["Zürich"]
    assert column(desk.get(at(acme, group, TAB) + "?sort=-added_at"), 0) == ["Zürich", "Ähre", "Berlin 10"]
    assert column(desk.get(at(acme, group, TAB) + "?sort=last_seen_at"), 2) == ["Anna Ahlers"] * 3


@pytest.mark.spec("LG-163", "LG-140")
def test_the_page_says_who_adds_devices(acme, group, desk, by):
    assert "Every member can enrol" in desk.get(at(acme, group, TAB)).text
    switch(acme, group, by, auto_assign_devices=False)
    assert "Only Admins of this group add devices" in desk.get(at(acme, group, TAB)).text


@pytest.mark.parametrize(("words", "ended"), [(["acme"], {"acme"}), (["--all"], {"acme", "globex"})])
def test_the_keys_of_an_organisation_end_by_one_command_and_the_devices_stay(acme, globex, group, by, words, ended):
    gina = people.person(globex, "Gina Groß")
    foreign = people.license_group(globex, gina)
    there = {
        "acme": [device(acme, group, name, by=by) for name in ("Printer", "Scanner")],
        "globex": [device(globex, foreign, by=factories.actor(gina))],
    }
    out = io.StringIO()
    call_command("end_device_keys", *words, stdout=out)
    assert f"Device keys ended: {sum(len(there[slug]) for slug in ended)}." in out.getvalue()
    for world in (acme, globex):
        slug = world.tenant.slug
        statuses = {Api(world, key).sign_in("nobody").status_code for _, key in there[slug]}
        assert (statuses == {401}) is (slug in ended)
    assert names(acme, group) == ["Printer", "Scanner"]
    assert {event.verb for event in events(acme)} >= {"device.ended-many", "device.ended"}


def test_the_command_asks_for_one_organisation_or_all():
    for words in ([], ["acme", "--all"]):
        with pytest.raises(CommandError, match="--all"):
            call_command("end_device_keys", *words)


def switch(world, group, by, **switches):
    group = people.fresh(world, group)
    values = {"auto_assign_users": True, "auto_assign_devices": True, "tells_blocked": True} | switches
    with world.context():
        change_settings(
            tenant_id=world.pk, group_id=group.pk, version=group.version, name=group.name, by=by, **values
        )  # fmt: skip


@pytest.mark.spec("LG-28", "LG-145")
def test_with_an_expired_licence_nothing_changes(acme, group, desk, printer):
    question = carried(desk.get(at(acme, group, f"{TAB}{printer.pk}/remove/")))
    people.expire(acme, group)
    assert desk.get(at(acme, group, TAB)).status_code == 303
    assert post_add(desk, acme, group, "Another").status_code == 422
    path = at(acme, group, f"{TAB}{printer.pk}/remove/")
    assert desk.post(path, {**question, "confirmed": "yes"}).status_code == 422
    assert names(acme, group) == ["Printer"]


@pytest.mark.spec("LG-08", "LG-29")
def test_only_admins_of_the_group_see_and_change_its_devices(acme, erin, frank, group, user, printer, sign_in):
    other = people.license_group(acme, erin, name="Copiers")
    fields = {"confirmed": "yes", "shown": f"{printer.pk}:1"}
    for browser, status in ((sign_in(frank), 403), (sign_in(erin), 404)):
        assert browser.get(at(acme, group, TAB)).status_code == status
        assert post_add(browser, acme, group, "Another").status_code == status
        for path in (f"{TAB}{printer.pk}/key/", f"{TAB}{printer.pk}/remove/", BULK):
            assert browser.post(at(acme, group, path), fields).status_code == status
    erins = sign_in(erin)
    assert erins.get(at(acme, other, f"{TAB}{printer.pk}/key/")).status_code == 404
    for path in (f"{TAB}{printer.pk}/key/", f"{TAB}{printer.pk}/remove/", BULK):
        assert erins.post(at(acme, other, path), fields).status_code == 409
    assert stored(acme, printer).version == 1


# --- the table --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "wrong",
    [
        {"key_digest": "rkd_plain"},
        {"key_digest": "A" * 64},
        {"name": "--", "name_key": ""},
        {"name": "printer"},
        {"key_digest": "taken"},
    ],
)
def test_the_database_refuses_what_no_action_writes(acme, group, printer, wrong):
    values = {"name": "Another", "key_digest": digest_of(new_key()), **wrong}
    if values["key_digest"] == "taken":
        values["key_digest"] = printer.key_digest
    row = Device(tenant_id=acme.pk, group_id=group.pk, added_by="A", added_at=printer.added_at, **values)
    if "name_key" in wrong:
        row.name = ""
    with pytest.raises(IntegrityError), acme.context(), transaction.atomic():
        row.save(force_insert=True)


def test_a_device_is_seen_in_its_tenant_alone_and_keeps_its_name(acme, globex, group, printer):
    with globex.context():
        assert not Device.objects.filter(pk=printer.pk).exists()
    with pytest.raises(ProgrammingError, match="permission denied"), acme.context(), transaction.atomic():
        Device.objects.filter(pk=printer.pk).update(name="Renamed")
