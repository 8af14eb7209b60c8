"""License groups and the people on them, as tests want them."""

from datetime import UTC, timedelta

from django.utils import timezone

from accounts.models import Membership, User
from audit.actions import Actor
from audit.models import Channel, Event
from config.tenancy import operator_context
from licensing.actions.invitations import invite
from licensing.actions.operator import Purchase, create_group
from licensing.models import LicenseGroup, LicenseGroupMember, LicenseRoleBlock, MemberStatus, SeatDay
from tests import factories

OLGA = Actor(id=None, name="Olga Orlova (operator)", channel=Channel.COMMAND)


def purchase(seats=5, **more):
    return Purchase(**{"plan": "Standard", "billing": "subscription", "frequency": "yearly", "seats": seats} | more)


def person(world, name, *, verified=True):
    """Return the Membership of somebody whose address is <first name>@<slug>.test."""
    login = name.split()[0].lower()
    row = factories.member(world, name, login)
    if verified:
        row.user.email = row.user.email_key = address_of(row, world)
        row.user.save()
    return row


def address_of(member, world):
    return f"{member.login}@{world.slug}.test"


def license_group(world, owner, *, seats=5, name="Printers", **more):
    """Return the license group of an owner, made as the operator makes it."""
    address = address_of(owner, world)
    return create_group(
        tenant_id=world.pk,
        owner=owner,
        address=(address, address),
        purchase=purchase(seats, **more),
        name=name,
        by=OLGA,
    )


def join(world, group, member, *, is_user=True, is_admin=False, address=None):
    """Return the active membership of somebody, written straight into the table."""
    address = address or address_of(member, world)
    first, _space, last = member.name.partition(" ")
    with world.context():
        return LicenseGroupMember.objects.create(
            tenant=world.tenant,
            group_id=group.pk,
            user_id=member.user_id,
            address=address,
            address_key=address,
            first_name=first,
            last_name=last,
            status=MemberStatus.ACTIVE,
            is_user=is_user,
            is_admin=is_admin,
            added_at=member.created_at,
        )


def row_of(world, group, address):
    """Return the listed row of an address, or None."""
    with world.context():
        mine = LicenseGroupMember.objects.filter(group_id=group.pk, address_key=address)
        return mine.exclude(status=MemberStatus.ENDED).first()


def fresh(world, row):
    with world.context():
        return type(row).objects.get(pk=row.pk)


def used(world, group):
    return fresh(world, group).used


def shown(*rows):
    """Return what a page showed of rows, as actions take it."""
    return {row.pk: row.version for row in rows}


def blocks(world, group):
    with world.context():
        return set(LicenseRoleBlock.objects.filter(group_id=group.pk).values_list("address_key", flat=True))


def verbs(world, group):
    """Return the verbs of the group's events, oldest first (by time: tests that move the clock move the keys, too)."""
    with world.context():
        return list(Event.objects.filter(license_group_id=group.pk).order_by("at", "id").values_list("verb", flat=True))


def invited(world, group, address, *, by, is_user=True, is_admin=False):
    """Return the pending row of an address that has just been invited."""
    with world.context():
        invite(
            tenant_id=world.pk,
            group_id=group.pk,
            addresses=[(address, address)],
            is_user=is_user,
            is_admin=is_admin,
            by=by,
        )
    return row_of(world, group, address)


def change(world, row, **values):
    """Write values straight into a row's columns and return it."""
    with world.context():
        type(row).objects.filter(pk=row.pk).update(**values)
    return fresh(world, row)


def seat_history(world, group, used, *, seats=None, ends=None):
    """Write the group's figures of the days before today, oldest first, the last of them yesterday (or `ends`, a day)."""
    ends = ends or timezone.now().astimezone(UTC).date() - timedelta(days=1)
    rows = [
        SeatDay(
            tenant_id=world.pk,
            group_id=group.pk,
            day=ends - timedelta(days=len(used) - 1 - number),
            used=value,
            seats=seats or group.seats,
        )
        for number, value in enumerate(used)
        if value is not None
    ]
    with operator_context() as alias:
        SeatDay.objects.using(alias).bulk_create(rows)


def expire(world, group):
    """Let the licence of a group end a second ago."""
    with operator_context() as alias:
        ended = timezone.now() - timedelta(seconds=1)
        LicenseGroup.objects.using(alias).filter(pk=group.pk).update(expires_at=ended)
    return fresh(world, group)


def page_url(world, group, path=""):
    """Return the address of a page of a license group."""
    return world.url(f"licensing/{group.pk}/{path}")


def many_invited(world, group, count):
    """Write invitations as Admin straight into the table: bulk0@…, bulk1@…"""
    now = timezone.now()
    with world.context():
        LicenseGroupMember.objects.bulk_create(
            [
                LicenseGroupMember(
                    tenant_id=world.pk,
                    group_id=group.pk,
                    address=f"bulk{number}@{world.slug}.test",
                    address_key=f"bulk{number}@{world.slug}.test",
                    status=MemberStatus.PENDING,
                    is_admin=True,
                    added_at=now,
                    sent_at=now,
                    expires_at=now + timedelta(days=7),
                    generation=1,
                )
                for number in range(count)
            ],
            batch_size=1000,
        )


def many_members(world, group, count):
    """Write active members with the role User straight into the tables, every third an Admin too: bulk0@…, bulk1@…"""
    now = timezone.now()
    with world.context():
        users = User.objects.bulk_create([User(display_name=f"Bulk {number}") for number in range(count)])
        Membership.objects.bulk_create(
            [
                Membership(tenant_id=world.pk, user=user, login=str(user.pk), name=user.display_name, source="local")
                for user in users
            ]
        )
        LicenseGroupMember.objects.bulk_create(
            [
                LicenseGroupMember(
                    tenant_id=world.pk,
                    group_id=group.pk,
                    user=user,
                    address=f"bulk{number}@{world.slug}.test",
                    address_key=f"bulk{number}@{world.slug}.test",
                    status=MemberStatus.ACTIVE,
                    is_user=True,
                    is_admin=number % 3 == 0,
                    added_at=now,
                )
                for number, user in enumerate(users)
            ],
            batch_size=1000,
        )
