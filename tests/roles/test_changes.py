"""Editing and deleting entries through the pages, with and without a script, and posts that no form of ours sends."""

import re

import pytest

from audit.models import Event
from audit.tallies import write_open
from roles.catalogue import Role
from roles.models import RoleAssignment
from roles.rights import rights_of
from tests import factories

pytestmark = pytest.mark.django_db
HTMX = {"HTTP_HX_REQUEST": "true", "HTTP_HX_TARGET": "dialog"}


def entry_of(world, subject):
    with world.context():
        column = "group" if hasattr(subject, "is_listed") else "membership"
        return RoleAssignment.objects.get(**{column: subject})


def url(world, entry, action=""):
    return world.url(f"user-roles/{entry.pk}/{action}")


def rights(world, member):
    with world.context():
        return rights_of(member)


def verbs(world):
    with world.context():
        write_open(world.pk)
        return list(Event.objects.order_by("id").values_list("verb", flat=True))


def fields(response):
    """Return the hidden fields of the form in an answer, as a browser without a script would send them again."""
    page = response.content.decode().partition("<main")[2] or response.content.decode()
    pairs = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page)
    sent = {}
    for name, value in pairs:
        if name not in ("csrfmiddlewaretoken", "back"):
            sent.setdefault(name, []).append(value)
    return sent


@pytest.fixture
def bobs(acme, bob):
    return entry_of(acme, bob)


# --- edit ---
def test_the_form_shows_role_and_groups_as_they_are(acme, primary, bobs):
    page = primary.get(url(acme, bobs)).content.decode()
    assert re.search(r'value="persops.support_desk"[^>]*checked', page)
    assert re.search(rf'value="{acme.finance}"[^>]*checked', page)
    assert not re.search(rf'value="{acme.sales}"[^>]*checked', page)


def test_an_edit_is_saved_and_said(acme, primary, bob, bobs):
    data = {"role": Role.ADMIN, "groups": [acme.sales, acme.engineering], "version": 1}
    response = primary.post(url(acme, bobs), data, follow=True)
    assert response.redirect_chain == [(acme.url("user-roles/"), 303)]
    assert "Bob Brandt is now Administrator." in response.content.decode()
    assert rights(acme, bob).admin_groups == {acme.sales, acme.engineering}
    assert verbs(acme) == ["userrole.changed"]


def test_in_the_dialog_an_edit_closes_it_and_reloads_the_list(acme, primary, bobs):
    form = primary.get(url(acme, bobs), **HTMX)
    assert form.content.decode().startswith("<section")
    data = {"role": Role.ADMIN, "groups": [acme.sales], "version": 1}
    response = primary.post(url(acme, bobs), data, **HTMX)
    assert response.status_code == 204
    assert "user-roles-changed" in response["HX-Trigger"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"role": Role.ADMIN}, "Choose at least one group for this role."),
        ({"role": "", "groups": "finance"}, "Choose a role."),
        ({"role": "persops.emperor", "groups": "finance"}, "Select a valid choice"),
        ({"role": Role.ADMIN, "groups": "00000000-0000-0000-0000-000000000001"}, "does not exist any more"),
        ({"role": Role.ADMIN, "groups": "nonsense"}, "does not exist any more"),
    ],
)
def test_wrong_input_is_answered_beside_its_field(acme, primary, bob, bobs, data, message):
    groups = {"finance": acme.finance}.get(data.get("groups"), data.get("groups", []))
    response = primary.post(url(acme, bobs), data | {"groups": groups, "version": 1})
    assert response.status_code == 422
    assert message in response.content.decode()
    assert rights(acme, bob).support_groups == {acme.finance}
    assert verbs(acme) == []


def test_boxes_ticked_before_choosing_primary_administrator_are_left_out(acme, primary, bob, bobs):
    primary.post(url(acme, bobs), {"role": Role.PRIMARY_ADMIN, "groups": [acme.finance], "version": 1})
    assert rights(acme, bob).is_primary


def test_a_group_of_another_tenant_is_no_choice(acme, globex, primary, bob, bobs):
    response = primary.post(url(acme, bobs), {"role": Role.ADMIN, "groups": [globex.finance], "version": 1})
    assert response.status_code == 422
    assert rights(acme, bob).support_groups == {acme.finance}


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "dialog"])
def test_a_stale_form_is_answered_with_what_changed(acme, primary, bob, bobs, headers):
    primary.post(url(acme, bobs), {"role": Role.ADMIN, "groups": [acme.sales], "version": 1})
    response = primary.post(
        url(acme, bobs), {"role": Role.SUPPORT_DESK, "groups": [acme.engineering], "version": 1}, **headers
    )
    page = response.content.decode()
    assert response.status_code == 409
    assert "Support Desk" in page
    assert "Administrator" in page
    assert "Alice Adler" in page
    assert rights(acme, bob).admin_groups == {acme.sales}


def test_without_a_version_nothing_is_changed(acme, primary, bob, bobs):
    assert primary.post(url(acme, bobs), {"role": Role.PRIMARY_ADMIN}).status_code == 422
    assert rights(acme, bob).role == Role.SUPPORT_DESK


# --- delete ---
@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "dialog"])
def test_deleting_asks_with_the_name_and_says_that_it_is_final(acme, primary, bob, bobs, headers):
    page = primary.get(url(acme, bobs, "remove/"), **headers).content.decode()
    assert "Bob Brandt" in page
    assert "cannot be undone" in page
    assert "Delete entry" in page
    assert rights(acme, bob).role == Role.SUPPORT_DESK


def test_a_confirmed_deletion_is_done_and_said(acme, primary, bob, bobs):
    question = primary.get(url(acme, bobs, "remove/"))
    response = primary.post(url(acme, bobs, "remove/"), fields(question), follow=True)
    assert "Bob Brandt was removed from User Roles." in response.content.decode()
    assert rights(acme, bob).role is None


def test_a_get_never_deletes(acme, primary, bob, bobs):
    primary.get(url(acme, bobs, "remove/"), {"confirmed": "yes"})
    assert rights(acme, bob).role == Role.SUPPORT_DESK


@pytest.mark.spec("AC-URL-3")
def test_three_selected_entries_are_one_question_and_three_events(acme, primary, bob, dora):
    group = factories.group(acme, "Desk")
    rows = [entry_of(acme, bob), factories.entry(acme, dora, Role.ADMIN, [acme.sales])]
    rows.append(factories.entry(acme, group, Role.SUPPORT_DESK, [acme.sales]))
    question = primary.post(acme.url("user-roles/remove/"), {"pk": [row.pk for row in rows]})
    page = question.content.decode()
    assert all(name in page for name in ("Bob Brandt", "Dora Dahl", "Desk", "Delete 3 entries", "cannot be undone"))
    assert verbs(acme) == []
    response = primary.post(acme.url("user-roles/remove/"), fields(question), follow=True)
    assert "3 entries were removed." in response.content.decode()
    assert verbs(acme).count("userrole.removed") == 3


def test_everything_that_matches_the_filter_can_be_deleted(acme, primary, bob, dora):
    factories.entry(acme, dora, Role.ADMIN, [acme.sales])
    sent = {"all": "1", "query": "role=persops.admin"}
    question = primary.post(acme.url("user-roles/remove/"), sent)
    primary.post(acme.url("user-roles/remove/"), fields(question))
    assert rights(acme, dora).role is None
    assert rights(acme, bob).role == Role.SUPPORT_DESK


def test_an_entry_that_came_in_between_is_not_deleted_with_the_others(acme, primary, bob, dora):
    question = primary.post(acme.url("user-roles/remove/"), {"all": "1", "query": "role=persops.support_desk"})
    factories.entry(acme, dora, Role.SUPPORT_DESK, [acme.sales])
    assert primary.post(acme.url("user-roles/remove/"), fields(question)).status_code == 409
    assert rights(acme, dora).role == Role.SUPPORT_DESK


# --- several at once ---
def test_several_entries_get_one_role(acme, primary, bob, dora):
    rows = [entry_of(acme, bob), factories.entry(acme, dora, Role.ADMIN, [acme.sales])]
    form = primary.post(acme.url("user-roles/edit/"), {"pk": [row.pk for row in rows]})
    assert "Change 2 entries" in form.content.decode()
    assert verbs(acme) == []
    data = fields(form) | {"role": Role.ADMIN, "groups": [acme.engineering]}
    response = primary.post(acme.url("user-roles/edit/"), data, follow=True)
    assert "2 entries were changed." in response.content.decode()
    assert rights(acme, bob).admin_groups == rights(acme, dora).admin_groups == {acme.engineering}


def test_several_entries_without_a_group_are_asked_for_one(acme, primary, bob):
    form = primary.post(acme.url("user-roles/edit/"), {"pk": [entry_of(acme, bob).pk]})
    response = primary.post(acme.url("user-roles/edit/"), fields(form) | {"role": Role.ADMIN})
    assert response.status_code == 422
    assert "Choose at least one group" in response.content.decode()


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "dialog"])
@pytest.mark.parametrize("way", ["edit", "remove"])
def test_several_entries_of_which_one_has_changed_since_stay_as_they_are(acme, primary, bob, bobs, dora, way, headers):
    doras = factories.entry(acme, dora, Role.ADMIN, [acme.sales])
    address = acme.url(f"user-roles/{way}/")
    form = primary.post(address, {"pk": [bobs.pk, doras.pk]}, **headers)
    sent = dict(
        re.findall(r'<input type="hidden" name="(versions|expected|apply|confirmed)" value="([^"]*)"', form.text)
    )
    sent |= {"pk": [bobs.pk, doras.pk], "role": Role.ADMIN, "groups": [acme.engineering]}
    primary.post(url(acme, bobs), {"role": Role.ADMIN, "groups": [acme.sales], "version": 1})
    answer = primary.post(address, sent, **headers)
    assert answer.status_code == 409
    assert "1 of these entries was changed after you opened this." in answer.text
    assert "Bob Brandt: Role" in answer.text
    assert "Dora Dahl" not in answer.text
    assert rights(acme, bob).admin_groups == rights(acme, dora).admin_groups == {acme.sales}


def test_wrong_input_for_several_entries_does_not_forget_what_was_shown(acme, primary, bob, bobs):
    form = primary.post(acme.url("user-roles/edit/"), {"pk": [bobs.pk]})
    primary.post(url(acme, bobs), {"role": Role.ADMIN, "groups": [acme.sales], "version": 1})
    again = primary.post(acme.url("user-roles/edit/"), fields(form) | {"role": Role.ADMIN})
    assert again.status_code == 422
    sent = fields(again) | {"role": Role.ADMIN, "groups": [acme.engineering]}
    assert primary.post(acme.url("user-roles/edit/"), sent).status_code == 409
    assert rights(acme, bob).admin_groups == {acme.sales}


@pytest.mark.parametrize("versions", ["", "nonsense", "1:1,2"])
def test_without_the_versions_that_were_shown_nothing_is_changed(acme, primary, bob, bobs, versions):
    sent = {"pk": [bobs.pk], "role": Role.PRIMARY_ADMIN, "apply": "1", "confirmed": "yes", "versions": versions}
    for way in ("edit", "remove"):
        assert primary.post(acme.url(f"user-roles/{way}/"), sent).status_code == 400
    assert rights(acme, bob).role == Role.SUPPORT_DESK


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "dialog"])
@pytest.mark.parametrize("way", ["edit", "remove"])
@pytest.mark.parametrize("sent", [{}, {"confirmed": "yes", "apply": "1"}, {"all": "1", "query": "q=zzz"}])
def test_an_empty_selection_is_answered_with_what_to_do(acme, primary, way, sent, headers):
    answer = primary.post(acme.url(f"user-roles/{way}/"), sent, **headers)
    assert answer.status_code == 422
    assert "Select at least one row." in answer.text
    if not headers:
        assert f'href="{acme.url("user-roles/")}">Show what is there now' in answer.text


# --- one's own role ---
@pytest.mark.parametrize("way", ["delete", "delete several", "edit", "edit several"])
def test_taking_the_own_role_asks_twice(acme, primary, alice, dora, way):
    factories.entry(acme, dora, Role.PRIMARY_ADMIN)
    own = entry_of(acme, alice)
    smaller = {"role": Role.ADMIN, "groups": [str(acme.finance)]}
    picked, seen = {"pk": [own.pk], "expected": "1"}, {"versions": f"{own.pk}:1"}
    address, data = {
        "delete": (url(acme, own, "remove/"), {**seen, "confirmed": "yes"}),
        "delete several": (acme.url("user-roles/remove/"), {**seen, **picked, "confirmed": "yes"}),
        "edit": (url(acme, own), {**smaller, "version": 1}),
        "edit several": (acme.url("user-roles/edit/"), {**smaller, **seen, **picked, "apply": "1"}),
    }[way]
    question = primary.post(address, data)
    assert "Give up your own role?" in question.content.decode()
    assert rights(acme, alice).is_primary
    response = primary.post(address, fields(question))
    assert response.status_code == 303
    assert response["Location"] == acme.url("")
    assert not rights(acme, alice).is_primary


@pytest.mark.spec("AC-URL-4")
@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "dialog"])
@pytest.mark.parametrize("way", ["delete", "edit"])
def test_the_last_primary_administrator_stays_also_when_it_is_said_twice(acme, primary, alice, way, headers):
    own = entry_of(acme, alice)
    address, data = {
        "delete": (url(acme, own, "remove/"), {"confirmed": "yes", "giving_up": "yes", "versions": f"{own.pk}:1"}),
        "edit": (url(acme, own), {"role": Role.ADMIN, "groups": [acme.sales], "version": 1, "giving_up": "yes"}),
    }[way]
    response = primary.post(address, data, **headers)
    assert response.status_code == 409
    assert "Nobody would be left who may give roles." in response.content.decode()
    assert rights(acme, alice).is_primary
    assert verbs(acme) == ["access.refused"]


# --- posts that no form of ours sends ---
POSTS = ["edit", "remove", "edit several", "remove several", "add"]


def forged(world, entry, subject, way):
    role = {"role": Role.PRIMARY_ADMIN, "version": 1}
    return {
        "edit": (url(world, entry), role),
        "remove": (url(world, entry, "remove/"), {"confirmed": "yes"}),
        "edit several": (world.url("user-roles/edit/"), role | {"pk": [entry.pk], "apply": "1"}),
        "remove several": (world.url("user-roles/remove/"), {"pk": [entry.pk], "confirmed": "yes"}),
        "add": (
            world.url("user-roles/add/role/"),
            role | {"subject": f"person:{subject.pk}", "submission": "00000000-0000-4000-8000-000000000001"},
        ),
    }[way]


@pytest.mark.spec("AC-ROL-6", "AC-URL-5")
@pytest.mark.parametrize("role", [Role.SUPPORT_DESK, Role.ADMIN])
@pytest.mark.parametrize("way", POSTS)
def test_whoever_is_no_primary_administrator_is_refused_and_that_is_told(acme, alice, dora, sign_in, role, way):
    own = factories.entry(acme, dora, role, [acme.finance])
    before = rights(acme, dora)
    response = sign_in(dora).post(*forged(acme, own, dora, way))
    assert response.status_code == 403
    assert rights(acme, dora) == before
    assert verbs(acme) == ["access.refused"]


@pytest.mark.parametrize("way", ["edit", "remove"])
def test_an_entry_of_another_tenant_does_not_exist(acme, globex, primary, charlie, way):
    theirs = entry_of(globex, charlie)
    address, data = forged(acme, theirs, charlie, way)
    assert primary.get(address).status_code == 404
    assert primary.post(address, data).status_code == 404
    assert rights(globex, charlie).is_primary


@pytest.mark.parametrize("way", ["edit several", "remove several"])
def test_entries_of_another_tenant_cannot_be_selected(acme, globex, primary, charlie, way):
    address, data = forged(acme, entry_of(globex, charlie), charlie, way)
    assert primary.post(address, data).status_code == 409
    assert rights(globex, charlie).is_primary


def test_somebody_of_another_tenant_cannot_be_added(acme, globex, primary, charlie):
    address, data = forged(acme, entry_of(globex, charlie), charlie, "add")
    assert primary.post(address, data).status_code == 404
    assert rights(globex, charlie).is_primary


@pytest.mark.parametrize("way", ["edit several", "remove several"])
@pytest.mark.parametrize("pk", ["nonsense", "1", "00000000-0000-0000-0000-00000000000g"])
def test_a_selection_that_is_none_is_refused(acme, primary, alice, way, pk):
    address, data = forged(acme, entry_of(acme, alice), alice, way)
    assert primary.post(address, data | {"pk": [pk]}).status_code == 400


def test_without_the_forms_token_nothing_happens(acme, alice, bob, bobs, sign_in):
    browser = sign_in(alice)
    browser.handler.enforce_csrf_checks = True
    assert browser.post(url(acme, bobs, "remove/"), {"confirmed": "yes"}).status_code == 403
    assert rights(acme, bob).role == Role.SUPPORT_DESK


@pytest.mark.parametrize("path", ["user-roles/edit/", "user-roles/remove/"])
def test_bulk_addresses_take_posts_only(acme, primary, path):
    answer = primary.get(acme.url(path))
    assert (answer.status_code, answer["Allow"]) == (405, "POST")
    assert "Go back to the page with the form; nothing was changed." in answer.text
