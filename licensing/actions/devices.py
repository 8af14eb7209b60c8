"""Verbs of a license group's devices: adding, enrolling, a new key, removing. A key is returned once and never stored."""

from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from audit.actions import Actor
from config.errors import Conflict, Refused
from config.identifiers import text_key, uuid7
from config.names import check_name
from config.ui.formats import formats
from licensing.actions.auto_assign import NotAdmitted, check_open
from licensing.actions.rules import active, check_admin, check_license, check_number, lock_group, tell
from licensing.device_keys import digest_of, new_key
from licensing.models import Device, LicenseGroup

MOST_DEVICES = 1000  # of a group: its members may enrol devices by themselves
SEEN_EVERY = timedelta(minutes=1)


@transaction.atomic
def add_device(*, tenant_id: UUID, group_id: UUID, device_id: UUID, name: str, by: Actor) -> tuple[Device, str]:
    """Add a device and return it with its key; `device_id` comes with the form, so that sending it twice makes one.

    Raises Conflict for a name that is taken and for a form that was sent before, Refused with an expired licence.
    """
    group = lock_group(tenant_id, group_id)
    check_admin(group, by)
    check_license(group)
    if Device.objects.filter(tenant_id=tenant_id, pk=device_id).exists():
        raise Conflict(
            _("This device is added already, and its key was shown then. If it was not noted, make a new key."),
            code="submission-reused",
        )
    return _insert(group, device_id, name, by=by)


@transaction.atomic
def enrol_device(*, tenant_id: UUID, group_id: UUID, name: str, by: Actor) -> tuple[Device, str]:
    """Let an active member of the group enrol the device they stand at, and return it with its key (LG-140, LG-163).

    Raises NotAdmitted: "not-a-member" (of a group that does not exist, too: ids cannot be probed), "license-expired",
    "devices-by-admins" with the switch off; and Conflict for a name that is taken.
    """
    group = LicenseGroup.objects.select_for_update(no_key=True).filter(tenant_id=tenant_id, pk=group_id).first()
    if group is None or not active(group).filter(user_id=by.user_id).exists():
        raise NotAdmitted(_("You are no member of this license group."), code="not-a-member")
    check_open(group)
    if not group.auto_assign_devices:
        text = _("Only administrators of %(group)s add devices.") % {"group": group.name}
        raise NotAdmitted(text, code="devices-by-admins")
    return _insert(group, uuid7(), name, by=by)


@transaction.atomic
def renew_key(*, tenant_id: UUID, group_id: UUID, device_id: UUID, version: int, by: Actor) -> tuple[Device, str]:
    """Give a device another key and return both; the old key ends at once. Raises Conflict where it was changed since."""
    group = lock_group(tenant_id, group_id)
    check_admin(group, by)
    check_license(group)
    (device,) = _current(group, {device_id: version})
    key = new_key()
    device.key_digest, device.key_by, device.version = digest_of(key), by.user_id, device.version + 1
    device.save(update_fields=["key_digest", "key_by", "version"])
    _tell("device.renewed", group, [device], by=by)
    return device, key


@transaction.atomic
def remove_devices(*, tenant_id: UUID, group_id: UUID, shown: Mapping[UUID, int], by: Actor) -> int:
    """Remove devices, whose keys end at once; return how many. Raises Conflict where one is gone or was changed since.

    shown: {device: version} of the page.
    """
    group = lock_group(tenant_id, group_id)
    check_admin(group, by)
    check_license(group)
    rows = _current(group, shown)
    Device.objects.filter(tenant_id=tenant_id, pk__in=[row.pk for row in rows]).delete()
    _tell("device.removed", group, rows, by=by)
    return len(rows)


@transaction.atomic
def end_keys(*, tenant_id: UUID, by: Actor) -> int:
    """End the key of every device of an organisation at once, as after a restore; return how many devices that are.

    The devices stay: each needs a new key from an Admin of its group.
    """
    ended = 0
    for group in LicenseGroup.objects.filter(tenant_id=tenant_id, pk__in=Device.objects.values("group")).order_by("id"):
        rows = list(Device.objects.select_for_update().filter(tenant_id=tenant_id, group=group).order_by("name_key"))
        for row in rows:
            row.key_digest, row.version = digest_of(new_key()), row.version + 1  # of a key that nobody has seen
            row.key_by = None
        Device.objects.bulk_update(rows, ["key_digest", "key_by", "version"], batch_size=MOST_DEVICES)
        _tell("device.ended", group, rows, by=by)
        ended += len(rows)
    return ended


def note_seen(device: Device) -> None:
    """Keep that a device asked just now, to the minute."""
    now = timezone.now()
    due = Q(last_seen_at=None) | Q(last_seen_at__lt=now - SEEN_EVERY)
    if device.last_seen_at is None or device.last_seen_at < now - SEEN_EVERY:
        Device.objects.filter(due, tenant_id=device.tenant_id, pk=device.pk).update(last_seen_at=now)


def _insert(group, device_id, name, *, by):
    name = " ".join(check_name(name).split())
    if len(name) > 100 or not text_key(name):
        raise Refused(_("A name has 1 to 100 characters."), field="name", code="name")
    mine = Device.objects.filter(tenant_id=group.tenant_id, group_id=group.pk)
    if mine.filter(name_key=text_key(name)).exists():
        raise Conflict(
            _("%(group)s has a device “%(name)s” already.") % {"group": group.name, "name": name},
            field="name",
            code="device-name",
        )
    if mine.count() >= MOST_DEVICES:
        most = formats().integer(MOST_DEVICES)
        raise Refused(_("A license group has at most %(most)s devices.") % {"most": most}, code="too-many-devices")
    key = new_key()
    device = Device(
        pk=device_id,
        tenant_id=group.tenant_id,
        group=group,
        name=name,
        key_digest=digest_of(key),
        key_by=by.user_id,
        added_by=by.name[:200],
        added_at=timezone.now(),
    )
    try:
        with transaction.atomic():
            device.save(force_insert=True)
    except IntegrityError as error:  # a device of another organisation has this id: no form of ours brought it
        raise Refused(_("This form cannot be used again. Open it anew."), code="submission-reused") from error
    _tell("device.added", group, [device], by=by)
    return device, key


def _current(group, shown):
    """Return the devices as they are now, in the order of their names."""
    check_number(len(shown))
    rows = list(
        Device.objects.filter(tenant_id=group.tenant_id, group_id=group.pk, pk__in=list(shown)).order_by("name_key")
    )
    if gone := len(shown) - len(rows):
        text = ngettext(
            "%(count)s of the selected devices is gone. Nothing was done; select again.",
            "%(count)s of the selected devices are gone. Nothing was done; select again.",
            gone,
        )
        raise Conflict(text % {"count": gone}, code="device-gone")
    stale = [row for row in rows if row.version != shown[row.pk]]
    if stale:
        changed, renewed = _("as the page showed it"), _("has another key")
        raise Conflict(
            _(
                "Somebody changed what you selected after you opened this page. Nothing was done; look and decide again."
            ),
            code="stale",
            changes=[(row.name, changed, renewed) for row in stale[:10]],
        )
    return rows


def _tell(verb, group, rows, *, by):
    tell(verb, group, rows, by=by, labels={}, words=("device", "devices"))
