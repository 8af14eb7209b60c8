"""The tab Devices of a license group: which devices ask for it, and their keys (LG-165: list, add, remove, filter)."""

from uuid import UUID

from django.core.exceptions import BadRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django_htmx.http import trigger_client_event

from config.errors import Refused
from config.policy import console_view
from config.ui.formats import formats
from config.ui.lists import list_page
from config.ui.responses import confirm, dialog, done
from config.ui.selection import read_selection, read_versions, write_versions
from licensing.access import get_device, listed_devices
from licensing.actions.devices import add_device, remove_devices, renew_key
from licensing.actions.rules import check_number
from licensing.device_forms import DeviceForm
from licensing.links import absolute
from licensing.lists import DeviceList
from licensing.models import Device, LicenseGroup
from licensing.views.chosen import TYPED_FROM, row_and_selection
from licensing.views.effects import named
from licensing.views.gate import with_group

READ, WRITE = "licensing.view", "licensing.change"


@console_view(READ)
@with_group
def device_list(request, group):
    """List the group's devices."""
    context = {"group": group, "section": "devices"}
    return list_page(request, DeviceList, listed_devices(group), "licensing/device_list.html", context)


def _list_url(request, group):
    return reverse("licensing:device-list", args=[request.tenant.slug, group.pk])


@console_view(WRITE, methods=("GET", "POST"))
@with_group
def device_add(request, group):
    """Ask for a name, then add the device and show its key, this once.

    The answer is the page with the key and no redirect: the key is kept nowhere, not even for the next request. Sending
    the form again finds the device that it made.
    """
    form = DeviceForm(request.POST if request.method == "POST" else None)
    status = 200
    if form.is_valid():
        try:
            device, key = add_device(
                tenant_id=request.tenant.pk,
                group_id=group.pk,
                device_id=form.cleaned_data["submission"],
                name=form.cleaned_data["name"],
                by=request.actor,
            )
        except Refused as error:
            if error.code == "submission-reused":
                raise
            request.refusal.show(error, form)
            status = error.status
        else:
            return _show_key(request, group, device, key)
    elif form.errors:
        status = 422
    context = {"group": group, "form": form, "back": _list_url(request, group)}
    return dialog(request, "licensing/device_add.html", context, status=status)


@console_view(WRITE, methods=("GET", "POST"))
@with_group
def device_renew(request, group, pk):
    """Ask, then give the device another key and show it, this once."""
    shown = _shown(request, group, pk)
    answer = confirm(
        request,
        title=_("New key for %(name)s?") % {"name": _name_of(group, pk)},
        consequence=_(
            "The key that it has now ends at once, and whoever is signed in at it. The new key is shown once."
        ),
        verb=_("Make a new key"),
        hidden=[("shown", write_versions(shown))],
        back=_list_url(request, group),
        danger=False,
    )
    if answer:
        return answer
    device, key = renew_key(
        tenant_id=request.tenant.pk, group_id=group.pk, device_id=pk, version=shown[pk], by=request.actor
    )
    return _show_key(request, group, device, key)


def _show_key(request, group: LicenseGroup, device: Device, key: str):
    address = absolute("licensing:device-enrol", request.tenant.slug).removesuffix("enrol/")
    context = {"group": group, "device": device, "key": key, "address": address, "back": _list_url(request, group)}
    response = dialog(request, "licensing/device_key.html", context)
    return trigger_client_event(response, f"{DeviceList.name}-changed", {}) if request.htmx else response


def _shown(request, group, pk: UUID) -> dict[UUID, int]:
    """Return {device: version} of the one device of the address, as the page showed it."""
    if not _carries_versions(request):
        return {pk: get_device(group, pk).version}
    shown = read_versions(request.POST["shown"])
    if list(shown) != [pk]:
        raise BadRequest("another device")
    return shown


def _selected(request, group) -> dict[UUID, int]:
    """Return {device: version} of the rows that the bulk bar or, after it, its dialog has posted."""
    if _carries_versions(request):
        return read_versions(request.POST["shown"])
    selection = read_selection(request, DeviceList, listed_devices(group))
    check_number(selection.count)
    return dict(selection.queryset.order_by("name_key").values_list("pk", "version"))


def _carries_versions(request):
    """Tell whether the post says which versions its page showed; what is confirmed must."""
    if "shown" not in request.POST and request.POST.get("confirmed") == "yes":
        raise BadRequest("versions missing")
    return "shown" in request.POST


def _name_of(group, pk):
    """Return the device's name, "" where it is gone: the action says so then."""
    return listed_devices(group).filter(pk=pk).values_list("name", flat=True).first() or ""


def _remove(request, group, shown):
    count = len(shown)
    names = list(listed_devices(group).filter(pk__in=list(shown)).order_by("name_key").values_list("name", flat=True))
    words = {"name": names[0] if names else "", "count": formats().integer(count)}
    answer = confirm(
        request,
        title=ngettext("Remove the device %(name)s?", "Remove %(count)s devices?", count) % words,
        consequence=ngettext(
            "Its key ends at once, and whoever is signed in at it. Nobody loses a panel or a licence.",
            "Their keys end at once, and whoever is signed in at them. Nobody loses a panel or a licence.",
            count,
        ),
        verb=_("Remove"),
        details=named(names) if count > 1 else (),
        hidden=[("shown", write_versions(shown))],
        typed=count if count >= TYPED_FROM else None,
        back=_list_url(request, group),
    )
    if answer:
        return answer
    removed = remove_devices(tenant_id=request.tenant.pk, group_id=group.pk, shown=shown, by=request.actor)
    message = ngettext("%(name)s is removed.", "%(count)s devices are removed.", removed) % words
    return done(request, _list_url(request, group), message=message, changed=DeviceList.name)


device_remove, devices_remove = row_and_selection(WRITE, _remove, of_row=_shown, of_selection=_selected)
