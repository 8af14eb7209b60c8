"""The device API of people: signing in at a device, and the own panels there (LG-07, LG-147, LG-149, LG-150).

A device brings its key, and for everything but the sign-in the token that the sign-in gave. Nothing of a sign-in is kept
but the token: there is no session, and each request asks anew who is User of the device's group.
"""

import json
from functools import wraps
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from accounts import signin
from accounts.models import Membership
from config import api
from config.errors import Refused
from config.identifiers import uuid7
from config.policy import device_view
from config.tenancy import tenant_context
from licensing.actions.auto_assign import NotAdmitted, assign_at_device, check_open, no_place
from licensing.actions.members import note_use
from licensing.device_keys import person_token, read_token
from licensing.models import LicenseGroupMember, MemberStatus
from licensing.views.device_api import (
    actor_at,
    credentials,
    device_of,
    device_origin,
    not_signed_in,
    origin_at,
    record_refusal,
)
from personalization.actions import persona as actions
from personalization.models import PersonalUI
from personalization.persona.access import get_panel, own_panels
from personalization.persona.catalogue import is_usable
from personalization.persona.layout import LayoutInvalid, check, read_text

TOKEN_HEADER = "X-Person-Token"  # noqa: S105 - the name of a header
NOTHING = type(None)
MOST_FEATURES = 50
PARTS = ("version", "grid", "tiles")  # of a layout; a document may hold a name besides


@device_view(device_of, methods=("POST",))
@sensitive_variables("posted", "password")
def sign_in(request):
    """Prove who somebody at the device is, admit them where auto-assign may (LG-141), and answer their active panel."""
    device = request.device
    check_open(device.group)
    posted = api.read_json(request, login=str, password=str, features=(list, NOTHING))
    features = _features(posted["features"])
    login, password = credentials(posted["login"], posted["password"])

    def enter(membership, proof, attempt):
        by = actor_at(request, membership)
        refused = _assign(device, membership, by)  # before other apps hear of it: the device's group comes first
        signin.succeeded(
            membership=membership,
            attempt=attempt,
            known_as=device_origin(device),
            source=signin.opened_by(proof),
            by=by,
            verb="device.signed-in",
            labels={"device": device.name, "license_group": device.group.name},
            license_group_id=device.group_id,
        )
        if refused:
            record_refusal(request, by, refused.code, license_group_id=device.group_id)
            return refused
        with tenant_context(request.tenant.pk, membership.user_id):
            return membership, _active_panel(membership.user)

    try:
        found = signin.sign_in(
            tenant=request.tenant, login=login, password=password, origin=origin_at(request, device), enter=enter
        )
    except signin.SignInFailed as failed:
        raise not_signed_in(failed) from None
    if isinstance(found, Refused):
        raise found
    membership, panel = found
    token, ends_at = person_token(device, membership.user)
    return api.answer(
        {
            "person": membership.name,
            "token": token,
            "expires": ends_at.isoformat(timespec="seconds"),
            "panel": _shown(panel, features) if panel else None,
        }
    )


def _assign(device, membership, by):
    """Make the person User of the device's group where they may be; return the refusal where they are not, or None."""
    try:
        with transaction.atomic():
            assign_at_device(device=device, membership=membership, by=by)
    except NotAdmitted as refused:
        return refused
    return None


def of_person(view):
    """Hand the view `request.person`, `request.owner` and `request.by` of the token; it stands under `device_view`.

    It runs in one transaction, in which the person's own panels can be read; a refusal rolls it back and is an event.
    """

    @wraps(view)
    def at_device(request, **kwargs):
        device = request.device
        check_open(device.group)
        tenant_id = request.tenant.pk
        user = read_token(device, request.headers.get(TOKEN_HEADER, ""))
        if user is None:
            raise _over()
        with tenant_context(tenant_id, user.pk):
            membership = Membership.objects.filter(tenant_id=tenant_id, user_id=user.pk, is_active=True).first()
            if membership is None:
                raise _over()
            membership.user = user
            request.person, request.by = user, actor_at(request, membership)
            try:
                with transaction.atomic():
                    place = _place(device, user)
                    request.owner = actions.Owner(user.pk, tenant_id, place.pk)
                    response = view(request, **kwargs)
                    note_use(tenant_id=tenant_id, member_id=place.pk)
                    return response
            except Refused as error:
                record_refusal(request, request.by, error.code, license_group_id=device.group_id)
                refused = error
        raise refused

    return at_device


def _over():
    return api.Unknown("person-token", _("This sign-in at the device is over. Sign in again."))


def _place(device, user):
    """Return the person's membership as User of the device's group at this moment (LG-10, LG-133)."""
    place = LicenseGroupMember.objects.filter(
        tenant_id=device.tenant_id,
        group_id=device.group_id,
        user_id=user.pk,
        status=MemberStatus.ACTIVE,
        is_user=True,
    ).first()
    if place is None:
        raise no_place(device.group)
    return place


@device_view(device_of)
@of_person
def active_panel(request):
    """Answer the active panel as it is now, or null: the device shows its own then (LG-147, LG-149)."""
    features = _asked_features(request)
    panel = _active_panel(request.person)
    return api.answer({"panel": _shown(panel, features) if panel else None})


@device_view(device_of, methods=("GET", "POST"))
@of_person
def panels(request):
    """Answer the own panels, or store a new one; with an `id` of the device's own, sending it twice makes one."""
    if request.method != "POST":
        features = _asked_features(request)
        return api.answer({"panels": [_shown(panel, features) for panel in own_panels(request.person)]})
    posted = api.read_json(request, name=str, layout=dict, id=(str, NOTHING))
    name, layout = posted["name"].strip(), _layout(posted["layout"])
    _check_name(name)
    panel = actions.create_panel(
        owner=request.owner, panel_id=_new_id(posted["id"]), name=name, layout=layout, by=request.by
    )
    return api.answer({"panel": _shown(panel, None)}, status=201)


@device_view(device_of, methods=("GET", "PUT", "DELETE"))
@of_person
def panel(request, pk):
    """Answer one of the own panels, change its name or tiles, or delete it; changes name the version they are about."""
    found = get_panel(request.person, pk)
    if request.method == "PUT":
        return api.answer({"panel": _shown(_change(request, found), None)})
    if request.method == "DELETE":
        actions.delete_panel(owner=request.owner, panel=found, version=_asked_version(request), by=request.by)
        return api.answer({"deleted": str(pk)})
    return api.answer({"panel": _shown(found, _asked_features(request))})


def _change(request, found):
    posted = api.read_json(request, version=int, name=(str, NOTHING), layout=(dict, NOTHING))
    if posted["name"] is None and posted["layout"] is None:
        raise api.missing("layout")
    change = {"owner": request.owner, "panel": found, "by": request.by}
    version = posted["version"]
    if posted["name"] is not None:
        name = posted["name"].strip()
        _check_name(name)
        version = actions.rename_panel(**change, name=name, version=version).version
    if posted["layout"] is not None:
        return actions.save_layout(**change, layout=_layout(posted["layout"]), version=version)
    return get_panel(request.person, found.pk)


@device_view(device_of, methods=("POST",))
@of_person
def activate(request, pk):
    """Make one of the own panels the active one (LG-147)."""
    found = actions.activate_panel(owner=request.owner, panel=get_panel(request.person, pk), by=request.by)
    return api.answer({"panel": _shown(found, None)})


def _active_panel(user):
    return own_panels(user).filter(is_active=True).first()


def _shown(panel: PersonalUI, features: frozenset[str] | None) -> dict:
    """Return a panel as devices get it: tiles whose feature is not among `features` are left out and named (LG-150).

    None: the device did not say what it has, and gets everything. What is to be changed is fetched so.
    """
    tiles = panel.layout["tiles"]
    kept = tiles if features is None else [tile for tile in tiles if is_usable(tile, features)]
    return {
        "id": str(panel.pk),
        "name": panel.name,
        "active": panel.is_active,
        "version": panel.version,
        "updated": panel.updated_at.isoformat(timespec="seconds"),
        "layout": panel.layout | {"tiles": kept},
        "left_out": [tile["id"] for tile in tiles if tile not in kept],
    }


def _features(named) -> frozenset[str] | None:
    if named is None:
        return None
    if len(named) > MOST_FEATURES or not all(isinstance(one, str) for one in named):
        raise api.invalid({"features": _("Must be a list of at most %(most)s words.") % {"most": MOST_FEATURES}})
    return frozenset(named)


def _asked_features(request) -> frozenset[str] | None:
    """Return the features of `?features=copy,scan`, or None where the address does not name any."""
    asked = request.GET.get("features")
    return None if asked is None else _features([word.strip() for word in asked.split(",")])


def _asked_version(request) -> int:
    asked = request.GET.get("version", "")
    if not asked.isdecimal() or len(asked) > 9:
        raise api.missing("version")
    return int(asked)


def _new_id(text):
    if text is None:
        return uuid7()
    try:
        return UUID(text)
    except ValueError:
        raise api.invalid({"id": _("This is no UUID.")}) from None


def _layout(document):
    """Return the parts of a layout; read once more as a file is, with the same limits and the same whole numbers."""
    layout = read_text(json.dumps(document, ensure_ascii=False))
    unknown = layout.keys() - set(PARTS)
    if unknown:
        raise LayoutInvalid({name[:40]: _("“%(name)s” is not known here.") % {"name": name[:40]} for name in unknown})
    check(layout)
    return layout


def _check_name(name):
    """Raise LayoutInvalid for a name that the schema of panels refuses."""
    check({"version": 1, "name": name, "grid": {"columns": 2, "rows": 2}, "tiles": []})
