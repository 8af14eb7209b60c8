"""Adding, changing and removing entries: rules, grants and events of the actions."""

import pytest
from django.core.exceptions import PermissionDenied
from django.db import transaction

from accounts.actions import lock_out
from accounts.models import Membership, User, UserGroup
from audit.actions import Actor
from audit.models import Channel, Event
from config.errors import Conflict, Refused
from personalization.models import PersonalizationGroupGroupGrant, PersonalizationGroupUserGrant
from roles.actions import remove_entries, set_entries, set_entry
from roles.catalogue import Role
from roles.models import RoleAssignment
from roles.rights import rights_of
from tests import factories

pytestmark = pytest.mark.django_db
SERVER = Actor(id=None, name="server command", channel=Channel.COMMAND)


def add(world, subject, role, groups=(), *, by):
    with world.context():
        entry = set_entry(tenant_id=world.pk, subject=subject, role=role, groups=groups, by=by)
        factories.check_now()
    return entry


def change(world, subject, role, groups=(), *, version=1, by, **more):
    with world.context():
        entry = set_entry(tenant_id=world.pk, subject=subject, role=role, groups=groups, version=version, by=by, **more)
        factories.check_now()
    return entry


def remove(world, *entries, by, **more):
    with world.context():
        removed = remove_entries(entries=entries, by=by, **more)
        factories.check_now()
    return removed


def events(world, *verbs):
    with world.context():
        return list(Event.objects.filter(tenant_id=world.pk, verb__in=verbs).order_by("id"))


def rights(world, member):
    with world.context():
        return rights_of(member)


@pytest.fixture
def by(alice):
    return factories.actor(alice)


# --- adding ---
@pytest.mark.spec("AC-URL-2")
def test_a_group_gives_its_members_its_rights_until_it_is_removed(acme, by, dora):
    desk = factories.group(acme, "Desk", members=[dora])
    entry = add(acme, desk, Role.SUPPORT_DESK, [acme.finance], by=by)
    assert rights(acme, dora).support_groups == {acme.finance}
    remove(acme, entry, by=by)
    assert rights(acme, dora).role is None


def test_a_group_is_listed_while_it_has_an_entry(acme, by):
    desk = factories.group(acme, "Desk")
    entry = add(acme, desk, Role.ADMIN, [acme.sales], by=by)
    with acme.context():
        assert UserGroup.objects.get(pk=desk.pk).is_listed
    remove(acme, entry, by=by)
    with acme.context():
        assert not UserGroup.objects.get(pk=desk.pk).is_listed


def test_a_new_entry_is_told_with_role_and_groups(acme, by, dora):
    add(acme, dora, Role.ADMIN, [acme.finance, acme.sales], by=by)
    (told,) = events(acme, "userrole.added")
    assert told.labels["subject"] == "Dora Dahl"
    assert told.labels["role"] == "Administrator"
    assert told.labels["groups"] == ["Finance", "Sales"]
    assert told.actor_id == by.id
    assert told.subject_id == dora.pk


def test_who_is_listed_already_is_not_added_again(acme, by, bob):
    with pytest.raises(Conflict) as refusal:
        add(acme, bob, Role.ADMIN, [acme.sales], by=by)
    assert refusal.value.code == "already-listed"
    assert rights(acme, bob).support_groups == {acme.finance}


@pytest.mark.parametrize(
    ("role", "groups", "code"),
    [
        (Role.ADMIN, (), "groups-missing"),
        (Role.SUPPORT_DESK, (), "groups-missing"),
        (Role.PRIMARY_ADMIN, ("finance",), "groups-not-fitting"),
        ("persops.emperor", ("finance",), "role"),
        ("", ("finance",), "role"),
    ],
)
def test_role_and_groups_must_fit(acme, by, dora, role, groups, code):
    with pytest.raises(Refused) as refusal:
        add(acme, dora, role, [getattr(acme, name) for name in groups], by=by)
    assert refusal.value.code == code
    assert rights(acme, dora).role is None


def test_a_group_of_another_tenant_cannot_be_given(acme, globex, by, dora):
    with pytest.raises(Refused) as refusal:
        add(acme, dora, Role.ADMIN, [acme.finance, globex.finance], by=by)
    assert refusal.value.code == "groups-unknown"


def test_who_has_left_is_not_added(acme, by, dora):
    dora.is_active = False
    with pytest.raises(Refused) as refusal:
        add(acme, dora, Role.SUPPORT_DESK, [acme.sales], by=by)
    assert refusal.value.code == "subject-left"


# --- changing ---
def test_a_change_replaces_role_and_groups(acme, by, bob):
    entry = change(acme, bob, Role.ADMIN, [acme.sales, acme.engineering], by=by)
    assert rights(acme, bob).admin_groups == {acme.sales, acme.engineering}
    assert rights(acme, bob).support_groups == frozenset()
    assert entry.version == 2
    (told,) = events(acme, "userrole.changed")
    assert (told.labels["role_before"], told.labels["role"]) == ("Support Desk", "Administrator")
    assert (told.labels["groups_before"], told.labels["groups"]) == (["Finance"], ["Sales", "Engineering"])


def test_a_group_kept_keeps_its_row(acme, by, bob):
    with acme.context():
        kept = PersonalizationGroupUserGrant.objects.get(user_id=bob.user_id).pk
    change(acme, bob, Role.SUPPORT_DESK, [acme.finance, acme.sales], by=by)
    with acme.context():
        assert PersonalizationGroupUserGrant.objects.filter(pk=kept).exists()


def test_becoming_primary_administrator_takes_the_grants_away(acme, by, bob):
    change(acme, bob, Role.PRIMARY_ADMIN, by=by)
    with acme.context():
        assert not PersonalizationGroupUserGrant.objects.exists()
    assert rights(acme, bob).is_primary


def test_a_change_that_changes_nothing_writes_nothing(acme, by, bob):
    entry = change(acme, bob, Role.SUPPORT_DESK, [acme.finance], by=by)
    assert entry.version == 1
    assert events(acme, "userrole.changed") == []


def test_a_stale_edit_is_refused_and_told_what_changed(acme, by, bob):
    change(acme, bob, Role.ADMIN, [acme.sales], by=by)
    change(acme, bob, Role.ADMIN, [acme.sales, acme.finance], version=2, by=by)
    with pytest.raises(Conflict) as refusal:
        change(acme, bob, Role.SUPPORT_DESK, [acme.engineering], version=1, by=by)
    assert refusal.value.code == "stale"
    assert refusal.value.changes == (
        ("Role", "Support Desk", "Administrator"),
        ("Groups", "Finance", "Finance, Sales"),
        ("Changed by", None, by.name),
    )
    assert rights(acme, bob).admin_groups == {acme.sales, acme.finance}


def test_an_edit_of_a_removed_entry_does_not_bring_it_back(acme, by, bob):
    with acme.context():
        entry = RoleAssignment.objects.get(membership=bob)
    remove(acme, entry, by=by)
    with pytest.raises(Conflict) as refusal:
        change(acme, bob, Role.ADMIN, [acme.sales], by=by)
    assert refusal.value.code == "entry-removed"


def test_several_entries_get_the_same_role_in_one_step(acme, by, bob, dora):
    add(acme, dora, Role.ADMIN, [acme.sales], by=by)
    with acme.context():
        entries = list(RoleAssignment.objects.filter(membership__in=[bob, dora]))
        assert set_entries(entries=entries, role=Role.ADMIN, groups=[acme.sales], by=by) == 1
        factories.check_now()
    assert rights(acme, bob).admin_groups == {acme.sales}
    assert [row.labels["subject"] for row in events(acme, "userrole.changed")] == ["Bob Brandt"]


# --- removing ---
@pytest.mark.spec("AC-URL-3")
def test_removing_three_entries_is_three_events_under_one(acme, by, bob, dora):
    desk = factories.group(acme, "Desk")
    add(acme, dora, Role.ADMIN, [acme.sales], by=by)
    add(acme, desk, Role.PRIMARY_ADMIN, by=by)
    with acme.context():
        entries = list(RoleAssignment.objects.exclude(membership_id=by.id))
    assert remove(acme, *entries, by=by) == 3
    told = events(acme, "userrole.removed")
    (parent,) = events(acme, "userroles.removed")
    assert {row.labels["subject"] for row in told} == {"Bob Brandt", "Dora Dahl", "Desk"}
    assert {row.parent_id for row in told} == {parent.pk}
    assert parent.count == 3
    with acme.context():
        assert not PersonalizationGroupUserGrant.objects.exists()
        assert not PersonalizationGroupGroupGrant.objects.exists()


def test_removing_one_entry_is_one_event(acme, by, bob):
    with acme.context():
        entry = RoleAssignment.objects.get(membership=bob)
    remove(acme, entry, by=by)
    assert len(events(acme, "userrole.removed", "userroles.removed")) == 1


def test_removing_is_all_or_nothing(acme, by, bob, dora):
    entry = add(acme, dora, Role.ADMIN, [acme.sales], by=by)
    with acme.context():
        gone = RoleAssignment.objects.get(membership=bob)
    remove(acme, gone, by=by)
    with pytest.raises(Conflict):
        remove(acme, entry, gone, by=by)
    assert rights(acme, dora).admin_groups == {acme.sales}


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


# --- the last Primary Administrator (decision 30) ---
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


# --- names ---
@pytest.mark.parametrize("kind", ["person", "group"])
def test_an_entry_follows_the_name_of_its_subject(acme, dora, kind):
    subject = dora if kind == "person" else factories.group(acme, "Desk")
    entry = factories.entry(acme, subject, Role.PRIMARY_ADMIN)
    with acme.context():
        subject.name = "Ärmel"
        subject.save()
        entry.refresh_from_db()
    assert (entry.subject_name, entry.subject_key) == ("Ärmel", "armel")


def test_nothing_is_half_done_when_the_last_check_refuses(acme, alice, by):
    with acme.context(), transaction.atomic():
        entry = RoleAssignment.objects.get(membership=alice)
        with pytest.raises(Conflict):
            remove_entries(entries=[entry], giving_up=True, by=by)
        assert RoleAssignment.objects.filter(pk=entry.pk).exists()
