"""What a person may do is the union over all entries (spec 2.1): as arithmetic, without a database."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roles.catalogue import PERMISSIONS, SIGNED_IN, LicenseRole, Role
from roles.rights import Grant, Rights, aggregate
from tests.roles.strategies import GROUPS, grants

pytestmark = pytest.mark.spec("AC-ROL-1")
A, B = GROUPS[:2]
EVERY_PERMISSION = sorted(set().union(SIGNED_IN, *PERMISSIONS.values()))


@given(st.lists(grants()), st.randoms())
def test_the_order_of_entries_does_not_matter(held, random):
    shuffled = list(held)
    random.shuffle(shuffled)
    rights = aggregate(held)
    assert rights.is_member
    assert rights == aggregate(shuffled)


@given(st.lists(grants()))
def test_the_same_entry_twice_adds_nothing(held):
    rights = aggregate(held)
    assert rights.is_member
    assert rights == aggregate(held + held)


@given(st.lists(grants()), grants(), st.sampled_from(EVERY_PERMISSION), st.sampled_from([None, *GROUPS]))
def test_one_more_entry_never_takes_anything_away(held, another, permission, group):
    before, after = aggregate(held), aggregate([*held, another])
    if before.may(permission, group):
        assert after.may(permission, group)


@given(st.lists(grants()), st.sampled_from(GROUPS))
def test_primary_administrator_anywhere_wins_over_every_other_entry(held, group):
    rights = aggregate([*held, Grant(Role.PRIMARY_ADMIN, None)])
    assert rights.role == Role.PRIMARY_ADMIN
    assert all(rights.may(permission, group) for permission in PERMISSIONS[Role.PRIMARY_ADMIN])


def test_administrator_of_one_group_and_support_desk_of_another_are_kept_apart():
    rights = aggregate([Grant(Role.ADMIN, A, via="Finance leads"), Grant(Role.SUPPORT_DESK, B)])
    assert rights.admin_groups == {A}
    assert rights.support_groups == {B}
    assert rights.groups == {A, B}
    assert rights.may("tasks.submit", A)
    assert not rights.may("tasks.submit", B)
    assert rights.may("users.change", A)
    assert rights.may("users.change", B)
    assert rights.role == Role.ADMIN


@given(st.lists(grants()), st.lists(grants()))
def test_a_removed_source_takes_exactly_its_own_share(own, through_group):
    kept, both = aggregate(own), aggregate(own + through_group)
    share = aggregate(through_group)
    assert both.admin_groups == kept.admin_groups | share.admin_groups
    assert both.support_groups == kept.support_groups | share.support_groups
    assert both.is_primary == (kept.is_primary or share.is_primary)


@given(st.lists(grants()), st.sampled_from(EVERY_PERMISSION), st.sampled_from([None, *GROUPS]))
def test_something_is_allowed_exactly_where_one_source_alone_allows_it(held, permission, group):
    alone = any(grant.gives(permission, group) for grant in held)
    assert aggregate(held).may(permission, group) == (alone or permission in SIGNED_IN)


@given(st.sampled_from(EVERY_PERMISSION), st.sampled_from([None, *GROUPS]))
def test_who_is_no_member_may_nothing(permission, group):
    assert Rights().may(permission, group) is False


def test_a_primary_administrator_has_no_place_in_any_license_group():
    """UM-E4: those rights come from the Admins of the license group alone."""
    rights = aggregate([Grant(Role.PRIMARY_ADMIN, None)])
    missing = {permission for permission in EVERY_PERMISSION if not rights.may(permission, A)}
    assert missing == {"licensing.view", "licensing.change", "licensing.own", "persona.own"}


def test_license_roles_give_what_lies_in_their_own_groups():
    rights = aggregate([Grant(LicenseRole.ADMIN, A, via="Printers"), Grant(LicenseRole.USER, B, via="Plotters")])
    assert (rights.license_groups, rights.license_places) == ({A}, {B})
    assert rights.role is None
    assert not rights.groups
    assert rights.may("licensing.change", A)
    assert not rights.may("licensing.change", B)
    assert rights.may("licensing.own", B)
    assert not rights.may("users.view")


@given(st.sampled_from(sorted(set(EVERY_PERMISSION) - SIGNED_IN)))
def test_a_member_without_an_entry_may_only_what_every_member_may(permission):
    rights = aggregate([])
    assert not rights.may(permission)
    assert all(rights.may(own) for own in SIGNED_IN)
