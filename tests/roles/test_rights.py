"""Rights read from the tables: one query, the same as reading row by row, the same as guardian says."""

import pytest
from django.db import IntegrityError, transaction
from guardian.shortcuts import get_objects_for_user  # noqa: TID251 - the peer that our one query is compared with
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import GroupMembership
from personalization.models import PersonalizationGroup
from roles.actions import remove_entries, set_entry
from roles.catalogue import PERMISSION_TEXTS, PERMISSIONS, SIGNED_IN, Role
from roles.rights import authorize, grants_of, rights_of
from tests import factories
from tests.roles import strategies
from tests.roles.oracle import rights_by_reading

pytestmark = pytest.mark.django_db
EVERY_PERMISSION = sorted(set().union(SIGNED_IN, *PERMISSIONS.values()))


@pytest.fixture
def crowd(acme, globex):
    """Bob in two groups, Dora in one, and a person of the other tenant with every right there."""
    bob = factories.member(acme, "Bob Brandt", "bob")
    dora = factories.member(acme, "Dora Dahl", "dora")
    factories.member(globex, "Gil Gomez", "gil", role=Role.PRIMARY_ADMIN, user=bob.user)
    desk = factories.group(acme, "Desk", members=[bob, dora])
    leads = factories.group(acme, "Leads", members=[bob])
    return {"bob": bob, "dora": dora, "desk": desk, "leads": leads}


def _held(rights):
    return rights.is_primary, set(rights.admin_groups), set(rights.support_groups)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_the_query_says_what_reading_the_tables_row_by_row_says(acme, crowd, data):
    groups = [acme.finance, acme.sales, acme.engineering]
    entries = data.draw(strategies.entries(sorted(crowd), groups))
    with transaction.atomic():
        for name, (role, held) in entries.items():
            factories.entry(acme, crowd[name], role, held)
        with acme.context():
            for name in ("bob", "dora"):
                member = crowd[name]
                rights = rights_of(member)
                assert _held(rights) == rights_by_reading(member)
                for permission in EVERY_PERMISSION:
                    for group in (None, *groups):
                        decision = authorize(member, permission, group)
                        assert decision.allowed == rights.may(permission, group)
                        assert all(source.gives(permission, group) for source in decision.sources)
        transaction.set_rollback(True)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_removing_an_entry_removes_exactly_its_share(acme, alice, crowd, data):
    entries = data.draw(strategies.entries(sorted(crowd), [acme.finance, acme.sales, acme.engineering]))
    leaver = data.draw(st.sampled_from(sorted(crowd)))
    with transaction.atomic():
        rows = {name: factories.entry(acme, crowd[name], *entry) for name, entry in entries.items()}
        by = factories.actor(alice)
        with acme.context():
            before = {name: grants_of(crowd[name]) for name in ("bob", "dora")}
            if leaver in rows:
                remove_entries(entries=[rows[leaver]], by=by)
            for name in ("bob", "dora"):
                gone = rows[leaver].pk if leaver in rows else None
                expected = {grant for grant in before[name] if grant.entry_id != gone}
                assert set(grants_of(crowd[name])) == expected
        transaction.set_rollback(True)


def test_rights_are_one_query(acme, bob, django_assert_num_queries):
    with acme.context(), django_assert_num_queries(1):
        rights_of(bob)


def test_rights_agree_with_guardian(acme, alice):
    bob = factories.member(acme, "Bob Brandt", "bob")
    desk = factories.group(acme, "Desk", members=[bob])
    by = factories.actor(alice)
    with acme.context():
        set_entry(tenant_id=acme.pk, subject=bob, role=Role.ADMIN, groups=[acme.finance], by=by)
        set_entry(tenant_id=acme.pk, subject=desk, role=Role.SUPPORT_DESK, groups=[acme.finance, acme.sales], by=by)
        rights = rights_of(bob)
        for codename, ours in (
            ("administer_personalizationgroup", rights.admin_groups),
            ("support_personalizationgroup", rights.support_groups),
        ):
            name = f"personalization.{codename}"
            theirs = get_objects_for_user(
                bob.user, name, PersonalizationGroup, with_superuser=False, accept_global_perms=False
            )
            assert {row.pk for row in theirs} == ours


def test_a_right_given_directly_is_written_although_a_group_gives_it_already(acme, alice):
    bob = factories.member(acme, "Bob Brandt", "bob")
    desk = factories.group(acme, "Desk", members=[bob])
    by = factories.actor(alice)
    with acme.context():
        entry = set_entry(tenant_id=acme.pk, subject=desk, role=Role.SUPPORT_DESK, groups=[acme.finance], by=by)
        set_entry(tenant_id=acme.pk, subject=bob, role=Role.SUPPORT_DESK, groups=[acme.finance], by=by)
        remove_entries(entries=[entry], by=by)
        assert rights_of(bob).support_groups == {acme.finance}


@pytest.mark.parametrize("holder", ["person", "group"])
def test_a_stray_guardian_grant_fails_loudly(acme, bob, holder):
    from roles.models import GroupGrant, UserGrant

    with acme.context():
        group = PersonalizationGroup.objects.get(pk=acme.sales)
        desk = factories.group(acme, "Desk")
        with pytest.raises(IntegrityError), transaction.atomic():
            if holder == "person":
                UserGrant.objects.assign_perm("support_personalizationgroup", bob.user, group)
            else:
                GroupGrant.objects.assign_perm("support_personalizationgroup", desk, group)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"is_active": False}, "account-disabled"),
        ({"locked_at": "2026-01-01T00:00:00Z"}, "account-locked"),
    ],
)
def test_a_disabled_or_locked_account_has_no_rights(acme, bob, change, reason):
    with acme.context():
        type(bob.user).objects.filter(pk=bob.user_id).update(**change)
        bob.user.refresh_from_db()
        assert rights_of(bob).role is None
        assert not rights_of(bob).may("account.own")
        assert authorize(bob, "users.view").reason == reason


def test_a_person_who_left_has_no_rights(acme, bob):
    bob.is_active = False
    with acme.context():
        assert not rights_of(bob).may("users.view")
        assert authorize(bob, "users.view").reason == "left"


def test_a_suspended_tenant_allows_nothing(acme, alice):
    alice.tenant.status = "suspended"
    with acme.context():
        assert authorize(alice, "users.view").reason == "tenant-suspended"


def test_a_decision_names_every_source(acme, bob):
    desk = factories.group(acme, "Finance desk", members=[bob])
    factories.entry(acme, desk, Role.ADMIN, [acme.finance])
    with acme.context():
        decision = authorize(bob, "users.change", acme.finance)
        assert {(source.role, source.via) for source in decision.sources} == {
            ("persops.support_desk", ""),
            ("persops.admin", "Finance desk"),
        }
        assert [source.via for source in authorize(bob, "tasks.submit", acme.finance).sources] == ["Finance desk"]


def test_a_refusal_says_what_is_missing(acme, bob):
    nobody = factories.member(acme, "Dora Dahl", "dora")
    with acme.context():
        assert authorize(bob, "users.view", acme.sales).reason == "other-groups"
        assert authorize(bob, "tasks.submit", acme.finance).reason == "role-too-small"
        assert authorize(nobody, "users.view").reason == "no-entry"


def test_membership_of_another_tenant_counts_nowhere_else(acme, globex, bob):
    elsewhere = factories.member(globex, "Bob Brandt", "bob", role=Role.PRIMARY_ADMIN, user=bob.user)
    with acme.context():
        assert rights_of(bob).role == Role.SUPPORT_DESK
    with globex.context():
        assert rights_of(elsewhere).role == Role.PRIMARY_ADMIN
        assert not GroupMembership.objects.exists()


def test_every_permission_has_words_for_the_question_why():
    assert set(PERMISSION_TEXTS) == set().union(SIGNED_IN, *PERMISSIONS.values())
