"""What the platform operator alone does: make a license group, change its seats, transfer the ownership.

All of it runs on the operator's database role: the application's role cannot write seats, plan or owner (decision 27).
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connections
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.addresses import domain_of
from accounts.models import Membership
from audit.actions import Actor, event
from config.errors import Conflict, Refused
from config.names import check_name
from config.tenancy import operator_context
from licensing.actions.invitations import split_name
from licensing.events import purchase_label
from licensing.models import Billing, LicenseGroup, LicenseGroupMember, MemberStatus
from licensing.public_domains import is_provider

STEP = 5  # licences are bought in steps of five (LG-138)
MOST_SEATS = 1_000_000


@dataclass(frozen=True, slots=True)
class Purchase:
    """What was bought."""

    plan: str
    billing: str
    frequency: str
    seats: int
    expires_at: datetime | None = None


def create_group(
    *,
    tenant_id: UUID,
    owner: Membership,
    address: tuple[str, str],
    purchase: Purchase,
    name: str = "",
    submission: UUID | None = None,
    by: Actor,
) -> LicenseGroup:
    """Make the license group of a purchase with its owner, who is Admin (LG-18, LG-19).

    owner: an active member of the tenant; address: (address, key) under which the owner is listed; name: by default the
    address's domain, or the owner's name where everybody can have such an address (C-11); submission: key for the new
    group, so that a form that is sent twice makes one: the second time the group is returned as it is.
    """
    _check_purchase(purchase)
    name = check_name(name)
    with operator_context() as alias:
        if submission and (made := _made_before(alias, tenant_id, submission)):
            return made
        group = LicenseGroup(
            **({"id": submission} if submission else {}),
            tenant_id=tenant_id,
            name=(" ".join(name.split()) or _default_name(owner, address[1]))[:100],
            plan=purchase.plan,
            billing=purchase.billing,
            frequency=purchase.frequency,
            seats=purchase.seats,
            expires_at=purchase.expires_at,
        )
        group.save(using=alias, force_insert=True)
        first, last = split_name(owner.name)
        now = timezone.now()
        LicenseGroupMember(
            tenant_id=tenant_id,
            group_id=group.pk,
            user_id=owner.user_id,
            address=address[0],
            address_key=address[1],
            first_name=first[:100],
            last_name=last[:100],
            status=MemberStatus.ACTIVE,
            is_admin=True,
            is_owner=True,
            added_at=now,
        ).save(using=alias, force_insert=True)
        labels = {"owner": owner.name, "seats": purchase.seats, "plan": purchase.plan}
        _tell(alias, "licensegroup.created", group, by, labels)
    return group


def change_purchase(*, tenant_id: UUID, group_id: UUID, version: int, purchase: Purchase, by: Actor) -> LicenseGroup:
    """Change seats, plan, billing or expiry (LG-138, LG-139).

    Raises Refused below the seats in use or off the step of five, Conflict for a stale page.
    """
    _check_purchase(purchase)
    with operator_context() as alias:
        group = _locked(alias, tenant_id, group_id, version)
        before = purchase_label(group)
        if purchase.seats < group.used:
            raise Refused(
                ngettext(
                    "%(used)s licence is in use: take the role User from members first.",
                    "%(used)s licences are in use: take the role User from members first.",
                    group.used,
                )
                % {"used": group.used},
                field="seats",
                code="seats-in-use",
            )
        if (purchase.seats - group.seats) % STEP:
            raise Refused(_("Licences change in steps of five."), field="seats", code="seats-step")
        group.plan, group.billing, group.frequency = purchase.plan, purchase.billing, purchase.frequency
        group.seats, group.expires_at, group.version = purchase.seats, purchase.expires_at, group.version + 1
        group.save(using=alias, update_fields=["plan", "billing", "frequency", "seats", "expires_at", "version"])
        labels = {"purchase_before": before, "purchase": purchase_label(group)}
        _tell(alias, "licensegroup.purchase-changed", group, by, labels)
    return group


def transfer_ownership(*, tenant_id: UUID, group_id: UUID, member_id: UUID, version: int, by: Actor) -> LicenseGroup:
    """Make another active member the owner; the old one stays an ordinary Admin (LG-22)."""
    with operator_context() as alias:
        group = _locked(alias, tenant_id, group_id, version)
        members = LicenseGroupMember.objects.using(alias).filter(
            tenant_id=tenant_id, group_id=group_id, status=MemberStatus.ACTIVE
        )
        target = members.filter(pk=member_id).first()
        if target is None:
            raise Refused(_("Choose an active member of the group."), field="member", code="not-member")
        old = members.get(is_owner=True)
        if target.is_owner:
            raise Refused(_("This member owns the group already."), field="member", code="owner")
        members.filter(pk=old.pk).update(is_owner=False, version=old.version + 1)
        members.filter(pk=target.pk).update(is_owner=True, is_admin=True, version=target.version + 1)
        LicenseGroup.objects.using(alias).filter(pk=group.pk).update(version=group.version + 1)
        _tell(alias, "licensegroup.transferred", group, by, {"before": old.address, "after": target.address})
    return group


def _made_before(alias, tenant_id, submission):
    with connections[alias].cursor() as cursor:  # a second post of the same form waits for the first
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [str(submission)])
    made = LicenseGroup.objects.using(alias).filter(pk=submission).first()
    if made and made.tenant_id != tenant_id:
        raise Refused(_("This form was sent before for another organisation. Open it again."), code="submission-reused")
    return made


def _default_name(owner, key):
    if is_provider(domain_of(key)):
        return _("License group of %(name)s") % {"name": owner.name}
    return domain_of(key)


def _check_purchase(purchase):
    if not 0 <= purchase.seats <= MOST_SEATS:
        raise Refused(_("A group has 0 to 1,000,000 licences."), field="seats", code="seats")
    if purchase.billing not in Billing.values:
        raise Refused(_("Choose how the plan is billed."), field="billing", code="billing")
    if not 0 < len(purchase.plan) <= 60:
        raise Refused(_("A plan has a name of 1 to 60 characters."), field="plan", code="plan")
    if purchase.expires_at is not None and not 2000 <= purchase.expires_at.year < 3000:
        raise Refused(_("Choose a time between the years 2000 and 2999."), field="expires_at", code="expires-at")


def _locked(alias, tenant_id, group_id, version):
    found = LicenseGroup.objects.using(alias).select_for_update(no_key=True)
    group = found.filter(tenant_id=tenant_id, pk=group_id).first()
    if group is None or group.version != version:
        raise Conflict(
            _("Somebody changed this license group after you opened the page. Look at it and decide again."),
            code="stale",
        )
    return group


def _tell(alias, verb, group, by, labels):
    row = event(
        verb,
        tenant_id=group.tenant_id,
        by=by,
        subject=group,
        license_group_id=group.pk,
        labels={"license_group": group.name, **labels},
    )
    row.save(using=alias, force_insert=True)
