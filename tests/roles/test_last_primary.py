"""The last Primary Administrator of a tenant stays (decision 30)."""

import pytest
from django.db import transaction

from accounts.actions import lock_out
from accounts.models import Membership, User
from config.errors import Conflict
from roles.actions import remove_entries, set_entries
from roles.catalogue import Role
from roles.models import RoleAssignment
from tests import factories
from tests.roles.conftest import SERVER
from tests.roles.entries import add, change, events, remove, rights

pytestmark = pytest.mark.django_db
last_primary = pytest.mark.spec("AC-URL-4")


@last_primary
@pytest.mark.parametrize("way", ["removed", "demoted", "demoted with others"])
def test_the_last_primary_administrator_stays(acme, alice, bob, by, way):
    with acme.context():
        entries = list(RoleAssignment.objects.all())
        entry = RoleAssignment.objects.get(membership=alice)
    with pytest.raises(Conflict) as refusal:
        if way == "removed":
            remove(acme, entry, by=by, giving_up=True)
        elif way == "demoted":
            change(acme, alice, Role.ADMIN, [acme.finance], by=by, giving_up=True)
        else:
            with acme.context():
                set_entries(entries=entries, role=Role.ADMIN, groups=[acme.finance], giving_up=True, by=by)
    assert refusal.value.code == "last-primary"
    assert rights(acme, alice).is_primary
    assert events(acme, "userrole.removed", "userrole.changed") == []


@last_primary
@pytest.mark.parametrize(
    ("signed_in", "membership", "account", "counts"),
    [
        (True, {}, {}, True),
        (False, {}, {}, False),
        (True, {"is_active": False}, {}, False),
        (True, {}, {"is_active": False}, False),
        (True, {}, {"locked_at": "2026-01-01T00:00:00Z"}, False),
    ],
)
def test_a_group_counts_while_an_able_member_has_signed_in(
    acme, alice, dora, by, signed_in, membership, account, counts
):
    desk = factories.group(acme, "Desk", members=[dora])
    add(acme, desk, Role.PRIMARY_ADMIN, by=by)
    with acme.context():
        if signed_in:
            membership = membership | {"signed_in_at": "2026-01-01T00:00:00Z"}
        if membership:
            Membership.objects.filter(pk=dora.pk).update(**membership)
        if account:
            User.objects.filter(pk=dora.user_id).update(**account)
        entry = RoleAssignment.objects.get(membership=alice)
    if counts:
        assert remove(acme, entry, by=by, giving_up=True) == 1
    else:
        with pytest.raises(Conflict):
            remove(acme, entry, by=by, giving_up=True)


@last_primary
@pytest.mark.parametrize(
    "change_of", [{"membership": {"is_active": False}}, {"account": {"locked_at": "2026-01-01T00:00:00Z"}}]
)
def test_a_person_who_left_or_is_locked_does_not_count(acme, alice, bob, by, change_of):
    change(acme, bob, Role.PRIMARY_ADMIN, by=by)
    with acme.context():
        Membership.objects.filter(pk=bob.pk).update(**change_of.get("membership", {"contact_email": ""}))
        User.objects.filter(pk=bob.user_id).update(**change_of.get("account", {"language": ""}))
        entry = RoleAssignment.objects.get(membership=alice)
    with pytest.raises(Conflict):
        remove(acme, entry, by=by, giving_up=True)


@last_primary
def test_primary_administrators_of_other_tenants_do_not_count(acme, alice, charlie, by):
    with acme.context():
        entry = RoleAssignment.objects.get(membership=alice)
    with pytest.raises(Conflict):
        remove(acme, entry, by=by, giving_up=True)


@pytest.mark.spec("UC-69")
@pytest.mark.parametrize("other", [None, "person", "group", "group of strangers"])
def test_failed_sign_ins_never_lock_the_last_primary_administrator(acme, alice, dora, other):
    if other == "person":
        factories.entry(acme, dora, Role.PRIMARY_ADMIN)
    elif other:
        members = [dora, alice] if other == "group" else [alice]
        factories.entry(acme, factories.group(acme, "Owners", members=members), Role.PRIMARY_ADMIN)
    with acme.context():
        Membership.objects.update(signed_in_at="2026-01-01T00:00:00Z")
        locked = lock_out(membership=alice, failures=5, by=SERVER)
        assert locked == (other in ("person", "group"))
        assert (User.objects.get(pk=alice.user_id).locked_at is not None) == locked


def test_nothing_is_half_done_when_the_last_check_refuses(acme, alice, by):
    with acme.context(), transaction.atomic():
        entry = RoleAssignment.objects.get(membership=alice)
        with pytest.raises(Conflict):
            remove_entries(entries=[entry], giving_up=True, by=by)
        assert RoleAssignment.objects.filter(pk=entry.pk).exists()
