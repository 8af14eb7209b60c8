"""The device API: what a device shows about itself with its key, enrolling one, and how requests of it are read.

Signing in at a device and the panels shown there belong to personalization (personalization.views.device_api).
"""

from dataclasses import replace
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from accounts import signin
from accounts.forms import SignInForm
from accounts.models import Membership
from accounts.origins import Origin, browser_key, origin_of
from accounts.people import person_actor
from audit import tallies
from audit.actions import Actor, event
from audit.models import Channel, Outcome
from config import api
from config.errors import Refused
from config.policy import device_view
from licensing.actions.devices import enrol_device, note_seen
from licensing.device_keys import find_device
from licensing.models import Device


def device_of(request) -> Device | None:
    """Return the device whose key the request brings, or None; what `device_view` asks for."""
    device = find_device(request.tenant.pk, api.bearer(request))
    if device:
        note_seen(device)
    return device


def origin_at(request, device: Device) -> Origin:
    """Return where a sign-in at a device comes from: the device stands where a browser's signed cookie would (decision 29)."""
    return replace(origin_of(request), browser=device_origin(device))


def origin_without_device(request) -> Origin:
    """Return where a request without a device's key comes from: no cookie counts here."""
    return replace(origin_of(request), browser="")


def device_origin(device: Device) -> str:
    """Return the key under which a device is known to the accounts that signed in at it."""
    return browser_key(f"device {device.pk}")


@sensitive_variables("password")
def credentials(login: str, password: str) -> tuple[str, str]:
    """Return login and password as the sign-in form accepts them; raises Refused 422 where it would not."""
    form = SignInForm({"login": login, "password": password})
    if not form.is_valid():
        raise api.invalid({name: " ".join(errors) for name, errors in form.errors.items()})
    return form.cleaned_data["login"], form.cleaned_data["password"]


def not_signed_in(failed: signin.SignInFailed) -> api.Problem:
    """Return the answer to a sign-in that failed: 403 with the neutral sentence, 429 and 503 with Retry-After."""
    status, code = {422: (403, "not-signed-in"), 429: (429, "slowed"), 503: (503, "directory-away")}[failed.status]
    headers = {"Retry-After": str(failed.retry_after)} if failed.retry_after else None
    return api.Problem(status, code, str(failed.message), headers=headers)


def actor_at(request, membership: Membership) -> Actor:
    """Return the person at the device as the one who acts."""
    return person_actor(membership, channel=Channel.API, request_id=request.id)


def record_refusal(request, by: Actor, reason: str, *, license_group_id: UUID | None = None) -> None:
    """Tell that somebody was refused at a device; inside the tenant's context."""
    labels = {"method": request.method, "path": request.path[:300], "reason": reason}
    row = event(
        "access.refused",
        tenant_id=request.tenant.pk,
        by=by,
        outcome=Outcome.REFUSED,
        license_group_id=license_group_id,
        labels=labels,
    )
    device = getattr(request, "device", None)  # none while one is enrolled
    origin = origin_at(request, device) if device else origin_without_device(request)
    tallies.add(row, origin=origin.sender)


@device_view(methods=("POST",))
@sensitive_variables("posted", "password")
def enrol(request):
    """Add the device at which a member of the group stands, and answer its key, this once (LG-140, LG-163)."""
    posted = api.read_json(request, license_group=str, name=str, login=str, password=str)
    try:
        group_id = UUID(posted["license_group"])
    except ValueError:
        raise api.invalid({"license_group": _("This is no license group ID.")}) from None
    login, password = credentials(posted["login"], posted["password"])

    def enter(membership, proof, attempt):
        by = actor_at(request, membership)
        source, network = signin.opened_by(proof), attempt.origin.network
        signin.succeeded(membership=membership, attempt=attempt, known_as=network, source=source, by=by)
        try:
            with transaction.atomic():
                return enrol_device(tenant_id=request.tenant.pk, group_id=group_id, name=posted["name"], by=by)
        except Refused as error:
            record_refusal(request, by, error.code)
            return error

    origin = origin_without_device(request)
    try:
        made = signin.sign_in(tenant=request.tenant, login=login, password=password, origin=origin, enter=enter)
    except signin.SignInFailed as failed:
        raise not_signed_in(failed) from None
    if isinstance(made, Refused):
        raise made
    device, key = made
    return api.answer({"device": str(device.pk), "key": key}, status=201)
