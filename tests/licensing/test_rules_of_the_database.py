"""What the database refuses whoever asks: one seat too many, a second place, a User who is blocked, an owner without Admin."""

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

from licensing.models import LicencePlace, LicenseGroupMember, LicenseRoleBlock, MemberStatus, SeatDay
from tests import factories
from tests.licensing import people

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])


def refused(world, statement, match):
    """Run an update or insert in its own transaction and expect the database to refuse it."""
    with pytest.raises(DatabaseError, match=match), world.context():
        statement()


def crowd(world, number):
    return [people.person(world, f"Person{index:02} Muster") for index in range(number)]


@pytest.mark.spec("LG-143", "LG-06")
def test_one_seat_too_many_is_refused_however_it_is_written(acme, anna):
    group = people.license_group(acme, anna, seats=2)
    members = crowd(acme, 4)
    people.join(acme, group, members[0])
    people.join(acme, group, members[1])
    admin = people.join(acme, group, members[2], is_user=False, is_admin=True)
    with pytest.raises(IntegrityError, match="licensegroup_seats"):
        people.join(acme, group, members[3])
    mine = LicenseGroupMember.objects.filter(pk=admin.pk)
    refused(acme, lambda: mine.update(is_user=True), "licensegroup_seats")
    assert people.used(acme, group) == 2


@pytest.mark.spec("LG-06", "LG-96", "LG-115", "LG-14", "LG-16")
def test_the_count_of_seats_follows_every_kind_of_write(acme, group, user, admin):
    mine = LicenseGroupMember.objects.filter(tenant=acme.tenant)
    steps = [
        (lambda: None, 1),
        (lambda: mine.filter(pk=admin.pk).update(is_user=True), 2),
        (lambda: mine.filter(pk=admin.pk).update(is_admin=False), 2),
        (lambda: mine.filter(pk=user.pk).update(status=MemberStatus.ENDED, ended_at=timezone.now()), 1),
        (lambda: mine.filter(pk=admin.pk).delete(), 0),
    ]
    for step, expected in steps:
        with acme.context():
            step()
            assert LicencePlace.objects.count() == expected
        assert people.used(acme, group) == expected


def test_one_statement_may_give_and_take_seats_at_once(acme, anna, user, admin, group):
    with acme.context(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE licensing_licensegroupmember SET is_user = NOT is_user, is_admin = NOT is_admin WHERE id = ANY(%s)",
            [[user.pk, admin.pk]],
        )
        assert set(LicencePlace.objects.values_list("member_id", flat=True)) == {admin.pk}
    assert people.used(acme, group) == 1


@pytest.mark.spec("LG-17")
def test_an_account_has_one_user_place_over_all_organisations(acme, globex, group, user, frank, charlie):
    other = people.license_group(globex, people.person(globex, "Gina Gerber"))
    there = factories.member(globex, "Frank Fuchs", "frank", user=frank.user)
    with pytest.raises(IntegrityError, match="licenceplace_pkey"):
        people.join(globex, other, there)
    people.join(globex, other, there, is_user=False, is_admin=True)
    assert people.used(globex, other) == 0


@pytest.mark.spec("LG-02", "LG-05")
def test_an_active_member_has_a_role(acme, group, user):
    mine = LicenseGroupMember.objects.filter(pk=user.pk)
    refused(acme, lambda: mine.update(is_user=False), "licensegroupmember_has_role")


@pytest.mark.spec("LG-19", "LG-20", "LG-21")
@pytest.mark.parametrize(
    "change",
    [
        {"is_admin": False, "is_user": True},
        {"status": MemberStatus.ENDED, "ended_at": timezone.now()},
        {"status": MemberStatus.PENDING},
    ],
)
def test_the_owner_stays_an_active_admin(acme, owner, change):
    mine = LicenseGroupMember.objects.filter(pk=owner.pk)
    refused(acme, lambda: mine.update(**change), "licensegroupmember_")


@pytest.mark.spec("LG-102")
@pytest.mark.parametrize("through", ["address", "account"])
def test_nobody_on_the_block_list_holds_user(acme, group, admin, erin, through):
    with acme.context():
        LicenseRoleBlock.objects.create(
            tenant=acme.tenant,
            group_id=group.pk,
            address=admin.address if through == "address" else "old@acme.test",
            address_key=admin.address_key if through == "address" else "old@acme.test",
            user_id=None if through == "address" else erin.user_id,
            created_at=timezone.now(),
            created_by="test",
        )
    mine = LicenseGroupMember.objects.filter(pk=admin.pk)
    refused(acme, lambda: mine.update(is_user=True), "blocked person would hold")


def test_a_block_of_somebody_who_still_holds_user_is_refused(acme, group, user):
    def block():
        LicenseRoleBlock.objects.create(
            tenant=acme.tenant,
            group_id=group.pk,
            address=user.address,
            address_key=user.address_key,
            created_at=timezone.now(),
            created_by="test",
        )

    refused(acme, block, "blocked person still holds")


@pytest.mark.spec("LG-132")
def test_a_block_counts_in_its_own_group_only(acme, anna, group, admin, erin):
    other = people.license_group(acme, anna, name="Copiers")
    with acme.context():
        LicenseRoleBlock.objects.create(
            tenant=acme.tenant,
            group_id=group.pk,
            address=admin.address,
            address_key=admin.address_key,
            created_at=timezone.now(),
            created_by="test",
        )
    people.join(acme, other, erin)
    assert people.used(acme, other) == 1


def test_one_live_row_per_address(acme, group, user, erin):
    with pytest.raises(IntegrityError, match="licensegroupmember_address"):
        people.join(acme, group, erin, address=user.address)
    with acme.context():
        LicenseGroupMember.objects.filter(pk=user.pk).update(status=MemberStatus.ENDED, ended_at=timezone.now())
    people.join(acme, group, erin, address=user.address)


@pytest.mark.spec("LG-138")
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE licensing_licensegroup SET seats = 500",
        "UPDATE licensing_licensegroup SET used = 0",
        "UPDATE licensing_licensegroup SET expires_at = NULL",
        "DELETE FROM licensing_licensegroup",
        "UPDATE licensing_licensegroupmember SET is_owner = false",
        "DELETE FROM licensing_licenceplace",
        "INSERT INTO licensing_licenceplace SELECT user_id, tenant_id, id FROM licensing_licensegroupmember",
        "UPDATE licensing_seatday SET seats = 500",
    ],
)
def test_the_application_cannot_write_what_was_bought_nor_what_is_counted(acme, group, user, statement):
    with pytest.raises(DatabaseError, match="permission denied"), acme.context(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert people.used(acme, group) == 1


def test_every_change_of_seats_is_kept_as_the_figure_of_its_day(acme, group, user):
    with acme.context():
        (day,) = SeatDay.objects.filter(group_id=group.pk)
        assert (day.used, day.seats) == (1, 5)
        LicenseGroupMember.objects.filter(pk=user.pk).delete()
        day.refresh_from_db()
        assert day.used == 0


def test_nothing_of_a_group_is_seen_from_another_organisation(acme, globex, group, user):
    with globex.context():
        assert not LicenseGroupMember.objects.exists()
        assert not SeatDay.objects.exists()
    with transaction.atomic():
        assert not LicenseGroupMember.objects.exists()
