"""What the database refuses by itself: entries whose role and grants do not fit (decision 3), whoever wrote them."""

import pytest
from django.contrib.auth.models import Permission
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

from personalization.models import PersonalizationGroupGroupGrant, PersonalizationGroupUserGrant
from roles.catalogue import Role
from roles.models import RoleAssignment
from tests import factories

pytestmark = pytest.mark.django_db
ADMINISTER, SUPPORT = "administer_personalizationgroup", "support_personalizationgroup"


@pytest.fixture
def person(acme):
    return factories.member(acme, "Dora Dahl", "dora")


@pytest.fixture
def desk(acme):
    return factories.group(acme, "Desk")


def write_entry(world, role, **subject):
    return RoleAssignment.objects.create(
        tenant=world.tenant,
        role=role,
        subject_name="x",
        subject_key="x",
        granted_by="test",
        granted_at=timezone.now(),
        **subject,
    )


def write_grant(world, codename, group_id, subject):
    common = {
        "tenant": world.tenant,
        "permission": Permission.objects.get(codename=codename),
        "content_object_id": group_id,
    }
    if hasattr(subject, "user_id"):
        row = PersonalizationGroupUserGrant(user_id=subject.user_id, **common)
    else:
        row = PersonalizationGroupGroupGrant(group=subject, **common)
    type(row).objects.bulk_create([row])  # past guardian's own check in save()


REFUSED = [
    pytest.param("persops.primary_admin", [SUPPORT], id="a primary administrator with a support grant"),
    pytest.param("persops.primary_admin", [ADMINISTER], id="a primary administrator with an administrator grant"),
    pytest.param("persops.admin", [], id="an administrator of nothing"),
    pytest.param("persops.support_desk", [], id="a support desk of nothing"),
    pytest.param("persops.admin", [SUPPORT], id="an administrator with the grant of a support desk"),
    pytest.param("persops.support_desk", [ADMINISTER], id="a support desk with the grant of an administrator"),
    pytest.param("persops.admin", [ADMINISTER, SUPPORT], id="an administrator with grants of both"),
    pytest.param("persops.support_desk", [SUPPORT, ADMINISTER], id="a support desk with grants of both"),
    pytest.param(None, [SUPPORT], id="a support grant without an entry"),
    pytest.param(None, [ADMINISTER], id="an administrator grant without an entry"),
]


@pytest.mark.parametrize(("role", "codenames"), REFUSED)
@pytest.mark.parametrize("kind", ["person", "group"])
def test_a_state_that_is_no_entry_cannot_be_committed(acme, person, desk, kind, role, codenames):
    subject = person if kind == "person" else desk
    with pytest.raises(IntegrityError, match="do not fit"), acme.context(), transaction.atomic():
        if role:
            write_entry(acme, role, **{"membership" if kind == "person" else "group": subject})
        for codename, group_id in zip(codenames, (acme.finance, acme.sales), strict=False):
            write_grant(acme, codename, group_id, subject)
        factories.check_now()


@pytest.mark.parametrize("kind", ["person", "group"])
@pytest.mark.parametrize("role", Role.values)
def test_an_entry_that_fits_is_committed(acme, person, desk, kind, role):
    groups = [] if role == Role.PRIMARY_ADMIN else [acme.finance, acme.sales]
    factories.entry(acme, person if kind == "person" else desk, role, groups)
    with acme.context():
        factories.check_now()


CHANGES = {
    "the entry goes and its grants stay": lambda entry, grants: entry.delete(),
    "the only grant goes": lambda entry, grants: grants.delete(),
    "the role changes and the grants do not": lambda entry, grants: RoleAssignment.objects.filter(pk=entry.pk).update(
        role=Role.ADMIN
    ),
    "the role needs no grants any more": lambda entry, grants: RoleAssignment.objects.filter(pk=entry.pk).update(
        role=Role.PRIMARY_ADMIN
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("kind", ["person", "group"])
def test_a_change_that_breaks_an_entry_cannot_be_committed(acme, person, desk, kind, change):
    subject, table = (
        (person, PersonalizationGroupUserGrant) if kind == "person" else (desk, PersonalizationGroupGroupGrant)
    )
    entry = factories.entry(acme, subject, Role.SUPPORT_DESK, [acme.finance])
    with acme.context():
        factories.check_now()
    with pytest.raises(IntegrityError, match="do not fit"), acme.context(), transaction.atomic():
        change(entry, table.objects.all())
        factories.check_now()


MOVES = {
    "roles_roleassignment": "membership_id = group_id",
    "personalization_personalizationgroupusergrant": "user_id = tenant_id",
    "personalization_personalizationgroupgroupgrant": "group_id = tenant_id",
}


@pytest.mark.parametrize(("table", "assignment"), MOVES.items(), ids=MOVES)
def test_no_row_moves_to_another_subject(acme, table, assignment):
    refused = pytest.raises(DatabaseError, match="permission denied")
    with refused, acme.context(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET {assignment}")


@pytest.mark.parametrize("subjects", [(), ("membership", "group")], ids=["no subject", "two subjects"])
def test_an_entry_has_exactly_one_subject(acme, person, desk, subjects):
    given = {name: {"membership": person, "group": desk}[name] for name in subjects}
    with pytest.raises(IntegrityError), acme.context(), transaction.atomic():
        write_entry(acme, Role.PRIMARY_ADMIN, **given)


def test_a_subject_has_one_entry(acme, person):
    factories.entry(acme, person, Role.PRIMARY_ADMIN)
    with pytest.raises(IntegrityError), acme.context(), transaction.atomic():
        write_entry(acme, Role.SUPPORT_DESK, membership=person)


def test_an_entry_cannot_name_a_subject_or_a_group_of_another_tenant(acme, globex, person):
    stranger = factories.member(globex, "Gil Gomez", "gil")
    with pytest.raises(IntegrityError), acme.context(), transaction.atomic():
        write_entry(acme, Role.PRIMARY_ADMIN, membership=stranger)
        factories.check_now()
    with pytest.raises(IntegrityError), acme.context(), transaction.atomic():
        write_entry(acme, Role.SUPPORT_DESK, membership=person)
        write_grant(acme, SUPPORT, globex.finance, person)
        factories.check_now()


@pytest.mark.parametrize("kind", ["person", "group"])
def test_entry_and_grants_go_with_their_subject(acme, person, desk, kind):
    subject = person if kind == "person" else desk
    factories.entry(acme, subject, Role.SUPPORT_DESK, [acme.finance])
    with acme.context():
        subject.delete()
        factories.check_now()
        assert not RoleAssignment.objects.exists()
        assert not PersonalizationGroupUserGrant.objects.exists()
        assert not PersonalizationGroupGroupGrant.objects.exists()
