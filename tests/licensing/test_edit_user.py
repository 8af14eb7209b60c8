"""Edit User: three states per role, explicit values, versions, refusals with their reason (LG-77 to LG-91)."""

import re

import pytest

from licensing.actions.members import set_roles
from licensing.views import effects
from tests import factories
from tests.licensing import people
from tests.licensing.pages import HTMX, at, carried, selected, shown_field

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])
BULK = "users/edit/"


def states(page):
    """Return {role: (chosen value, values offered, values greyed out)} of the radio buttons."""
    found = {}
    for name in ("is_user", "is_admin"):
        inputs = re.findall(rf'<input type="radio" name="{name}" value="(\w+)"([^>]*)>', page.text)
        (chosen,) = [value for value, rest in inputs if "checked" in rest]
        found[name] = (chosen, [value for value, _ in inputs], [value for value, rest in inputs if "disabled" in rest])
    return found


def save(desk, world, group, rows, *, path=BULK, headers=None, **values):
    """Post the form of these rows as it was shown."""
    given = {"apply": "1", **shown_field(*rows), **values}
    return desk.post(at(world, group, path), given, headers=headers or {})


@pytest.fixture
def both(acme, group, erin):
    """Erin: User and Admin."""
    return people.join(acme, group, erin, is_user=True, is_admin=True)


# --- what it shows ---
@pytest.mark.spec("LG-77", "LG-79", "LG-80", "LG-82")
def test_one_member_s_roles_stand_as_they_are(acme, group, desk, user):
    page = desk.get(at(acme, group, f"users/{user.pk}/edit/"))
    assert states(page) == {"is_user": ("yes", ["yes", "no"], []), "is_admin": ("no", ["yes", "no"], [])}
    assert "frank@acme.test: User" in page.text


@pytest.mark.spec("LG-78", "LG-79", "LG-80", "LG-81", "LG-82")
def test_mixed_is_offered_and_chosen_only_where_some_but_not_all_hold_the_role(acme, group, desk, user, both, pending):
    page = desk.post(at(acme, group, BULK), selected(user, both, pending))
    assert states(page) == {
        "is_user": ("yes", ["yes", "no"], []),
        "is_admin": ("mixed", ["yes", "no", "mixed"], []),
    }
    assert "Mixed, as now: 1 of 3" in page.text
    for line in ("frank@acme.test: User", "erin@acme.test: User, Admin", "ines@acme.test: User (Pending)"):
        assert f"<li>{line}</li>" in page.text


@pytest.mark.spec("LG-79")
def test_of_very_many_members_the_first_are_named_and_the_others_counted(acme, group, desk, by, monkeypatch):
    monkeypatch.setattr(effects, "NAMED", 20)
    made = [people.invited(acme, group, f"new{number:02}@acme.test", by=by) for number in range(23)]
    page = desk.post(at(acme, group, BULK), selected(*made))
    assert page.text.count("@acme.test: User (Pending)") == 20
    assert "and 3 more" in page.text


@pytest.mark.spec("LG-20", "LG-E2")
def test_the_owner_s_admin_is_ticked_and_locked(acme, group, desk, owner, user):
    page = desk.get(at(acme, group, f"users/{owner.pk}/edit/"))
    assert states(page)["is_admin"] == ("yes", ["yes", "no"], ["no"])
    page = desk.post(at(acme, group, BULK), selected(owner, user))
    assert states(page)["is_admin"] == ("yes", ["yes", "no"], ["no"])
    assert "So everybody selected becomes Admin." in page.text


# --- saving ---
@pytest.mark.spec("LG-78", "LG-86", "LG-47")
def test_saving_gives_one_set_to_all_selected(acme, group, desk, user, admin):
    answer = save(desk, acme, group, [user, admin], is_user="yes", is_admin="yes")
    assert (answer.status_code, answer["Location"]) == (303, at(acme, group, "users/"))
    assert [people.fresh(acme, row).roles for row in (user, admin)] == ["User, Admin"] * 2
    assert people.used(acme, group) == 2
    assert "2 members were changed." in desk.get(at(acme, group, "users/")).text


def test_in_the_dialog_the_list_behind_it_reloads(acme, group, desk, user):
    answer = save(desk, acme, group, [user], path=f"users/{user.pk}/edit/", headers=HTMX, is_user="yes", is_admin="yes")
    assert answer.status_code == 204
    assert '"license-members-changed"' in answer["HX-Trigger"]


@pytest.mark.spec("LG-84")
@pytest.mark.parametrize(
    "values",
    [
        {"is_user": "yes", "is_admin": "mixed"},
        {"is_user": "mixed", "is_admin": "mixed"},
        {"is_user": "yes"},
        {"is_admin": "no"},
        {},
        {"is_user": "yes", "is_admin": "on"},
        {"is_user": "", "is_admin": "yes"},
    ],
)
def test_save_without_an_explicit_value_for_every_role_comes_back_with_the_reason(
    acme, group, desk, user, both, values
):
    answer = save(desk, acme, group, [user, both], **values)
    assert answer.status_code == 422
    assert "Mixed cannot be saved." in answer.text or "Choose one of the values offered." in answer.text
    assert carried(answer)["shown"] == shown_field(user, both)["shown"]
    assert [people.fresh(acme, row).version for row in (user, both)] == [1, 1]


@pytest.mark.spec("LG-05", "LG-85")
def test_no_role_at_all_comes_back_with_the_reason(acme, group, desk, user):
    answer = save(desk, acme, group, [user], is_user="no", is_admin="no")
    assert answer.status_code == 422
    assert "Choose at least one role" in answer.text
    assert people.fresh(acme, user).roles == "User"


@pytest.mark.spec("LG-20", "LG-E2")
def test_a_forged_no_for_the_owner_is_refused_for_the_whole_selection(acme, group, desk, owner, user):
    answer = save(desk, acme, group, [owner, user], is_user="yes", is_admin="no")
    assert answer.status_code == 422
    assert "The group owner stays Admin." in answer.text
    assert people.fresh(acme, owner).is_admin
    assert people.used(acme, group) == 1


@pytest.mark.spec("LG-87")
def test_too_few_licences_come_back_with_how_many_are_missing(acme, anna, desk):
    small = people.license_group(acme, anna, seats=1, name="Small")
    rows = [
        people.join(acme, small, people.person(acme, name), is_user=False, is_admin=True)
        for name in ("Ida Ilg", "Jan Jost", "Kim Kern")
    ]
    answer = save(desk, acme, small, rows, is_user="yes", is_admin="yes")
    assert answer.status_code == 422
    assert "Small has too few free licences: 2 are missing." in answer.text
    assert people.used(acme, small) == 0


@pytest.mark.spec("LG-88", "LG-102")
def test_user_for_a_blocked_admin_comes_back_with_the_reason(acme, group, desk, both):
    desk.post(at(acme, group, f"users/{both.pk}/block/"), {**shown_field(both), "confirmed": "yes"})
    both = people.fresh(acme, both)
    answer = save(desk, acme, group, [both], is_user="yes", is_admin="yes")
    assert answer.status_code == 422
    assert "On the list of Blocked User Roles: erin@acme.test" in answer.text


@pytest.mark.spec("LG-90", "LG-E3", "LG-61")
def test_an_invitation_s_roles_change_without_a_new_mail_or_licence(acme, group, desk, pending, user):
    answer = save(desk, acme, group, [pending, user], is_user="yes", is_admin="yes")
    assert answer.status_code == 303
    row = people.fresh(acme, pending)
    assert (row.roles, row.generation, row.sent_at) == ("User, Admin", pending.generation, pending.sent_at)
    assert people.used(acme, group) == 1


@pytest.mark.spec("LG-91")
def test_who_gives_up_admin_is_asked_again_and_leaves_the_admin_area(acme, group, both, erin, sign_in):
    browser = sign_in(erin)
    question = save(browser, acme, group, [both], is_user="yes", is_admin="no")
    assert question.status_code == 200
    assert "You will not be able to open this license group any more." in question.text
    assert people.fresh(acme, both).is_admin
    answer = browser.post(at(acme, group, BULK), carried(question))
    assert (answer.status_code, answer["Location"]) == (303, acme.url("licensing/mine/"))
    assert people.fresh(acme, both).roles == "User"
    assert browser.get(at(acme, group, "users/")).status_code in (403, 404)


def test_who_gives_up_user_stays_in_the_admin_area(acme, group, both, erin, sign_in):
    browser = sign_in(erin)
    question = save(browser, acme, group, [both], is_user="no", is_admin="yes")
    assert "You lose the role User" in question.text
    answer = browser.post(at(acme, group, BULK), carried(question))
    assert answer["Location"] == at(acme, group, "users/")
    assert people.fresh(acme, both).roles == "Admin"


def test_giving_oneself_user_is_refused_with_the_reason(acme, group, admin, erin, sign_in):
    answer = save(sign_in(erin), acme, group, [admin], is_user="yes", is_admin="yes")
    assert answer.status_code == 422
    assert "You cannot give yourself the role User" in answer.text


# --- stale, foreign, too many ---
@pytest.mark.parametrize("path", [BULK, "users/{pk}/edit/"])
def test_a_row_changed_since_is_a_conflict_that_says_what_changed(acme, group, desk, user, by, path):
    with acme.context():
        set_roles(tenant_id=acme.pk, group_id=group.pk, shown=people.shown(user), is_user=True, is_admin=True, by=by)
    answer = save(desk, acme, group, [user], path=path.format(pk=user.pk), is_user="yes", is_admin="no")
    assert answer.status_code == 409
    assert "frank@acme.test" in answer.text
    assert people.fresh(acme, user).roles == "User, Admin"


def test_a_single_form_takes_no_other_row(acme, group, desk, user, admin):
    path = f"users/{user.pk}/edit/"
    for rows in ([admin], [user, admin]):
        answer = save(desk, acme, group, rows, path=path, is_user="yes", is_admin="yes")
        assert answer.status_code == 400
    for text in ("", "x", "1:2", f"{user.pk}", f"{user.pk}:x"):
        answer = desk.post(at(acme, group, path), {"apply": "1", "shown": text, "is_user": "yes", "is_admin": "yes"})
        assert answer.status_code == 400
    assert people.fresh(acme, admin).version == admin.version


def test_a_member_removed_meanwhile_is_gone(acme, group, desk, user):
    desk.post(at(acme, group, f"users/{user.pk}/remove/"), {**shown_field(user), "confirmed": "yes"})
    assert save(desk, acme, group, [user], is_user="yes", is_admin="yes").status_code == 409
    single = save(desk, acme, group, [user], path=f"users/{user.pk}/edit/", is_user="yes", is_admin="yes")
    assert single.status_code == 409
    assert desk.get(at(acme, group, f"users/{user.pk}/edit/")).status_code == 404


def test_more_rows_than_one_step_takes_are_refused_with_their_number(acme, group, desk, user, admin, monkeypatch):
    monkeypatch.setattr("licensing.actions.rules.MOST_ROWS", 2)
    answer = desk.post(at(acme, group, BULK), {"all": "1", "query": ""})
    assert answer.status_code == 422
    assert "3 rows are too many for one step: at most 2." in answer.text
    answer = desk.post(at(acme, group, BULK), {"all": "1", "query": "q=fuchs"})
    assert answer.status_code == 200


def test_nothing_selected_is_refused(acme, group, desk):
    assert desk.post(at(acme, group, BULK), {"query": ""}).status_code == 422


def test_who_is_no_admin_posts_in_vain(acme, group, user, frank, sign_in):
    answer = save(sign_in(frank), acme, group, [user], is_user="yes", is_admin="yes")
    assert answer.status_code == 403
    other = factories.member(acme, "Nora Neu", "nora")
    assert save(sign_in(other), acme, group, [user], is_user="yes", is_admin="yes").status_code == 403
    assert people.fresh(acme, user).roles == "User"
