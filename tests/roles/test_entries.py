"""Adding, changing and removing entries: rules, grants and events of the actions."""

import pytest

from accounts.models import UserGroup
from config.errors import Conflict, Refused
from personalization.models import PersonalizationGroupGroupGrant, PersonalizationGroupUserGrant
from roles.actions import set_entries
from roles.catalogue import Role
from roles.models import RoleAssignment
from tests import factories
from tests.roles.entries import add, change, events, remove, rights

pytestmark = pytest.mark.django_db


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
