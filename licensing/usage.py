"""How a license group's seats are used: day by day, where that leads to, and which could be given to somebody else.

Days are days of UTC, as the database writes them (`SeatDay`). A day without a row has the figures of the day before.
"""

import math
from dataclasses import dataclass, field
from datetime import UTC, date, timedelta

from django.db.models import Q
from django.utils import timezone

from accounts.models import Membership
from licensing.access import is_expired
from licensing.actions.invitations import validated_domain
from licensing.models import (
    GroupDomain,
    LicencePlace,
    LicenseGroup,
    LicenseGroupMember,
    LicenseRoleBlock,
    MemberStatus,
    SeatDay,
)

SHOWN_DAYS = 90
FITTED_DAYS = 30
FEWEST_DAYS = 14  # of data: below it nothing is foretold
HORIZON = 365  # days ahead
UNUSED_AFTER = timedelta(days=90)
MOST_NAMED = 20  # people named by one suggestion
COUNT_LIMIT = 1000
# Student's t, two-sided 95 %, by degrees of freedom (days fitted - 2): 12 to 28.
_T95 = (
    2.1788, 2.1604, 2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.0930, 2.0860, 2.0796, 2.0739, 2.0687, 2.0639, 2.0595,
    2.0555, 2.0518, 2.0484,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Day:
    """Seats used and bought at the end of a day; of today: now."""

    day: date
    used: int
    seats: int


@dataclass(frozen=True, slots=True)
class Line:
    """A straight line by least squares through the last days, one value each; x counts days, 0 is the last one."""

    days: int
    start: float  # the line at x = 0
    slope: float  # seats a day
    spread: float  # standard deviation of the residuals, days - 2 degrees of freedom

    def at(self, ahead: int) -> float:
        """Return the line's value so many days ahead."""
        return self.start + self.slope * ahead

    def margin(self, ahead: int) -> float:
        """Return half the width of the 95 % prediction interval of a single day's value."""
        middle = -(self.days - 1) / 2
        across = self.days * (self.days**2 - 1) / 12
        return _T95[self.days - 14] * self.spread * math.sqrt(1 + 1 / self.days + (ahead - middle) ** 2 / across)


@dataclass(frozen=True, slots=True)
class Forecast:
    """Where the last days lead: the day on which the last seat is taken, None beyond HORIZON days.

    `earliest` and `latest` are that day by the upper and lower end of the 95 % prediction interval: they hold as far as
    people go on joining and leaving as they did.
    """

    line: Line
    runs_out: date | None
    earliest: date | None
    latest: date | None


def seat_days(group: LicenseGroup, today: date) -> list[Day]:
    """Return the group's last SHOWN_DAYS days, oldest first, from its first row on; today has the figures of now."""
    rows = SeatDay.objects.filter(tenant_id=group.tenant_id, group_id=group.pk, day__lt=today)
    first = today - timedelta(days=SHOWN_DAYS - 1)
    known = {row[0]: row for row in rows.filter(day__gte=first).values_list("day", "used", "seats")}
    before = rows.filter(day__lt=first).order_by("-day").values_list("day", "used", "seats").first()
    known[today] = (today, group.used, group.seats)
    begin = first if before else min(known)
    found, last = [], before
    for number in range((today - begin).days + 1):
        day = begin + timedelta(days=number)
        last = known.get(day, last)
        found.append(Day(day, last[1], last[2]))
    return found


def fitted(values: list[int]) -> Line:
    """Return the least-squares line through values of consecutive days, 14 to 30 of them, oldest first."""
    count = len(values)
    middle, mean = -(count - 1) / 2, sum(values) / count
    across = count * (count**2 - 1) / 12  # the sum of (x - middle) squared
    places = range(1 - count, 1)
    slope = sum((x - middle) * (value - mean) for x, value in zip(places, values, strict=True)) / across
    start = mean - slope * middle
    rest = sum((value - start - slope * x) ** 2 for x, value in zip(places, values, strict=True))
    return Line(count, start, slope, math.sqrt(rest / (count - 2)))


def forecast(days: list[Day]) -> Forecast | None:
    """Return where the last 30 days lead; None below 14 days of data."""
    if len(days) < FEWEST_DAYS:
        return None
    line, now = fitted([day.used for day in days[-FITTED_DAYS:]]), days[-1]

    def first(value):
        """Return the first day ahead on which every seat is taken."""
        # A whole seat less a hair: a perfect line must not miss its day by a rounding error.
        ahead = (number for number in range(1, HORIZON + 1) if value(number) >= now.seats - 1e-6)
        found = next(ahead, None)
        return found and now.day + timedelta(days=found)

    return Forecast(
        line,
        first(line.at) if line.slope > 0 else None,
        first(lambda ahead: line.at(ahead) + line.margin(ahead)),
        first(lambda ahead: line.at(ahead) - line.margin(ahead)) if line.slope > 0 else None,
    )


@dataclass(frozen=True, slots=True)
class Reclaimable:
    """Places that could be given to somebody else: how many (at most COUNT_LIMIT + 1), and the first of them."""

    count: int = 0
    members: list[LicenseGroupMember] = field(default_factory=list)


def _seated(group):
    return LicenseGroupMember.objects.filter(
        tenant_id=group.tenant_id, group_id=group.pk, status=MemberStatus.ACTIVE, is_user=True
    )


def unused_places(group: LicenseGroup) -> Reclaimable:
    """Return the User places of which nothing was heard for 90 days, longest first.

    Last use is a sign-in, a change in My Persona or a device's fetch; of a place never used it is when it was given.
    """
    return _found(_seated(group).filter(heard_at__lt=timezone.now() - UNUSED_AFTER), "heard_at")


def inactive_places(group: LicenseGroup) -> Reclaimable:
    """Return the User places of people whose access to the organisation was ended: kept and counted (UM-E2)."""
    ended = Membership.objects.filter(tenant_id=group.tenant_id, is_active=False)
    rows = _seated(group).filter(Q(user_id__in=ended.values("user_id")) | Q(user__is_active=False))
    return _found(rows, "address_key")


def _found(rows, order):
    members = list(rows.order_by(order, "pk")[: MOST_NAMED + 1])
    count = len(members)
    if count > MOST_NAMED:
        count = rows.order_by().values("pk")[: COUNT_LIMIT + 1].count()
    return Reclaimable(count, members[:MOST_NAMED])


@dataclass(frozen=True, slots=True)
class Waiting:
    """Who would be User if seats were free: by the domain, and with an invitation that found none (LG-72, LG-141)."""

    by_domain: int
    invited: int

    @property
    def total(self) -> int:
        return self.by_domain + self.invited


def waiting(group: LicenseGroup) -> Waiting:
    """Return who waits for a seat; nobody waits by the domain while one is free."""
    domain = "" if group.free or is_expired(group) or not group.auto_assign_users else validated_domain(group)
    pending = LicenseGroupMember.objects.filter(
        tenant_id=group.tenant_id,
        group_id=group.pk,
        status=MemberStatus.PENDING,
        is_user=True,
        seat_wanted_at__isnull=False,
        expires_at__gt=timezone.now(),
    )
    return Waiting(waiting_for_seats(group, domain) if domain else 0, pending.count())


def pending_users(group: LicenseGroup) -> int:
    """Return how many live invitations would take a seat."""
    rows = LicenseGroupMember.objects.filter(tenant_id=group.tenant_id, group_id=group.pk, status=MemberStatus.PENDING)
    return rows.filter(is_user=True, expires_at__gt=timezone.now()).count()


def utc_today() -> date:
    """Return the day of UTC, as the database counts days."""
    return timezone.now().astimezone(UTC).date()


def waiting_for_seats(group: LicenseGroup, domain: str, limit: int = 1000) -> int:
    """Return how many people of the domain auto-assign would admit if seats were free, at most `limit`."""
    of_group = {"tenant_id": group.tenant_id, "group_id": group.pk}
    askers = GroupDomain.objects.filter(**of_group, asked_by__isnull=False).values("asked_by")
    owner = LicenseGroupMember.objects.filter(**of_group, is_owner=True, user_id__isnull=False).values("user_id")
    opened_by = Q(user_id__in=askers) | Q(user_id=group.assigns_by)  # opens_for_oneself
    blocked = LicenseRoleBlock.objects.filter(tenant_id=group.tenant_id, group_id=group.pk)
    candidates = (
        Membership.objects.filter(
            tenant_id=group.tenant_id,
            is_active=True,
            signed_in_at__isnull=False,
            user__is_active=True,
            user__email_key__endswith=f"@{domain}",
        )
        .exclude(user_id__in=LicencePlace.objects.values("user_id"))
        .exclude(user__email_key__in=blocked.values("address_key"))
        .exclude(user_id__in=blocked.filter(user_id__isnull=False).values("user_id"))
        .exclude(opened_by & ~Q(user_id__in=owner))
    )
    return candidates.values("pk")[:limit].count()
