"""Own panels at a device: which one it shows, what it leaves out, and changing them there."""

import uuid

import pytest
from django.utils import timezone

from audit.models import Event
from audit.tallies import write_open
from personalization.persona import catalogue
from tests.licensing import people
from tests.licensing.devices import Api, device, person, refusal
from tests.persona.panels import LIST, layout, panel, stored, tile

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])

FAX = tile("t1", "fax", 1)
COPY = tile("t2", "copy", 2)
COLOUR = tile("t3", "copy", 3, settings={"colour": "colour"})
STAR = tile("t4", "favourites", 4)
EVERYTHING = layout(FAX, COPY, COLOUR, STAR)


@pytest.fixture
def frank(acme):
    return person(acme, "Frank Fuchs")


@pytest.fixture
def api(acme, group, user, by):
    """A printer of Anna's group at which Frank has signed in."""
    _row, key = device(acme, group, by=by)
    api = Api(acme, key)
    assert api.sign_in("frank").status_code == 200
    return api


@pytest.fixture
def office(frank, user):
    return panel(frank.user, "Office", layout=EVERYTHING, is_active=True)


def ids(found):
    return [one["id"] for one in found["layout"]["tiles"]]


def verbs(world):
    with world.context():
        write_open(world.pk)
        return list(Event.objects.order_by("at", "id").values_list("verb", flat=True))


# --- what the device shows ------------------------------------------------------------------------------------------
@pytest.mark.spec("LG-147")
def test_after_the_sign_in_the_device_shows_the_active_panel(api, office, frank):
    panel(frank.user, "Other", slot=2)
    found = api.sign_in("frank").json()["panel"]
    assert (found["id"], found["name"], found["active"], found["version"]) == (str(office.pk), "Office", True, 1)
    assert found["layout"] == EVERYTHING
    assert found["left_out"] == []
    assert api.get("panel/").json()["panel"] == found


@pytest.mark.spec("LG-149")
def test_a_change_in_the_console_takes_effect_at_the_next_device_login(api, office, frank, sign_in):
    other = panel(frank.user, "Other", slot=2)
    assert sign_in(frank).post(f"{LIST}{other.pk}/activate/").status_code == 303
    assert api.sign_in("frank").json()["panel"]["name"] == "Other"
    assert api.get("panel/").json()["panel"]["name"] == "Other"
    sign_in(frank).post(f"{LIST}{other.pk}/deactivate/")
    assert api.sign_in("frank").json()["panel"] is None
    assert api.get("panel/").json() == {"panel": None}


@pytest.mark.spec("LG-150")
@pytest.mark.parametrize(
    ("features", "kept"),
    [
        (["copy", "scan", "print", "fax", "colour"], ["t1", "t2", "t3", "t4"]),
        (["copy", "colour"], ["t2", "t3", "t4"]),
        (["copy", "something new"], ["t2", "t4"]),
        (["fax"], ["t1", "t4"]),
        ([], ["t4"]),
    ],
)
def test_tiles_whose_feature_the_device_lacks_are_left_out_there_and_kept_here(api, office, frank, features, kept):
    answers = [
        api.sign_in("frank", features=features).json()["panel"],
        api.get(f"panel/?features={','.join(features)}").json()["panel"],
        api.get(f"panels/?features={','.join(features)}").json()["panels"][0],
        api.get(f"panels/{office.pk}/?features={','.join(features)}").json()["panel"],
    ]
    for found in answers:
        assert ids(found) == kept
        assert sorted(ids(found) + found["left_out"]) == ["t1", "t2", "t3", "t4"]
    assert stored(frank.user)[office.pk][1] == EVERYTHING


@pytest.mark.parametrize("features", ["", "&features=copy", ",".join(["x"] * 51)])
def test_features_of_an_address_are_words(api, office, features):
    status = 422 if len(features) > 60 else 200
    assert api.get(f"panel/?features={features}").status_code == status


def test_a_fetch_notes_that_the_place_is_used(acme, api, office, user):
    people.change(acme, user, last_used_at=None)
    before = timezone.now()
    for path in ("panel/", "panels/", f"panels/{office.pk}/"):
        people.change(acme, user, last_used_at=None)
        assert api.get(path).status_code == 200
        assert people.fresh(acme, user).last_used_at >= before


# --- changing panels there ------------------------------------------------------------------------------------------
@pytest.mark.spec("LG-07", "LG-146")
def test_a_user_makes_changes_and_deletes_own_panels_at_the_device(acme, api, frank):
    made = api.post("panels/", {"name": " Desk ", "layout": catalogue.starter()})
    assert made.status_code == 201
    found = made.json()["panel"]
    assert (found["name"], found["active"], found["version"]) == ("Desk", False, 1)
    path = f"panels/{found['id']}/"
    changed = api.ask("PUT", path, {"version": 1, "name": "Bench", "layout": EVERYTHING}).json()["panel"]
    assert (changed["name"], changed["layout"]) == ("Bench", EVERYTHING)
    assert api.get(path).json()["panel"] == changed
    assert api.post(f"{path}activate/").json()["panel"]["active"] is True
    version = api.get(path).json()["panel"]["version"]
    assert api.ask("DELETE", f"{path}?version={version}").json() == {"deleted": found["id"]}
    assert api.get(path).status_code == 404
    assert stored(frank.user) == {}
    told = ["panel.created", "panel.renamed", "panel.changed", "panel.activated", "panel.deleted"]
    assert [verb for verb in verbs(acme) if verb.startswith("panel.")] == told
    with acme.context():
        event = Event.objects.get(verb="panel.created")
    assert (event.channel, event.labels["actor"]) == ("api", "Frank Fuchs (frank)")


@pytest.mark.spec("LG-147")
def test_the_panel_made_active_at_the_device_is_the_only_active_one(api, office, frank):
    other = panel(frank.user, "Other", slot=2)
    assert api.post(f"panels/{other.pk}/activate/").status_code == 200
    assert {pk: row[2] for pk, row in stored(frank.user).items()} == {office.pk: False, other.pk: True}


def test_a_request_with_its_own_id_sent_twice_makes_one_panel(api, frank):
    body = {"id": str(uuid.uuid4()), "name": "Desk", "layout": catalogue.blank()}
    answers = [api.post("panels/", body) for _ in range(2)]
    assert [answer.json()["panel"]["id"] for answer in answers] == [body["id"]] * 2
    assert len(stored(frank.user)) == 1
    assert refusal(api.post("panels/", body | {"id": "no uuid"})) == (422, "invalid")


@pytest.mark.spec("LG-146")
def test_the_sixth_panel_is_refused(acme, api, frank):
    for slot in range(1, 6):
        panel(frank.user, f"Panel {slot}", slot=slot)
    assert refusal(api.post("panels/", {"name": "Six", "layout": catalogue.blank()})) == (422, "too-many-panels")
    assert len(stored(frank.user)) == 5
    assert "access.refused" in verbs(acme)


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"layout": layout(tile(), tile("t1", "fax", 2))}, "tiles[1].id"),
        ({"layout": layout(tile("t1", "teleport"))}, "tiles[0].kind"),
        ({"layout": {"version": 1, "grid": {"columns": 4, "rows": 3}}}, ""),
        ({"layout": EVERYTHING | {"name": "Desk"}}, "name"),
        ({"layout": {"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": {}}}}}}}}}}, ""),
        ({"name": ""}, "name"),
        ({"name": "x" * 61}, "name"),
        ({"name": "a\u202eb"}, "name"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_nothing_is_stored(api, office, frank, change, path):
    before = stored(frank.user)
    body = {"name": "Desk", "layout": EVERYTHING} | change
    for answer in (
        api.post("panels/", body),
        api.ask("PUT", f"panels/{office.pk}/", {"version": 1, "name": "Renamed", **change}),
    ):
        assert refusal(answer) == (422, "layout")
        assert list(answer.json()["problems"]) == [path]
    assert stored(frank.user) == before


def test_an_old_version_is_a_conflict_and_changes_nothing(api, office, frank):
    path = f"panels/{office.pk}/"
    assert api.ask("PUT", path, {"version": 1, "name": "Bench"}).status_code == 200
    before = stored(frank.user)
    assert refusal(api.ask("PUT", path, {"version": 1, "layout": catalogue.blank()})) == (409, "stale")
    assert refusal(api.ask("PUT", path, {"version": 1, "name": "Desk", "layout": EVERYTHING})) == (409, "stale")
    assert refusal(api.ask("DELETE", f"{path}?version=1")) == (409, "stale")
    assert stored(frank.user) == before


@pytest.mark.parametrize(
    ("method", "query", "body"),
    [
        ("PUT", "", {"name": "Desk"}),
        ("PUT", "", {"version": "1", "name": "Desk"}),
        ("PUT", "", {"version": True, "name": "Desk"}),
        ("PUT", "", {"version": 1}),
        ("DELETE", "", None),
        ("DELETE", "?version=x", None),
        ("DELETE", "?version=" + "9" * 400, None),
    ],
)
def test_a_change_says_what_it_is_about(api, office, frank, method, query, body):
    before = stored(frank.user)
    assert refusal(api.ask(method, f"panels/{office.pk}/{query}", body)) == (422, "invalid")
    assert stored(frank.user) == before


# --- whose panels ---------------------------------------------------------------------------------------------------
@pytest.mark.spec("LG-09")
def test_panels_of_others_do_not_exist(acme, group, api, office):
    ida = person(acme, "Ida Ilg")
    theirs = panel(ida.user, "Theirs", is_active=True)
    before = stored(ida.user)
    for method, path, body in (
        ("GET", f"panels/{theirs.pk}/", None),
        ("PUT", f"panels/{theirs.pk}/", {"version": 1, "name": "Mine"}),
        ("DELETE", f"panels/{theirs.pk}/?version=1", None),
        ("POST", f"panels/{theirs.pk}/activate/", None),
    ):
        assert refusal(api.ask(method, path, body)) == (404, "not-found")
    assert [found["name"] for found in api.get("panels/").json()["panels"]] == ["Office"]
    assert refusal(api.post("panels/", {"id": str(theirs.pk), "name": "A", "layout": catalogue.blank()})) == (
        422,
        "submission-reused",
    )
    assert stored(ida.user) == before


@pytest.mark.spec("LG-10", "LG-152")
def test_without_the_role_user_the_panels_rest_and_come_back_with_it(acme, group, api, office, user):
    people.change(acme, user, is_user=False, is_admin=True)
    for method, path in (("GET", "panel/"), ("GET", "panels/"), ("DELETE", f"panels/{office.pk}/?version=1")):
        assert refusal(api.ask(method, path)) == (403, "no-place")
    people.change(acme, user, is_user=True)
    assert api.get("panel/").json()["panel"]["id"] == str(office.pk)


@pytest.mark.spec("LG-12")
def test_the_same_panels_are_shown_at_devices_of_the_next_group(acme, anna, group, api, office, user, by):
    other = people.license_group(acme, anna, name="Scanners")
    _row, key = device(acme, other, by=by)
    people.change(acme, user, status="ended", ended_at=timezone.now())
    scanner = Api(acme, key)
    found = scanner.sign_in("frank").json()["panel"]
    assert (found["id"], found["layout"]) == (str(office.pk), EVERYTHING)
    assert refusal(api.get("panel/")) == (403, "no-place")
