"""Verbs of invitations: invite, send again, decline (LG-49 to LG-76); accepting is in `admission`."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.addresses import domain_of
from accounts.models import Membership
from audit.actions import Actor
from config.errors import Conflict, Refused
from licensing.actions.rules import (
    accounts_of,
    active,
    blocked_among,
    check_admin,
    check_license,
    current,
    end_members,
    granting,
    lock_group,
    placed_elsewhere,
    tell,
)
from licensing.models import (
    GroupDomain,
    LicenseGroup,
    LicenseGroupMember,
    MailState,
    MemberStatus,
    role_names,
)
from licensing.public_domains import is_public

VALID = timedelta(days=7)  # LG-58
MOST_ADDRESSES = 100  # LG-53


@dataclass(frozen=True, slots=True)
class Invited:
    """What an invitation did: new rows and known ones; `admitted` of them are members at once, without a mail (LG-76).

    `beyond` = pending Users beyond the free licences (LG-62).
    """

    sent: int = 0
    again: int = 0
    admitted: int = 0
    beyond: int = 0
    members: list[UUID] = field(default_factory=list)

    @property
    def mailed(self) -> int:
        """The number of invitations whose mails go out."""
        return self.sent + self.again - self.admitted


class StillOpen(Refused):
    """Some addresses have an invitation whose link is good: they are asked about, not invited twice (LG-65).

    `rows`: those invitations, in the order of their addresses.
    """

    def __init__(self, rows):
        super().__init__(_("Some addresses are invited already."), field="again", code="still-open")
        self.rows = rows


@granting
def invite(
    *,
    tenant_id: UUID,
    group_id: UUID,
    addresses: Collection[tuple[str, str]],
    is_user: bool,
    is_admin: bool,
    words: str = "",
    again: bool = True,
    by: Actor,
) -> Invited:
    """Invite addresses with one role set, all or none; their mails are sent after the commit.

    addresses: (address, key) pairs, at most 100. An expired invitation, and with `again` a live one, is sent again with
    a new link and the new roles (LG-65). Verified people of the group's domain are members at once while seats are free
    (LG-76, LG-160). Raises Refused with `problems` {address: sentence} where an address cannot be invited: nothing is
    sent (LG-67). Without `again` raises StillOpen for live ones, also those that somebody else has just sent.
    """
    group = lock_group(tenant_id, group_id)
    check_admin(group, by)
    check_license(group)
    wanted = dict(reversed([(key, address) for address, key in addresses]))  # the first writing of an address counts
    wanted = {key: wanted[key] for key in reversed(wanted)}
    if not (is_user or is_admin):
        raise Refused(_("Choose at least one role."), field="roles", code="no-role")
    if not wanted:
        raise Refused(_("Enter at least one address."), field="addresses", code="no-address")
    if len(wanted) > MOST_ADDRESSES:
        raise Refused(_("At most 100 addresses in one step."), field="addresses", code="too-many")
    found = LicenseGroupMember.objects.filter(tenant_id=tenant_id, group_id=group_id, address_key__in=list(wanted))
    rows = {row.address_key: row for row in found.exclude(status=MemberStatus.ENDED)}
    _check(group, wanted, rows, is_user)
    now = timezone.now()
    if not again and (live := still_open(group, wanted)):
        raise StillOpen(live)
    pending = {
        "is_user": is_user,
        "is_admin": is_admin,
        "status": MemberStatus.PENDING,
        "added_at": now,
        "sent_at": now,
        "expires_at": now + VALID,
        "mail_state": MailState.PENDING,
        "invited_by": by.name[:200],
        "roles_by": by.user_id,
        "words": words,
    }
    new = LicenseGroupMember.objects.bulk_create(
        LicenseGroupMember(
            tenant_id=tenant_id, group_id=group_id, address=address, address_key=key, generation=1, **pending
        )
        for key, address in wanted.items()
        if key not in rows
    )
    known = list(rows.values())
    LicenseGroupMember.objects.filter(tenant_id=tenant_id, pk__in=[row.pk for row in known]).update(
        **pending, generation=F("generation") + 1, seat_wanted_at=None, version=F("version") + 1
    )
    labels = {"after": role_names(is_user, is_admin)}
    tell("license.invited", group, sorted([*new, *known], key=lambda row: row.address_key), by=by, labels=labels)
    members = [row.pk for row in [*new, *known]]
    admitted = _admit_domain(group, members, by=by)
    return Invited(len(new), len(known), admitted, _beyond(group) if is_user else 0, members)


def still_open(group: LicenseGroup, keys: Iterable[str]) -> list[LicenseGroupMember]:
    """Return the invitations of these addresses whose links are good, in the order of the addresses."""
    pending = LicenseGroupMember.objects.filter(
        tenant_id=group.tenant_id, group_id=group.pk, status=MemberStatus.PENDING, expires_at__gt=timezone.now()
    )
    return list(pending.filter(address_key__in=list(keys)).order_by("address_key"))


def _check(group, wanted, rows, is_user):
    """Raise Refused for members and blocked people, by whichever proven address (LG-63, LG-64); no account is named."""
    problems = {}
    keys, _users = blocked_among(group, wanted) if is_user else (set(), set())
    accounts = accounts_of(wanted)
    members = set(active(group).filter(user_id__in=accounts.values()).values_list("user_id", flat=True))
    for key, address in wanted.items():
        row = rows.get(key)
        if row and row.status == MemberStatus.ACTIVE:
            problems[address] = _("is a member already: edit the roles instead.")
        elif accounts.get(key) in members:
            problems[address] = _("belongs to a member who is listed under another address: edit the roles there.")
        elif key in keys:
            problems[address] = _(
                "belongs to somebody on the list of Blocked User Roles: invite as Admin only, or remove the block."
            )
    if problems:
        raise Refused(
            _("Nothing was sent: correct these addresses first."),
            field="addresses",
            code="addresses",
            problems=problems,
        )


def _beyond(group):
    pending = LicenseGroupMember.objects.filter(
        tenant_id=group.tenant_id,
        group_id=group.pk,
        status=MemberStatus.PENDING,
        is_user=True,
        expires_at__gt=timezone.now(),
    )
    return max(pending.count() - LicenseGroup.objects.get(tenant_id=group.tenant_id, pk=group.pk).free, 0)


def _admit_domain(group, member_ids, *, by):
    """Make members at once of invited people whose verified address lies in the group's domain (LG-76)."""
    domain = validated_domain(group)
    if not domain:
        return 0
    invited = LicenseGroupMember.objects.filter(tenant_id=group.tenant_id, pk__in=member_ids).order_by("address_key")
    rows = [row for row in invited if domain_of(row.address_key) == domain]
    members = Membership.objects.filter(
        tenant_id=group.tenant_id, is_active=True, user__email_key__in=[row.address_key for row in rows]
    ).select_related("user")
    people = {member.user.email_key: member for member in members if member.user.may_sign_in}
    elsewhere = placed_elsewhere([member.user_id for member in people.values()])
    here = set(active(group).values_list("user_id", flat=True))
    free, admitted = LicenseGroup.objects.get(tenant_id=group.tenant_id, pk=group.pk).free, []
    for row in rows:
        person = people.get(row.address_key)
        if not person or person.user_id in here or row.is_user and (person.user_id in elsewhere or free <= 0):
            continue
        free -= row.is_user
        make_active(row, person.user_id, person.name)
        admitted.append(row)
    tell("license.admitted", group, admitted, by=by, labels={"domain": domain}, own=lambda row: {"after": row.roles})
    return len(admitted)


def make_active(row: LicenseGroupMember, user_id: UUID, name: str, last_name: str | None = None) -> None:
    """Turn an invitation of a locked group into a membership; `name` is split where no last name is given."""
    first, last = (name, last_name) if last_name is not None else split_name(name)
    now = timezone.now()
    row.status, row.user_id, row.first_name, row.last_name = MemberStatus.ACTIVE, user_id, first[:100], last[:100]
    row.added_at = row.last_used_at = now
    row.expires_at = row.seat_wanted_at = None
    row.mail_state, row.words, row.version = "", "", row.version + 1
    row.save(
        update_fields=[
            "status", "user", "first_name", "first_key", "last_name", "last_key", "is_user", "is_admin", "added_at",
            "last_used_at", "expires_at", "seat_wanted_at", "mail_state", "words", "version",
        ]
    )  # fmt: skip


def split_name(name: str) -> tuple[str, str]:
    """Return (first, last name) of a person's whole name: the last word is the last name, a single word the first."""
    words = name.split()
    return (" ".join(words[:-1]), words[-1]) if len(words) > 1 else (name.strip(), "")


def validated_domain(group: LicenseGroup) -> str:
    """Return the group's validated mail domain, or "" where there is none, or one that is public by now (LG-161)."""
    found = GroupDomain.objects.filter(tenant_id=group.tenant_id, group_id=group.pk, validated_at__isnull=False)
    domain = found.values_list("domain", flat=True).first() or ""
    return "" if is_public(domain) else domain


@transaction.atomic
def resend(*, tenant_id: UUID, group_id: UUID, shown: Mapping[UUID, int], by: Actor) -> list[UUID]:
    """Send invitations again: new link, new 7 days, the old link is dead (LG-59, LG-65). Returns the members."""
    group = lock_group(tenant_id, group_id)
    check_admin(group, by)
    check_license(group)
    rows = current(group, shown)
    if any(row.status != MemberStatus.PENDING for row in rows):
        raise Refused(_("Only invitations can be sent again."), code="not-pending")
    now = timezone.now()
    LicenseGroupMember.objects.filter(tenant_id=tenant_id, pk__in=[row.pk for row in rows]).update(
        generation=F("generation") + 1,
        sent_at=now,
        expires_at=now + VALID,
        mail_state=MailState.PENDING,
        invited_by=by.name[:200],
        seat_wanted_at=None,
        version=F("version") + 1,
    )
    tell("license.invitation-resent", group, rows, by=by, labels={}, own=lambda row: {"after": row.roles})
    return [row.pk for row in rows]


@transaction.atomic
def decline(*, row: LicenseGroupMember, by: Actor) -> None:
    """End an invitation by whoever holds its link (LG-75). `row` as `admission.live_invitation` found it.

    Raises Conflict where it was taken, sent again or ended in the meantime.
    """
    group = lock_group(row.tenant_id, row.group_id)
    mine = LicenseGroupMember.objects.filter(tenant_id=row.tenant_id, pk=row.pk, status=MemberStatus.PENDING)
    if not mine.filter(generation=row.generation).exists():
        raise Conflict(_("This invitation changed in the meantime. Open its link again."), code="invitation-changed")
    end_members(group, [row], "declined")
    tell("license.invitation-declined", group, [row], by=by, labels={}, own=lambda one: {"before": one.roles})


@transaction.atomic
def note_seat_wanted(*, row: LicenseGroupMember) -> None:
    """Remember that an acceptance found no free seat: the group's pages tell its Admins (LG-72)."""
    LicenseGroupMember.objects.filter(
        tenant_id=row.tenant_id, pk=row.pk, status=MemberStatus.PENDING, generation=row.generation
    ).update(seat_wanted_at=timezone.now())
