"""The own panels: who may open them, five at most, one active, names, deletion and what history says."""

import datetime
import json
import uuid

import pytest
from django.db import IntegrityError
from django.utils import timezone

from accounts.models import Membership, Tenant
from audit.models import Event
from audit.tallies import write_open
from config.tenancy import operator_context, tenant_context
from licensing.models import LicenseGroup, LicenseGroupMember
from personalization.models import PersonalUI
from tests.licensing import people
from tests.persona import panels

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])


def events(world, *verbs):
    with world.context():
        write_open(world.pk)
        found = Event.objects.filter(verb__in=verbs) if verbs else Event.objects.filter(verb__startswith="panel.")
        return list(found.order_by("at", "id"))


def expire(world, group):
    with operator_context() as alias:
        LicenseGroup.objects.using(alias).filter(pk=group.pk).update(
            expires_at=timezone.now() - datetime.timedelta(days=1)
        )


ADDRESSES = [
    ("get", ""),
    ("post", "add/"),
    ("get", "import/"),
    ("post", "import/"),
    ("post", "bring-back/"),
    ("get", "{panel}/"),
    ("post", "{panel}/"),
    ("post", "{panel}/rename/"),
    ("post", "{panel}/activate/"),
    ("post", "{panel}/deactivate/"),
    ("post", "{panel}/delete/"),
    ("get", "{panel}/export/"),
]


@pytest.mark.spec("LG-10")
@pytest.mark.parametrize(("method", "path"), ADDRESSES)
def test_who_is_only_admin_gets_no_further_than_the_reason(acme, group, anna, sign_in, method, path):
    own = panels.panel(anna.user, "From before")
    answer = getattr(sign_in(anna), method)(panels.LIST + path.format(panel=own.pk))
    assert answer.status_code == 403
    assert "You do not hold the role User in a license group" in answer.text
    assert panels.stored(anna.user).keys() == {own.pk}
    refused = events(acme, "access.refused")[0]
    assert (refused.outcome, refused.labels["reason"]) == ("refused", "persona.own")


@pytest.mark.spec("LG-145", "LG-28")
@pytest.mark.parametrize(("method", "path"), ADDRESSES)
def test_with_an_expired_licence_pages_lead_home_with_a_notice_and_posts_are_refused(
    acme, group, franks, panel, frank, method, path
):
    expire(acme, group)
    before = panels.stored(frank.user)
    answer = getattr(franks, method)(panels.LIST + path.format(panel=panel.pk), follow=True)
    if method == "get":
        assert answer.redirect_chain[0] == (acme.url(""), 303)
    else:
        assert answer.status_code == 422
        assert events(acme, "access.refused")[0].labels["reason"] == "license-expired"
    assert "The licence of Printers has expired" in answer.text
    assert "Office" not in answer.text
    assert panels.stored(frank.user) == before


@pytest.mark.spec("LG-145", "LG-28")
def test_the_notice_names_who_can_have_the_licence_renewed_the_owner_first(acme, group, franks, anna):
    people.join(acme, group, people.person(acme, "Zoe Zander"), is_user=False, is_admin=True)
    people.join(acme, group, people.person(acme, "Berta Baum"))
    expire(acme, group)
    text = franks.get(panels.LIST, follow=True).text
    assert "Anna Ahlers (anna@acme.test), Zoe Zander (zoe@acme.test)." in text
    assert "Berta Baum" not in text
    assert franks.get(panels.LIST, headers={"HX-Request": "true"})["HX-Redirect"] == acme.url("")


@pytest.mark.spec("LG-28")
def test_with_an_expired_licence_an_admin_is_led_to_the_settings(acme, group, frank, sign_in):
    people.join(acme, group, frank, is_admin=True)
    expire(acme, group)
    answer = sign_in(frank).get(panels.LIST, follow=True)
    assert answer.redirect_chain == [(people.page_url(acme, group, "settings/"), 303)]
    assert "Your panels are kept, and rest until it is renewed." in answer.text


@pytest.mark.spec("LG-28")
def test_with_an_expired_licence_elsewhere_home_is_that_of_the_session(acme, globex, group, frank):
    row = people.join(acme, group, frank)
    expire(acme, group)
    answer = panels.browser_of(row.user, globex.tenant).get(panels.LIST)
    assert (answer.status_code, answer["Location"]) == (303, globex.url(""))


def test_whoever_is_not_signed_in_is_led_to_the_start_page(client, panel):
    for path in ("", f"{panel.pk}/"):
        answer = client.get(panels.LIST + path)
        assert (answer.status_code, answer["Location"]) == (303, "/")
        htmx = client.get(panels.LIST + path, headers={"HX-Request": "true"})
        assert (htmx.status_code, htmx["HX-Redirect"]) == (204, "/")
    form = client.post(f"/persona/{panel.pk}/", panels.draft(panel, "save"))
    assert form.status_code == 403
    assert "You were signed out." in form.text and "save" in form.text


@pytest.mark.spec("LG-09", "LG-148")
def test_without_a_panel_an_empty_one_is_shown(franks):
    answer = franks.get(panels.LIST)
    assert answer.status_code == 200
    assert "You have no panel yet" in answer.text
    assert answer.text.count('class="cell ') == 12


@pytest.mark.spec("LG-151", "LG-149")
def test_the_list_shows_name_state_and_change_of_each_panel(franks, panel, frank):
    panels.panel(frank.user, "Home office", slot=2, is_active=True)
    text = franks.get(panels.LIST).text
    assert "Office" in text and "Home office" in text
    assert "Changes take effect at the next device login." in text
    assert text.count("Not active") == 1
    assert "2 panels of 5" in text
    assert "Preview: Copy, Scan to me, Print my jobs, Scan to folder, Favourites" in text


@pytest.mark.spec("LG-09", "LG-151")
@pytest.mark.parametrize(("start", "tiles"), [("starter", 5), ("blank", 0)])
def test_a_panel_is_created_with_a_name_and_a_beginning(acme, franks, frank, start, tiles):
    answer = franks.post("/persona/add/", {"name": "Office", "start": start} | panels.submission())
    ((pk, (name, layout, is_active)),) = panels.stored(frank.user).items()
    assert (answer.status_code, answer["Location"]) == (303, f"/persona/{pk}/")
    assert (name, len(layout["tiles"]), is_active) == ("Office", tiles, False)


def test_a_panel_begins_as_the_copy_of_another(franks, panel, frank):
    franks.post("/persona/add/", {"name": "Second", "start": str(panel.pk)} | panels.submission())
    assert [layout for _name, layout, _active in panels.stored(frank.user).values()] == [panel.layout] * 2


def test_sending_the_form_twice_makes_one_panel(franks, frank):
    sent = {"name": "Office", "start": "blank"} | panels.submission()
    first, second = franks.post("/persona/add/", sent), franks.post("/persona/add/", sent)
    assert first["Location"] == second["Location"]
    assert len(panels.stored(frank.user)) == 1


def test_an_id_of_somebody_elses_panel_makes_nothing(acme, group, panel, sign_in, anna):
    erin = people.person(acme, "Erin Egger")
    people.join(acme, group, erin)
    sent = {"name": "Mine", "start": "blank", "submission": str(panel.pk)}
    answer = sign_in(erin).post("/persona/add/", sent)
    assert answer.status_code == 422
    assert panels.stored(erin.user) == {}


@pytest.mark.spec("LG-146")
def test_a_sixth_panel_is_refused_with_the_reason(franks, frank):
    for slot in range(1, 6):
        panels.panel(frank.user, f"Panel {slot}", slot=slot)
    text = franks.get(panels.LIST).text
    assert "More are not possible" in text
    assert "/persona/add/" not in text
    sent = {"name": "Sixth", "start": "blank"} | panels.submission()
    answer = franks.post("/persona/add/", sent)
    assert answer.status_code == 422
    assert "You have 5 panels, and more are not possible." in answer.text
    assert len(panels.stored(frank.user)) == 5


@pytest.mark.spec("LG-146", "LG-147")
def test_the_database_itself_refuses_a_sixth_and_a_second_active_panel(place, frank):
    for slot in range(1, 6):
        panels.panel(frank.user, f"Panel {slot}", slot=slot, is_active=slot == 1)
    for wrong in ({"slot": 6}, {"slot": 0}, {"slot": 3}):
        with pytest.raises(IntegrityError):
            panels.panel(frank.user, "Sixth", **wrong)
    with pytest.raises(IntegrityError), tenant_context(None, frank.user_id):
        PersonalUI.objects.update(is_active=True)


@pytest.mark.spec("LG-147")
def test_activating_a_panel_ends_the_other(acme, franks, panel, frank):
    other = panels.panel(frank.user, "Home", slot=2, is_active=True)
    answer = franks.post(f"/persona/{panel.pk}/activate/")
    assert (answer.status_code, answer["Location"]) == (303, "/persona/")
    assert {pk: active for pk, (*_rest, active) in panels.stored(frank.user).items()} == {
        panel.pk: True,
        other.pk: False,
    }
    franks.post(f"/persona/{panel.pk}/deactivate/")
    assert not any(active for *_rest, active in panels.stored(frank.user).values())
    assert [event.verb for event in events(acme)] == ["panel.activated", "panel.deactivated"]


def test_activating_the_active_panel_again_changes_and_tells_nothing(acme, franks, frank):
    active = panels.panel(frank.user, "Home", is_active=True)
    franks.post(f"/persona/{active.pk}/activate/")
    assert events(acme) == []


def test_a_panel_gets_another_name(franks, panel, frank):
    franks.post(f"/persona/{panel.pk}/rename/", {"name": "Lobby", "version": 1})
    assert panels.stored(frank.user)[panel.pk][0] == "Lobby"


@pytest.mark.parametrize("name", ["", " ", "x" * 61, "a\u202eb", "a\x07b"])
def test_a_name_that_cannot_be_used_is_refused_and_stays_in_the_form(franks, panel, frank, name):
    answer = franks.post(f"/persona/{panel.pk}/rename/", {"name": name, "version": 1})
    assert answer.status_code == 422
    assert panels.stored(frank.user)[panel.pk][0] == "Office"


@pytest.mark.parametrize("path", ["rename/", "delete/"])
def test_a_page_that_is_older_than_the_panel_changes_nothing(acme, franks, panel, frank, path):
    franks.post(f"/persona/{panel.pk}/rename/", {"name": "Lobby", "version": 1})
    before = panels.stored(frank.user)
    answer = franks.post(f"/persona/{panel.pk}/{path}", {"name": "Desk", "version": 1, "confirmed": "yes"})
    assert answer.status_code == 409
    assert "was changed in another window" in answer.text
    assert panels.stored(frank.user) == before
    assert events(acme, "access.refused")[0].labels["reason"] == "stale"


@pytest.mark.spec("LG-153")
def test_deleting_asks_first_and_undo_brings_the_same_panel_back(acme, franks, panel, frank):
    franks.post(f"/persona/{panel.pk}/activate/")
    before = panels.stored(frank.user)
    question = franks.get(f"/persona/{panel.pk}/delete/")
    assert "It is the active panel" in question.text
    assert panels.stored(frank.user) == before
    franks.post(f"/persona/{panel.pk}/delete/", {"version": 2, "confirmed": "yes"})
    assert panels.stored(frank.user) == {}
    assert "can be brought back" in franks.get(panels.LIST).text
    franks.post("/persona/bring-back/")
    assert panels.stored(frank.user) == before
    assert "can be brought back" not in franks.get(panels.LIST).text
    assert [event.verb for event in events(acme)][1:] == ["panel.deleted", "panel.brought-back"]


def test_what_was_deleted_longer_ago_cannot_be_brought_back(franks, panel, frank):
    franks.post(f"/persona/{panel.pk}/delete/", {"version": 1, "confirmed": "yes"})
    session = franks.session
    session["deleted_panel"] = session["deleted_panel"] | {"at": timezone.now().timestamp() - 601}
    session.save()
    assert "can be brought back" not in franks.get(panels.LIST).text
    assert franks.post("/persona/bring-back/").status_code == 409
    assert panels.stored(frank.user) == {}


def test_somebody_elses_panel_does_not_exist(acme, group, panel, sign_in, frank):
    erin = people.person(acme, "Erin Egger")
    people.join(acme, group, erin)
    other = sign_in(erin)
    assert "Office" not in other.get(panels.LIST).text
    for method, path in ADDRESSES:
        if "{panel}" in path:
            there = getattr(other, method)(panels.LIST + path.format(panel=panel.pk))
            nowhere = getattr(other, method)(panels.LIST + path.format(panel=uuid.uuid4()))
            assert (there.status_code, nowhere.status_code) == (404, 404)
    assert panels.stored(frank.user)[panel.pk][0] == "Office"


def test_the_database_shows_panels_to_their_owner_alone(acme, panel, anna):
    with tenant_context(None, anna.user_id):
        assert not PersonalUI.objects.exists()
    with acme.context():
        assert not PersonalUI.objects.exists()
    with pytest.raises(Exception, match="row-level security"), tenant_context(None, anna.user_id):
        PersonalUI.objects.create(
            user_id=panel.user_id, slot=2, name="Slipped in", layout={}, created_at=panel.created_at,
            updated_at=panel.updated_at,
        )  # fmt: skip


@pytest.mark.spec("LG-151")
def test_each_change_is_told_where_the_place_is_and_names_the_panel_not_its_layout(acme, franks, frank, place):
    franks.post("/persona/add/", {"name": "Office", "start": "starter"} | panels.submission())
    ((pk, (_name, layout, _active)),) = panels.stored(frank.user).items()
    franks.post(f"/persona/{pk}/rename/", {"name": "Lobby", "version": 1})
    found = events(acme)
    assert [event.verb for event in found] == ["panel.created", "panel.renamed"]
    for event in found:
        assert (event.channel, event.actor_id, event.subject_id) == ("self-service", frank.pk, pk)
        assert event.license_group_id is None
        assert "tiles" not in json.dumps(event.labels) or isinstance(event.labels["tiles"], int)
    assert found[1].labels["before"] == "Office"


@pytest.mark.parametrize("step", ["add", "rename", "activate", "save", "delete"])
def test_every_change_says_that_the_place_is_used(acme, franks, panel, place, frank, step):
    long_ago = timezone.now() - datetime.timedelta(days=100)
    with acme.context():
        LicenseGroupMember.objects.filter(pk=place.pk).update(last_used_at=long_ago)
    franks.get(panels.LIST)
    assert people.fresh(acme, place).last_used_at == long_ago
    match step:
        case "add":
            franks.post("/persona/add/", {"name": "Second", "start": "blank"} | panels.submission())
        case "rename":
            franks.post(f"/persona/{panel.pk}/rename/", {"name": "Lobby", "version": 1})
        case "activate":
            franks.post(f"/persona/{panel.pk}/activate/")
        case "save":
            franks.post(f"/persona/{panel.pk}/", panels.draft(panel, "save", layout=panels.layout()))
        case "delete":
            franks.post(f"/persona/{panel.pk}/delete/", {"version": 1, "confirmed": "yes"})
    assert timezone.now() - people.fresh(acme, place).last_used_at < datetime.timedelta(minutes=1)


@pytest.mark.parametrize("path", ["", "{panel}/"])
def test_pages_ask_the_database_as_often_for_five_panels_as_for_one(franks, panel, frank, query_count, path):
    address = panels.LIST + path.format(panel=panel.pk)
    franks.get(address)
    one = query_count(lambda: franks.get(address))
    for slot in range(2, 6):
        panels.panel(frank.user, f"Panel {slot}", slot=slot)
    assert query_count(lambda: franks.get(address)) == one
    assert one <= 18


def test_who_has_no_tenant_at_all_reads_the_reason(olga):
    answer = panels.browser_of(olga).get(panels.LIST)
    assert answer.status_code == 403
    assert "Olga Orlova" in answer.text


def test_a_place_in_a_suspended_organisation_or_of_an_ended_membership_opens_nothing(acme, franks, panel, frank):
    with acme.context():
        Membership.objects.filter(pk=frank.pk).update(is_active=False)
    assert franks.get(panels.LIST).status_code == 403
    with acme.context():
        Membership.objects.filter(pk=frank.pk).update(is_active=True)
    Tenant.objects.filter(pk=acme.pk).update(status="suspended")
    assert franks.get(panels.LIST).status_code == 403
