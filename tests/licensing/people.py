"""License groups and the people on them, as tests want them."""

from audit.actions import Actor
from audit.models import Channel, Event
from licensing.actions.operator import Purchase, create_group
from licensing.models import LicenseGroupMember, LicenseRoleBlock, MemberStatus
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
