"""License groups of the demo: people, invitations, blocks and 120 days of seats. Made once, always the same."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Protocol

from django.contrib.auth.hashers import make_password
from django.utils import timezone

from accounts.models import Membership, Source, Tenant, User
from audit.actions import Actor
from audit.models import Channel
from config.tenancy import operator_context, tenant_context
from licensing.actions.invitations import VALID, split_name
from licensing.actions.operator import Purchase, create_group
from licensing.device_keys import digest_of, new_key
from licensing.models import (
    Billing,
    Device,
    GroupDomain,
    LicenseGroup,
    LicenseGroupMember,
    LicenseRoleBlock,
    MailState,
    MemberStatus,
    SeatDay,
)
from licensing.usage import utc_today

SERVER = Actor(id=None, name="Demo", channel=Channel.COMMAND)
HISTORY = 120  # days of seats
BEFORE = 26  # members who were there before the history begins


class Colleague(Protocol):
    """Somebody who gets an account by accepting an invitation."""

    account: str
    name: str
    mail: str


def load(tenant: Tenant, signing_in: Mapping[str, Membership], colleagues: Sequence[Colleague]) -> int:
    """Make the license groups of a demo tenant, unless it has some; return how many were made.

    signing_in: the demo's sign-ins by account, as the directory gave them; colleagues: others, each used once at most.
    """
    with tenant_context(tenant.pk):
        if LicenseGroup.objects.filter(tenant=tenant).exists():
            return 0
    return {"acme": _acme, "globex": _globex}[tenant.slug](tenant, signing_in, list(colleagues))


def _acme(tenant, people, colleagues):
    now = timezone.now()
    berlin = _group(
        tenant, people["alice"], Purchase("Standard", Billing.SUBSCRIPTION, "yearly", 60, _in(now, 200)), now
    )
    with tenant_context(tenant.pk):
        _take_place(berlin, people["alice"], now)
        rows = _joined(tenant, berlin, colleagues[:46], now)
        rows += [_row(berlin, people["bob"], now - timedelta(days=40), now - timedelta(hours=20))]
        rows += _left(tenant, berlin, colleagues[46:50], now)
        for row in rows[3:6]:
            row.is_user, row.is_admin = False, True
        rows[1].is_admin = True
        for number, row in enumerate(rows[8:13]):  # nothing was heard of these for long, and of one never
            row.last_used_at = None if number == 2 else now - timedelta(days=95 + 11 * number)
        LicenseGroupMember.objects.bulk_create(rows)
        Membership.objects.filter(tenant=tenant, user_id=rows[14].user_id).update(is_active=False)
        _invitations(berlin, [one.mail for one in colleagues[50:55]], now)
        _blocks(berlin, [rows[4].address, colleagues[55].mail, "front.desk@printing-partner.test"], now)
        _devices(berlin, [("Printer 1st floor", 3), ("Printer canteen", 400)], now)
        GroupDomain.objects.create(
            tenant_id=tenant.pk, group_id=berlin.pk, domain="acme.test", asked_at=now - timedelta(days=150),
            validated_at=now - timedelta(days=150),
        )  # fmt: skip
    _history(berlin)
    term = Purchase("Terminals", Billing.TERM, "yearly", 10, _in(now, 24))
    warehouse = _group(tenant, people["diana"], term, now, name="Warehouse terminals")
    with tenant_context(tenant.pk):
        rows = _joined(tenant, warehouse, colleagues[60:70], now)
        LicenseGroupMember.objects.bulk_create([*rows, _row(warehouse, people["alice"], now, None, is_user=False)])
        _invitations(warehouse, [colleagues[70].mail], now, wanted=True)
    _history(warehouse)
    return 2


def _globex(tenant, people, colleagues):
    now = timezone.now()
    plan = Purchase("Standard", Billing.SUBSCRIPTION, "monthly", 25)
    group = _group(tenant, people["charlie"], plan, now, name="Front panels")
    with tenant_context(tenant.pk):
        rows = _joined(tenant, group, colleagues[:9], now)
        LicenseGroupMember.objects.bulk_create(rows)
        _invitations(group, [one.mail for one in colleagues[9:11]], now)
    _history(group)
    return 1


def _in(now, days):
    return (now + timedelta(days=days)).replace(hour=22, minute=0, second=0, microsecond=0)


def _group(tenant, owner, purchase, now, name="Printers Berlin"):
    address = owner.contact_email
    group = create_group(
        tenant_id=tenant.pk, owner=owner, address=(address, address), purchase=purchase, name=name, by=SERVER
    )
    since = now - timedelta(days=210)
    with operator_context() as alias:
        LicenseGroup.objects.using(alias).filter(pk=group.pk).update(created_at=since)
        LicenseGroupMember.objects.using(alias).filter(group_id=group.pk).update(added_at=since)
    return group


def _take_place(group, member, now):
    mine = LicenseGroupMember.objects.filter(tenant_id=group.tenant_id, group_id=group.pk, user_id=member.user_id)
    mine.update(is_user=True, last_used_at=now)


def _row(group, member, added_at, last_used_at, *, is_user=True, address=""):
    address = address or member.contact_email
    first, last = split_name(member.name)
    return LicenseGroupMember(
        tenant_id=group.tenant_id, group_id=group.pk, user_id=member.user_id, address=address, address_key=address,
        first_name=first, last_name=last, status=MemberStatus.ACTIVE, is_user=is_user, is_admin=not is_user,
        added_at=added_at, last_used_at=last_used_at,
    )  # fmt: skip


def _joined(tenant, group, colleagues, now):
    """Return rows of colleagues with accounts of their own: some from before the history, the others on its working days."""
    dice = random.Random(f"{tenant.slug}/{group.name}")  # noqa: S311
    days = sorted((dice.randint(1, HISTORY - 2) for _ in colleagues[BEFORE:]), reverse=True)
    days = [dice.randint(HISTORY, 200) for _ in colleagues[:BEFORE]] + days
    rows = []
    for member, colleague, age in zip(_accounts(tenant, colleagues), colleagues, days, strict=True):
        added_at = _working_hour(now - timedelta(days=age), dice)
        used_at = max(now - timedelta(days=dice.randint(0, 20), minutes=dice.randint(5, 600)), added_at)
        rows.append(_row(group, member, added_at, used_at, address=colleague.mail))
    return rows


def _left(tenant, group, colleagues, now):
    """Return rows of people who were members for a while: the seats by day go down, too."""
    rows = _joined(tenant, group, colleagues, now)
    for number, row in enumerate(rows):
        row.status, row.end_reason = MemberStatus.ENDED, "left"
        row.ended_at = now - timedelta(days=20 + 17 * number)
    return rows


def _accounts(tenant, colleagues):
    """Return new memberships: accounts whose address an accepted invitation has proved, and whose password nobody has."""
    users = [
        User(display_name=one.name, email=one.mail, email_key=one.mail, password=make_password(None))
        for one in colleagues
    ]
    User.objects.bulk_create(users)
    rows = [
        Membership(tenant=tenant, user=user, login=one.account, name=one.name, source=Source.LOCAL)
        for user, one in zip(users, colleagues, strict=True)
    ]
    return Membership.objects.bulk_create(rows)


def _working_hour(moment, dice):
    day = moment.date() - timedelta(days=max(moment.weekday() - 4, 0))
    return datetime.combine(day, time(dice.randint(6, 15), dice.randint(0, 59), dice.randint(0, 59)), UTC)


def _invitations(group, addresses, now, *, wanted=False):
    """Invitations of the last days; the last of several has expired."""
    rows = []
    for number, address in enumerate(addresses):
        sent_at = now - timedelta(days=12 if number and number == len(addresses) - 1 else number, hours=3)
        rows.append(LicenseGroupMember(
            tenant_id=group.tenant_id, group_id=group.pk, address=address, address_key=address,
            status=MemberStatus.PENDING, is_user=number != 1, is_admin=number == 1, added_at=sent_at, sent_at=sent_at,
            expires_at=sent_at + VALID, generation=1, mail_state=MailState.SENT, invited_by="Alice Adler (alice)",
            seat_wanted_at=now - timedelta(hours=2) if wanted else None,
        ))  # fmt: skip
    LicenseGroupMember.objects.bulk_create(rows)


def _blocks(group, addresses, now):
    LicenseRoleBlock.objects.bulk_create(
        LicenseRoleBlock(
            tenant_id=group.tenant_id, group_id=group.pk, address=address, address_key=address,
            created_at=now - timedelta(days=9 * number + 4), created_by="Alice Adler (alice)",
        )
        for number, address in enumerate(addresses)
    )  # fmt: skip


def _devices(group, devices, now):
    """Devices that asked some minutes ago; their keys are thrown away, so that nobody can act as one."""
    Device.objects.bulk_create(
        Device(
            tenant_id=group.tenant_id, group_id=group.pk, name=name, key_digest=digest_of(new_key()),
            added_by="Alice Adler (alice)", added_at=now - timedelta(days=90 - number),
            last_seen_at=now - timedelta(minutes=minutes),
        )
        for number, (name, minutes) in enumerate(devices)
    )  # fmt: skip


def _history(group):
    """Write the seats of each day before today, as they follow from when people joined and left."""
    with tenant_context(group.tenant_id):
        seated = LicenseGroupMember.objects.filter(tenant_id=group.tenant_id, group_id=group.pk, is_user=True)
        spans = list(seated.exclude(status=MemberStatus.PENDING).values_list("added_at", "ended_at"))
    days = []
    for age in range(HISTORY, 0, -1):
        day = utc_today() - timedelta(days=age)
        end = datetime.combine(day + timedelta(days=1), time(), UTC)
        used = sum(added < end and (ended is None or ended >= end) for added, ended in spans)
        days.append(SeatDay(tenant_id=group.tenant_id, group_id=group.pk, day=day, used=used, seats=group.seats))
    with operator_context() as alias:
        SeatDay.objects.using(alias).bulk_create(days)
