"""Blocked User Roles: from the Users tab and by address, and lifting it."""

import pytest

from config.errors import Conflict, Refused
from licensing.actions.blocks import block_addresses, block_members, unblock
from licensing.actions.invitations import invite
from licensing.models import LicenseRoleBlock, MailState, MemberStatus
from tests import factories
from tests.licensing import people

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])


def block(world, group, rows, *, by, **more):
    with world.context():
        return block_members(tenant_id=world.pk, group_id=group.pk, shown=people.shown(*rows), by=by, **more)


def block_by_address(world, group, *addresses, by, **more):
    with world.context():
        pairs = [(address, address) for address in addresses]
        return block_addresses(tenant_id=world.pk, group_id=group.pk, addresses=pairs, by=by, **more)


@pytest.mark.spec("LG-104", "LG-105", "LG-112", "LG-114", "LG-115")
def test_an_admin_stays_admin_and_a_mere_user_leaves(acme, group, user, erin, by):
    both = people.join(acme, group, erin, is_user=True, is_admin=True)
    done = block(acme, group, [user, both], by=by)
    assert (done.blocked, done.lost_role, done.left) == (2, 2, 1)
    user, both = people.fresh(acme, user), people.fresh(acme, both)
    assert (user.status, user.end_reason) == (MemberStatus.ENDED, "blocked")
    assert (both.status, both.is_user, both.is_admin) == (MemberStatus.ACTIVE, False, True)
    assert people.used(acme, group) == 0
    assert people.blocks(acme, group) == {"frank@acme.test", "erin@acme.test"}
    assert people.verbs(acme, group)[-3:] == ["license.blocked-many", "license.blocked", "license.blocked"]


@pytest.mark.spec("LG-106", "LG-109", "LG-113")
@pytest.mark.parametrize("other", ["admin", "pending"])
def test_only_active_users_can_be_blocked_and_one_other_refuses_all(acme, group, user, admin, by, other):
    if other == "pending":
        with acme.context():
            pair = ("new@acme.test", "new@acme.test")
            invite(tenant_id=acme.pk, group_id=group.pk, addresses=[pair], is_user=True, is_admin=False, by=by)
    row = admin if other == "admin" else people.row_of(acme, group, "new@acme.test")
    with pytest.raises(Refused) as caught:
        block(acme, group, [user, row], by=by)
    assert caught.value.code == "not-user"
    assert people.blocks(acme, group) == set()
    assert people.used(acme, group) == 1


@pytest.mark.spec("LG-116")
def test_the_owner_with_user_can_be_blocked_and_stays_admin(acme, group, owner, erin, by):
    with acme.context():
        type(owner).objects.filter(pk=owner.pk).update(is_user=True)
    people.join(acme, group, erin, is_user=False, is_admin=True)
    block(acme, group, [owner], by=factories.actor(erin))
    row = people.fresh(acme, owner)
    assert (row.is_owner, row.is_admin, row.is_user) == (True, True, False)


@pytest.mark.spec("LG-130")
def test_blocking_oneself_asks_again(acme, group, erin):
    row = people.join(acme, group, erin, is_user=True, is_admin=True)
    own = factories.actor(erin)
    with pytest.raises(Refused) as caught:
        block(acme, group, [row], by=own)
    assert caught.value.code == "own-rights"
    assert block(acme, group, [row], giving_up=True, by=own).lost_role == 1


@pytest.mark.spec("LG-118", "LG-119", "LG-120", "LG-127", "LG-129")
def test_addresses_of_members_strangers_and_listed_ones_are_told_apart(acme, group, user, erin, by):
    people.join(acme, group, erin, is_user=True, is_admin=True)
    block_by_address(acme, group, "known@else.test", by=by)
    done = block_by_address(acme, group, "frank@acme.test", "erin@acme.test", "known@else.test", "new@else.test", by=by)
    assert (done.blocked, done.already, done.lost_role, done.left) == (3, ("known@else.test",), 2, 1)
    assert len(people.blocks(acme, group)) == 4
    assert people.used(acme, group) == 0


@pytest.mark.spec("LG-126")
def test_an_account_is_blocked_by_its_verified_address_whatever_address_it_is_listed_under(acme, group, frank, by):
    people.join(acme, group, frank, address="frank.fuchs@elsewhere.test")
    done = block_by_address(acme, group, "frank@acme.test", by=by)
    assert (done.lost_role, done.left) == (1, 1)
    assert people.used(acme, group) == 0


@pytest.mark.spec("LG-128")
def test_an_invited_address_is_refused_with_what_to_do(acme, group, by):
    pair = ("new@acme.test", "new@acme.test")
    with acme.context():
        invite(tenant_id=acme.pk, group_id=group.pk, addresses=[pair], is_user=True, is_admin=False, by=by)
    with pytest.raises(Refused) as caught:
        block_by_address(acme, group, "new@acme.test", "other@acme.test", by=by)
    assert list(caught.value.problems) == ["new@acme.test"]
    assert people.blocks(acme, group) == set()


@pytest.mark.spec("LG-121", "LG-122", "LG-123", "LG-124")
def test_lifting_a_block_gives_no_role_and_takes_no_seat(acme, group, user, erin, by):
    both = people.join(acme, group, erin, is_user=True, is_admin=True)
    block(acme, group, [user, both], by=by)
    with acme.context():
        ids = list(LicenseRoleBlock.objects.values_list("pk", flat=True))
        assert unblock(tenant_id=acme.pk, group_id=group.pk, block_ids=ids, by=by) == 2
    assert people.blocks(acme, group) == set()
    assert people.used(acme, group) == 0
    assert people.row_of(acme, group, "frank@acme.test") is None
    assert people.row_of(acme, group, "erin@acme.test").is_admin
    with acme.context(), pytest.raises(Conflict):
        unblock(tenant_id=acme.pk, group_id=group.pk, block_ids=ids, by=by)


def test_entries_of_another_group_cannot_be_lifted(acme, anna, group, user, by):
    other = people.license_group(acme, anna, name="Copiers")
    block(acme, group, [user], by=by)
    with acme.context():
        ids = list(LicenseRoleBlock.objects.values_list("pk", flat=True))
        with pytest.raises(Conflict):
            unblock(tenant_id=acme.pk, group_id=other.pk, block_ids=ids, by=by)
    assert people.blocks(acme, group) == {"frank@acme.test"}


@pytest.mark.spec("LG-E8")
@pytest.mark.parametrize("tells", [True, False])
def test_whoever_loses_the_role_is_told_by_mail_unless_that_is_off(acme, group, user, by, tells):
    with acme.context():
        type(group).objects.filter(pk=group.pk).update(tells_blocked=tells)
    block(acme, group, [user], by=by)
    block_by_address(acme, group, "stranger@else.test", by=by)
    with acme.context():
        states = dict(LicenseRoleBlock.objects.values_list("address_key", "mail_state"))
    assert states == {"frank@acme.test": MailState.PENDING if tells else "", "stranger@else.test": ""}


@pytest.mark.spec("LG-131")
def test_a_block_survives_the_removal_and_the_return_as_admin(acme, group, user, frank, by):
    block(acme, group, [user], by=by)
    people.join(acme, group, frank, is_user=False, is_admin=True)
    assert people.blocks(acme, group) == {"frank@acme.test"}
