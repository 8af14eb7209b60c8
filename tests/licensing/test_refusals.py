"""Every refused post of licensing and My Persona leaves one event: who, where, and the reason (licensing.md, UM-60)."""

import json
import uuid
from datetime import timedelta
from types import SimpleNamespace

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from audit.models import Event
from audit.tallies import write_open
from licensing.actions.blocks import block_addresses
from licensing.actions.groups import ask_domain
from licensing.links import domain_token
from licensing.models import GroupDomain, LicenseGroup, LicenseGroupMember, LicenseRoleBlock
from tests.licensing import people
from tests.licensing.pages import at, shown_field
from tests.persona import panels

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])


@pytest.fixture
def rooms(acme, group, owner, admin, user, pending, anna, erin, frank, olga, by, sign_in):
    """The pages' people: Anna owns, Erin is Admin, Frank is User, Ines is invited, Gero is blocked; Olga is the operator."""
    gero = people.join(acme, group, people.person(acme, "Gero Groß"), is_user=False, is_admin=True)
    other = people.license_group(acme, anna, name="Copiers")
    with acme.context():
        block_addresses(tenant_id=acme.pk, group_id=group.pk, addresses=[("gero@acme.test",) * 2], by=by)
        ask_domain(tenant_id=acme.pk, group_id=other.pk, domain="acme.test", address=None, by=by)
    out = SimpleNamespace(user=olga, user_id=olga.pk, tenant_id=uuid.uuid4())
    browsers = {"anna": sign_in(anna), "erin": sign_in(erin), "frank": sign_in(frank), "olga": sign_in(out)}
    rows = {"owner": owner, "admin": admin, "user": user, "pending": pending, "gero": gero}
    return SimpleNamespace(world=acme, group=people.fresh(acme, group), rows=rows, people=browsers)


def roles(row, **given):
    """Return (path, fields) of Edit User for one row."""
    return f"users/{row.pk}/edit/", {"apply": "1", **shown_field(row), **given}


def both(row):
    return roles(row, is_user="yes", is_admin="yes")


def stored(world):
    """Return what the tables of licensing hold."""
    with world.context():
        return [list(model.objects.order_by("pk").values()) for model in
                (LicenseGroup, LicenseGroupMember, LicenseRoleBlock, GroupDomain)]  # fmt: skip


def refusals(world):
    with world.context():
        write_open(world.pk)
        return list(Event.objects.filter(tenant_id=world.pk, outcome="refused").order_by("at", "id"))


# who, what is posted below the group's address: (path, fields), status, reason
OF_A_GROUP = {
    "own rights raised": ("erin", lambda rows: both(rows["admin"]), 422, "own-rights-raised"),
    "blocked": ("anna", lambda rows: both(rows["gero"]), 422, "blocked"),
    "the owner without Admin": ("anna", lambda r: roles(r["owner"], is_user="yes", is_admin="no"), 422, "owner"),
    "no role": ("anna", lambda rows: roles(rows["user"], is_user="no", is_admin="no"), 422, "no-role"),
    "a role still mixed": ("anna", lambda r: roles(r["user"], is_user="mixed", is_admin="no"), 422, "role-undecided"),
    "a role without a value": ("anna", lambda rows: roles(rows["user"], is_user="yes"), 422, "role-undecided"),
    "a pending address": ("anna", lambda _: ("blocked/add/", {"addresses": "ines@acme.test"}), 422, "pending"),
    "a pending member": (
        "anna", lambda rows: (f"users/{rows['pending'].pk}/block/", shown_field(rows["pending"])), 422, "not-user",
    ),
    "the owner removed": (
        "anna", lambda rows: (f"users/{rows['owner'].pk}/remove/", shown_field(rows["owner"])), 422, "owner",
    ),
    "a public domain": (
        "anna", lambda _: ("settings/domain/", {"domain": "gmail.com", "address": "a@gmail.com"}), 422, "public-domain",
    ),
    "a taken domain": ("anna", lambda _: ("settings/domain/", {"domain": "acme.test"}), 409, "domain-taken"),
    "a stale page": ("anna", lambda _: ("settings/", {"name": "Mine", "version": "77"}), 409, "stale"),
    "an invitation as User of somebody blocked": (
        "anna", lambda _: ("users/add/", {
            "addresses": "gero@acme.test", "roles": "user", "submission": str(uuid.uuid4())}), 422, None,
    ),
    "leaving as the owner": ("anna", lambda _: ("leave", {"confirmed": "yes"}), 422, "owner"),
}  # fmt: skip


@pytest.mark.spec("LG-20", "LG-21", "LG-84", "LG-85", "LG-88", "LG-128", "LG-156", "LG-161", "LG-162", "UM-60")
@pytest.mark.parametrize(("who", "what", "status", "reason"), OF_A_GROUP.values(), ids=OF_A_GROUP)
def test_a_refused_post_of_a_group_changes_nothing_and_leaves_one_event(rooms, who, what, status, reason):
    path, fields = what(rooms.rows)
    before, told = stored(rooms.world), len(refusals(rooms.world))
    mine = rooms.world.url(f"licensing/mine/{rooms.group.pk}/leave/")
    answer = rooms.people[who].post(mine if path == "leave" else at(rooms.world, rooms.group, path), fields)
    assert answer.status_code == status
    assert stored(rooms.world) == before
    (event,) = refusals(rooms.world)[told:]
    assert event.verb == "access.refused"
    assert event.labels["reason"] == reason or reason is None
    assert event.labels["actor"].lower().endswith(f"({who})")
    assert event.license_group_id == event.subject_id == rooms.group.pk
    assert event.labels.keys() == {"actor", "method", "path", "reason", "first", "last"}


def purchase(group, **more):
    fields = {"plan": group.plan, "seats": str(group.seats), "billing": group.billing, "frequency": group.frequency}
    return fields | {"expires_at": "", "version": str(group.version)} | more


@pytest.mark.spec("LG-138", "LG-139", "LG-22", "UM-60")
@pytest.mark.parametrize(
    ("path", "fields", "status", "reason"),
    [
        ("", lambda group: purchase(group, seats="0"), 422, "seats-in-use"),
        ("", lambda group: purchase(group, seats="8"), 422, "seats-step"),
        ("", lambda group: purchase(group, version="77"), 409, "stale"),
        ("transfer/", lambda group: {"member": "ines@acme.test", "version": str(group.version)}, 422, "not-member"),
    ],
)
def test_what_the_operator_is_refused_stands_in_the_audit_trail_of_the_organisation(
    rooms, globex, path, fields, status, reason
):
    group = rooms.group
    before, told = stored(rooms.world), len(refusals(rooms.world))
    answer = rooms.people["olga"].post(f"/operator/{rooms.world.slug}/{group.pk}/{path}", fields(group))
    assert answer.status_code == status
    assert stored(rooms.world) == before
    (event,) = refusals(rooms.world)[told:]
    assert (event.verb, event.labels["reason"]) == ("access.refused", reason)
    assert event.labels["actor"] == "Olga Orlova (platform operator)"
    assert event.license_group_id == group.pk
    assert refusals(globex) == []


@pytest.mark.spec("UM-60")
def test_equal_refusals_of_the_operator_within_a_minute_are_one_event(rooms, globex):
    told, fields = len(refusals(rooms.world)), purchase(rooms.group, seats="0")
    address = f"/operator/{rooms.world.slug}/{rooms.group.pk}/"
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for _ in range(3):
            assert rooms.people["olga"].post(address, fields).status_code == 422
        clock.shift(timedelta(seconds=61))
        assert rooms.people["olga"].post(address, fields).status_code == 422
        assert [event.count for event in refusals(rooms.world)[told:]] == [3, 1]
    assert refusals(globex) == []


@pytest.mark.spec("UM-60")
def test_equal_refused_posts_of_a_group_within_a_minute_are_one_event_with_a_count(rooms):
    told, fields = len(refusals(rooms.world)), {"addresses": "ines@acme.test"}
    for _ in range(4):
        rooms.people["anna"].post(at(rooms.world, rooms.group, "blocked/add/"), fields)
    (event,) = refusals(rooms.world)[told:]
    assert (event.count, event.labels["reason"], event.license_group_id) == (4, "pending", rooms.group.pk)


def test_a_group_that_the_operator_cannot_make_is_told_too(rooms):
    fields = {"plan": "Plus", "seats": "25", "billing": "term", "frequency": "monthly", "owner": "nobody@acme.test"}
    told = len(refusals(rooms.world))
    fields |= {"submission": str(uuid.uuid4())}
    assert rooms.people["olga"].post(f"/operator/{rooms.world.slug}/add/", fields).status_code == 422
    (event,) = refusals(rooms.world)[told:]
    assert event.labels["actor"] == "Olga Orlova (platform operator)"


def persona_posts(own):
    """Return (path, fields, status, reason) of refused posts of My Persona, with five panels there."""
    new = {"name": "Sixth", "start": "blank", **panels.submission()}
    file = SimpleUploadedFile("panel.json", json.dumps({"version": 1}).encode())
    return [
        ("add/", new, 422, "too-many-panels"),
        ("import/", {"name": "", "file": file, **panels.submission()}, 422, "layout"),
        (f"{own.pk}/rename/", {"name": "Other", "version": "77"}, 409, "stale"),
        (f"{own.pk}/", panels.draft(own, "save", version=77), 409, "stale"),
        (f"{own.pk}/", panels.draft(own, "save", layout={"version": 1}), 422, "layout"),
        (f"{own.pk}/delete/", {"confirmed": "yes"}, 409, "version-missing"),
        ("bring-back/", {}, 409, "nothing-deleted"),
    ]


@pytest.mark.spec("LG-146", "UM-60")
@pytest.mark.parametrize("number", range(7))
def test_a_refused_post_of_my_persona_leaves_one_event_where_the_person_is_user(rooms, frank, number):
    own = [panels.panel(frank.user, f"Panel {slot}", slot=slot) for slot in range(1, 6)]
    path, fields, status, reason = persona_posts(own[0])[number]
    before, told = panels.stored(frank.user), len(refusals(rooms.world))
    assert rooms.people["frank"].post(panels.LIST + path, fields).status_code == status
    assert panels.stored(frank.user) == before
    (event,) = refusals(rooms.world)[told:]
    assert (event.verb, event.labels["reason"]) == ("access.refused", reason)
    assert (event.channel, event.actor_id) == ("self-service", frank.pk)
    assert event.license_group_id == rooms.group.pk


def test_a_mailed_link_that_comes_too_late_is_told_of_its_group_and_without_the_link(acme, group, by, anna, client):
    other = people.license_group(acme, anna, name="Copiers")
    pair = ("boss@else.test", "boss@else.test")
    with acme.context():
        mine, theirs = [
            ask_domain(tenant_id=acme.pk, group_id=one.pk, domain="else.test", address=pair, by=by)
            for one in (group, other)
        ]
        GroupDomain.objects.filter(pk=theirs.pk).update(validated_at=timezone.now())
    token = domain_token(mine.pk, mine.generation)
    assert client.post(acme.url(f"domains/{token}/")).status_code == 409
    (event,) = refusals(acme)
    assert (event.labels["actor"], event.labels["reason"]) == ("boss@else.test", "domain-taken")
    assert event.license_group_id == group.pk
    assert token not in event.labels["path"]


def test_a_form_that_only_lacks_a_value_or_asks_first_is_no_refusal(rooms):
    browser, told = rooms.people["anna"], len(refusals(rooms.world))
    assert browser.post(at(rooms.world, rooms.group, "settings/"), {"name": "", "version": "1"}).status_code == 422
    assert browser.post(at(rooms.world, rooms.group, "blocked/add/"), {"addresses": ""}).status_code == 422
    assert browser.post(at(rooms.world, rooms.group, "blocked/add/"), {"addresses": "x@else.test"}).status_code == 200
    assert rooms.people["frank"].post(panels.LIST + "add/", panels.submission()).status_code == 422
    assert len(refusals(rooms.world)) == told
