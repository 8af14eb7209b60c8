"""Roles, removal and leaving: each rule, whoever sends what."""

import pytest
from django.core.exceptions import PermissionDenied

from config.errors import Conflict, Refused
from licensing.actions.members import leave, remove_members, set_roles
from licensing.models import LicencePlace, MemberStatus
from tests import factories
from tests.licensing import people

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])


def give(world, group, rows, *, is_user, is_admin, by, **more):
    with world.context():
        return set_roles(
            tenant_id=world.pk,
            group_id=group.pk,
            shown=people.shown(*rows),
            is_user=is_user,
            is_admin=is_admin,
            by=by,
            **more,
        )


def remove(world, group, rows, *, by, **more):
    with world.context():
        return remove_members(tenant_id=world.pk, group_id=group.pk, shown=people.shown(*rows), by=by, **more)


def code_of(call):
    with pytest.raises(Refused) as caught:
        call()
    return caught.value.code


@pytest.mark.spec("LG-78", "LG-89")
def test_one_role_set_is_given_to_all_selected_members(acme, group, user, admin, by):
    assert give(acme, group, [user, admin], is_user=True, is_admin=True, by=by) == 2
    assert people.used(acme, group) == 2
    assert people.verbs(acme, group)[-3:] == ["license.roles-changed-many", *["license.roles-changed"] * 2]
    user, admin = people.fresh(acme, user), people.fresh(acme, admin)
    assert give(acme, group, [user], is_user=False, is_admin=True, by=by) == 1
    assert people.used(acme, group) == 1


def test_giving_what_everybody_has_changes_nothing_and_tells_nothing(acme, group, user, by):
    before = people.verbs(acme, group)
    assert give(acme, group, [user], is_user=True, is_admin=False, by=by) == 0
    assert people.verbs(acme, group) == before
    assert people.fresh(acme, user).version == user.version


@pytest.mark.spec("LG-85", "LG-05")
def test_no_role_at_all_is_refused(acme, group, user, by):
    assert code_of(lambda: give(acme, group, [user], is_user=False, is_admin=False, by=by)) == "no-role"


@pytest.mark.spec("LG-20")
def test_the_owner_stays_admin_and_the_whole_selection_is_refused(acme, group, owner, user, by):
    assert code_of(lambda: give(acme, group, [owner, user], is_user=True, is_admin=False, by=by)) == "owner"
    assert people.fresh(acme, user).version == user.version


@pytest.mark.spec("LG-87", "LG-144")
def test_too_few_seats_refuse_the_whole_save_and_say_how_many_are_missing(acme, anna, by):
    small = people.license_group(acme, anna, seats=1, name="Small")
    rows = [
        people.join(acme, small, people.person(acme, name), is_user=False, is_admin=True)
        for name in ("Ida Ilg", "Jan Jost", "Kim Kern")
    ]
    with pytest.raises(Refused, match="no-seat") as caught:
        give(acme, small, rows, is_user=True, is_admin=True, by=by)
    assert "2 are missing" in caught.value.message
    assert people.used(acme, small) == 0


@pytest.mark.spec("LG-88", "LG-102")
def test_a_blocked_admin_does_not_get_user(acme, group, user, admin, by):
    give(acme, group, [user], is_user=True, is_admin=True, by=by)
    from licensing.actions.blocks import block_members

    with acme.context():
        block_members(tenant_id=acme.pk, group_id=group.pk, shown=people.shown(people.fresh(acme, user)), by=by)
    row = people.fresh(acme, user)
    assert (row.is_user, row.is_admin) == (False, True)
    assert code_of(lambda: give(acme, group, [row, admin], is_user=True, is_admin=True, by=by)) == "blocked"


@pytest.mark.spec("LG-17")
def test_a_user_of_another_group_is_refused_by_name(acme, anna, group, user, frank, by):
    other = people.license_group(acme, anna, name="Copiers")
    there = people.join(acme, other, frank, is_user=False, is_admin=True)
    with pytest.raises(Refused) as caught:
        give(acme, other, [there], is_user=True, is_admin=True, by=by)
    assert caught.value.code == "placed-elsewhere"
    assert "frank@acme.test" in caught.value.message


def test_an_admin_cannot_take_user_but_the_owner_can(acme, group, owner, admin, erin, by):
    own = factories.actor(erin)
    assert code_of(lambda: give(acme, group, [admin], is_user=True, is_admin=True, by=own)) == "own-rights-raised"
    assert give(acme, group, [admin], is_user=True, is_admin=True, by=by) == 1
    assert give(acme, group, [owner], is_user=True, is_admin=True, by=by) == 1


@pytest.mark.spec("LG-91", "LG-E4")
def test_an_admin_gives_up_the_own_role_after_a_second_question(acme, group, erin, by):
    row = people.join(acme, group, erin, is_user=True, is_admin=True)
    own = factories.actor(erin)
    assert code_of(lambda: give(acme, group, [row], is_user=True, is_admin=False, by=own)) == "own-rights"
    assert give(acme, group, [row], is_user=True, is_admin=False, giving_up=True, by=own) == 1


@pytest.mark.spec("LG-08", "LG-30")
@pytest.mark.parametrize("who", ["user", "stranger", "of another organisation"])
def test_only_an_admin_of_the_group_changes_it(acme, globex, group, user, frank, charlie, who):
    actor = {
        "user": lambda: factories.actor(frank),
        "stranger": lambda: factories.actor(people.person(acme, "Nora Neu")),
        "of another organisation": lambda: factories.actor(charlie),
    }[who]()
    for change in (
        lambda: give(acme, group, [user], is_user=True, is_admin=True, by=actor),
        lambda: remove(acme, group, [user], by=actor),
    ):
        with pytest.raises(PermissionDenied):
            change()
    assert people.fresh(acme, user).version == user.version


def test_a_stale_row_and_a_gone_one_are_conflicts(acme, group, user, admin, by):
    give(acme, group, [user], is_user=True, is_admin=True, by=by)
    with pytest.raises(Conflict) as caught:
        give(acme, group, [user, admin], is_user=False, is_admin=True, by=by)
    assert caught.value.code == "stale"
    assert caught.value.changes[0][0] == "frank@acme.test"
    remove(acme, group, [people.fresh(acme, user)], by=by)
    with pytest.raises(Conflict) as caught:
        remove(acme, group, [people.fresh(acme, user)], by=by)
    assert caught.value.code == "member-gone"


@pytest.mark.spec("LG-92", "LG-93", "LG-96", "LG-98")
def test_removing_ends_memberships_frees_seats_and_touches_no_block(acme, group, user, admin, frank, by):
    assert remove(acme, group, [user, admin], by=by) == 2
    assert people.used(acme, group) == 0
    assert people.blocks(acme, group) == set()
    row = people.fresh(acme, user)
    assert (row.status, row.end_reason, row.is_user) == (MemberStatus.ENDED, "removed", True)
    assert not LicencePlace.objects.filter(user_id=frank.user_id).exists()
    assert people.verbs(acme, group)[-3:] == ["license.member-removed-many", *["license.member-removed"] * 2]


@pytest.mark.spec("LG-E10")
def test_removing_may_block_as_well(acme, group, user, admin, by):
    remove(acme, group, [user, admin], also_block=True, by=by)
    assert people.blocks(acme, group) == {"frank@acme.test"}


@pytest.mark.spec("LG-21", "LG-23", "LG-95")
def test_the_owner_is_never_removed_whatever_is_selected_with_it(acme, group, owner, user, by):
    assert code_of(lambda: remove(acme, group, [owner, user], giving_up=True, by=by)) == "owner"
    assert people.used(acme, group) == 1


@pytest.mark.spec("LG-99")
def test_removing_oneself_asks_again(acme, group, admin, erin):
    own = factories.actor(erin)
    assert code_of(lambda: remove(acme, group, [admin], by=own)) == "own-rights"
    assert remove(acme, group, [admin], giving_up=True, by=own) == 1


@pytest.mark.spec("LG-155", "LG-13")
def test_leaving_ends_both_roles_and_frees_the_seat(acme, group, erin):
    row = people.join(acme, group, erin, is_user=True, is_admin=True)
    with acme.context():
        leave(tenant_id=acme.pk, group_id=group.pk, by=factories.actor(erin))
    assert people.fresh(acme, row).status == MemberStatus.ENDED
    assert people.used(acme, group) == 0
    assert people.verbs(acme, group)[-1] == "license.member-left"
    with acme.context():
        assert code_of(lambda: leave(tenant_id=acme.pk, group_id=group.pk, by=factories.actor(erin))) == "not-member"


@pytest.mark.spec("LG-156")
def test_the_owner_cannot_leave(acme, group, owner, by):
    with acme.context():
        assert code_of(lambda: leave(tenant_id=acme.pk, group_id=group.pk, by=by)) == "owner"


def test_too_many_rows_are_refused_with_their_number(acme, group, by, monkeypatch, user, admin):
    monkeypatch.setattr("licensing.actions.rules.MOST_ROWS", 1)
    assert code_of(lambda: remove(acme, group, [user, admin], by=by)) == "too-many"
