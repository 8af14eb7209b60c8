"""Verbs of a license group's own settings: name, switches, mail domain (LG-158 to LG-163)."""

from datetime import timedelta
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.addresses import domain_of
from accounts.models import User
from audit.actions import Actor, record
from config.errors import Conflict, Refused
from config.names import check_name
from licensing.actions.rules import check_admin, check_license, lock_group
from licensing.models import GroupDomain, LicenseGroup, MailState
from licensing.public_domains import is_provider, is_suffix

VALID = timedelta(days=7)  # of the mailed link, as of an invitation


@transaction.atomic
def change_settings(
    *,
    tenant_id: UUID,
    group_id: UUID,
    version: int,
    name: str,
    auto_assign_users: bool,
    auto_assign_devices: bool,
    tells_blocked: bool,
    by: Actor,
) -> LicenseGroup:
    """Change name and switches. Raises Conflict for a stale page, Refused with an expired licence (LG-28)."""
    group = lock_group(tenant_id, group_id)
    check_admin(group, by)
    check_license(group)
    _check_version(group, version)
    name = " ".join(check_name(name).split())
    if not 0 < len(name) <= 100:
        raise Refused(_("A name has 1 to 100 characters."), field="name", code="name")
    wanted = {
        "name": name,
        "auto_assign_users": auto_assign_users,
        "auto_assign_devices": auto_assign_devices,
        "tells_blocked": tells_blocked,
    }
    changes = {key: [getattr(group, key), value] for key, value in wanted.items() if getattr(group, key) != value}
    if not changes:
        return group
    if "auto_assign_users" in changes:
        group.assigns_by = by.user_id
    for key, value in wanted.items():
        setattr(group, key, value)
    group.version += 1
    group.save(update_fields=[*wanted, "assigns_by", "name_key", "version"])
    words = [f"{key}: {before} → {after}" for key, (before, after) in changes.items()]
    _tell("licensegroup.changed", group, by, {"changes": words})
    return group


@transaction.atomic
def ask_domain(
    *, tenant_id: UUID, group_id: UUID, domain: str, address: tuple[str, str] | None, by: Actor
) -> GroupDomain:
    """Set the group's mail domain: valid at once where it is the Admin's own, else by a link mailed into it (LG-161).

    domain: as `accounts.addresses.read_domain` returns it; address: (address, key) in that domain, or None where none is
    needed. Raises Refused for public domains, public suffixes and foreign addresses, Conflict where another group
    has it (LG-162).
    """
    group = lock_group(tenant_id, group_id)
    check_admin(group, by)
    is_own = check_domain(group, domain, address, by=by)
    now = timezone.now()
    before = GroupDomain.objects.filter(tenant_id=tenant_id, group_id=group_id).first()
    row = before or GroupDomain(tenant_id=tenant_id, group_id=group_id, generation=0)
    row.domain, row.asked_at, row.asked_by, row.generation = domain, now, by.user_id, row.generation + 1
    row.asked_of = address[0] if address and not is_own else ""
    row.validated_at, row.mail_state = (now, "") if is_own else (None, MailState.PENDING)
    _save(row, domain)
    _tell("licensegroup.domain-validated" if is_own else "licensegroup.domain-asked", group, by, {"domain": domain})
    return row


def check_domain(group: LicenseGroup, domain: str, address: tuple[str, str] | None, *, by: Actor) -> bool:
    """Tell whether the domain is the Admin's own; raise what `ask_domain` raises where it cannot be the group's."""
    check_license(group)
    _check_owned(domain)
    _check_unique(group, domain)
    mine = User.objects.filter(pk=by.user_id) if by.user_id else User.objects.none()
    own = mine.values_list("email_key", flat=True).first()
    is_own = bool(own) and domain_of(own) == domain
    if not is_own and (address is None or domain_of(address[1]) != domain):
        raise Refused(
            _("Enter an address of %(domain)s that can open the link.") % {"domain": domain},
            field="address",
            code="domain-address",
        )
    return is_own


def live_domain(tenant_id: UUID, pair: tuple[UUID, int] | None) -> GroupDomain:
    """Return the unproven domain that a link's (domain, generation) opens now, with its group, or raise Refused "dead"."""
    asked = GroupDomain.objects.select_related("group").filter(
        tenant_id=tenant_id, validated_at=None, asked_at__gt=timezone.now() - VALID
    )
    row = asked.filter(pk=pair[0], generation=pair[1]).first() if pair else None
    if row is None:
        raise Refused(_("This link is no longer valid."), code="dead")
    return row


@transaction.atomic
def confirm_domain(*, tenant_id: UUID, pair: tuple[UUID, int] | None, by: Actor) -> GroupDomain:
    """Validate the domain by the link that was mailed into it in the last 7 days; raises Refused "dead" for every other.

    Raises Conflict where another group was faster (LG-162).
    """
    group = lock_group(tenant_id, live_domain(tenant_id, pair).group_id)
    row = live_domain(tenant_id, pair)
    check_license(group)
    _check_owned(row.domain)
    _check_unique(group, row.domain)
    row.validated_at = timezone.now()
    _save(row, row.domain)
    _tell("licensegroup.domain-validated", group, by, {"domain": row.domain})
    return row


@transaction.atomic
def drop_domain(*, tenant_id: UUID, group_id: UUID, by: Actor) -> None:
    """Take the group's mail domain away; members stay."""
    group = lock_group(tenant_id, group_id)
    check_admin(group, by)
    check_license(group)
    row = GroupDomain.objects.filter(tenant_id=tenant_id, group_id=group_id).first()
    if row:
        row.delete()
        _tell("licensegroup.domain-dropped", group, by, {"domain": row.domain})


def _check_owned(domain):
    """Raise Refused for a domain in which anybody can have an address, or under which anybody can have a domain."""
    if is_provider(domain):
        raise Refused(_("%(domain)s is open to everybody.") % {"domain": domain}, field="domain", code="public-domain")
    if is_suffix(domain):
        raise Refused(
            _("Anybody can have a domain under %(domain)s. Enter the one that is your organisation's own.")
            % {"domain": domain},
            field="domain",
            code="public-suffix",
        )


def _check_unique(group, domain):
    taken = GroupDomain.objects.filter(tenant_id=group.tenant_id, domain=domain, validated_at__isnull=False)
    if taken.exclude(group_id=group.pk).exists():
        raise _taken(domain)


def _taken(domain):
    return Conflict(
        _("%(domain)s belongs to another license group of this organisation.") % {"domain": domain},
        field="domain",
        code="domain-taken",
    )


def _save(row, domain):
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError:
        raise _taken(domain) from None


def _check_version(group, version):
    if group.version != version:
        raise Conflict(
            _("Somebody changed these settings after you opened the page. Look at them and decide again."), code="stale"
        )


def _tell(verb, group, by, labels):
    record(
        verb,
        tenant_id=group.tenant_id,
        by=by,
        subject=group,
        license_group_id=group.pk,
        labels={"license_group": group.name, **labels},
    )
