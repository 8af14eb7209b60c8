"""Entries and the own rights: nobody raises themselves, and giving the own rights away asks twice."""

import pytest
from django.core.exceptions import PermissionDenied

from accounts.models import Membership
from audit.actions import Actor
from audit.models import Channel
from config.errors import Conflict, Refused
from roles.catalogue import Role
from roles.models import RoleAssignment
from tests import factories
from tests.roles.conftest import SERVER
from tests.roles.entries import add, change, remove, rights

pytestmark = pytest.mark.django_db


# --- nobody raises themselves (decision 20) ---


@pytest.mark.parametrize("role", [Role.SUPPORT_DESK, Role.ADMIN])
@pytest.mark.parametrize("way", ["own entry", "group"])
def test_who_is_no_primary_administrator_cannot_raise_themselves(acme, dora, role, way):
    factories.entry(acme, dora, role, [acme.finance])
    desk = factories.group(acme, "Desk", members=[dora])
    attempt = {"own entry": (change, dora), "group": (add, desk)}
    action, subject = attempt[way]
    before = rights(acme, dora)
    with pytest.raises(PermissionDenied):
        action(acme, subject, Role.PRIMARY_ADMIN, by=factories.actor(dora))
    assert rights(acme, dora) == before


def test_a_primary_administrator_may_give_a_group_they_are_in_a_role(acme, alice, by):
    desk = factories.group(acme, "Desk", members=[alice])
    add(acme, desk, Role.PRIMARY_ADMIN, by=by)
    assert rights(acme, alice).is_primary


def test_a_role_lost_during_the_request_counts_at_once(acme, alice, bob, by):
    change(acme, bob, Role.PRIMARY_ADMIN, by=by)
    change(acme, alice, Role.SUPPORT_DESK, [acme.finance], by=factories.actor(bob))
    with pytest.raises(Conflict) as refusal:
        change(acme, bob, Role.SUPPORT_DESK, [acme.finance], version=2, by=by)
    assert refusal.value.code == "role-lost"
    assert rights(acme, bob).is_primary


def test_actors_without_rights_are_refused_unless_they_are_the_server(acme, dora):
    stranger = Actor(id=None, name="somebody", channel=Channel.WEB)
    with pytest.raises(PermissionDenied):
        add(acme, dora, Role.PRIMARY_ADMIN, by=stranger)
    add(acme, dora, Role.PRIMARY_ADMIN, by=SERVER)
    assert rights(acme, dora).is_primary


def test_a_primary_administrator_of_one_tenant_is_nobody_in_another(acme, globex, charlie, dora):
    with pytest.raises(Conflict):
        add(acme, dora, Role.PRIMARY_ADMIN, by=factories.actor(charlie))
    assert rights(acme, dora).role is None


# --- giving away the own rights asks twice (decision 20) ---


def test_giving_up_the_own_role_must_be_said(acme, alice, bob, by):
    change(acme, bob, Role.PRIMARY_ADMIN, by=by)
    with acme.context():
        entry = RoleAssignment.objects.get(membership=alice)
    for attempt in (
        lambda **more: remove(acme, entry, by=by, **more),
        lambda **more: change(acme, alice, Role.ADMIN, [acme.sales], by=by, **more),
    ):
        with pytest.raises(Refused) as refusal:
            attempt()
        assert refusal.value.code == "own-rights"
        assert rights(acme, alice).is_primary
    remove(acme, entry, by=by, giving_up=True)
    assert rights(acme, alice).role is None


def test_removing_the_group_that_makes_one_primary_administrator_asks_too(acme, bob, dora):
    desk = factories.group(acme, "Desk", members=[dora])
    entry = factories.entry(acme, desk, Role.PRIMARY_ADMIN)
    factories.member(acme, "Emil Ernst", "emil", role=Role.PRIMARY_ADMIN)
    with pytest.raises(Refused) as refusal:
        remove(acme, entry, by=factories.actor(dora))
    assert refusal.value.code == "own-rights"


def test_an_own_entry_beside_another_source_is_not_giving_up(acme, alice, by):
    desk = factories.group(acme, "Desk", members=[alice])
    add(acme, desk, Role.PRIMARY_ADMIN, by=by)
    with acme.context():
        Membership.objects.filter(pk=alice.pk).update(signed_in_at="2026-01-01T00:00:00Z")
        entry = RoleAssignment.objects.get(membership=alice)
    remove(acme, entry, by=by)
    assert rights(acme, alice).is_primary
