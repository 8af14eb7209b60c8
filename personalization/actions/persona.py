"""Verbs of My Persona. Panels belong to the account; what happens to them is told where its licence place is."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import User
from audit.actions import Actor, record
from config.errors import Conflict, Refused
from config.names import check_name
from config.tenancy import tenant_context
from licensing.actions.members import note_use
from personalization.models import MOST_PANELS, PersonalUI
from personalization.persona.layout import check


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose panels are changed: the account, and where it is User at this moment."""

    user_id: UUID
    tenant_id: UUID
    member_id: UUID


def create_panel(
    *, owner: Owner, panel_id: UUID, name: str, layout: dict[str, Any], imported: bool = False, by: Actor
) -> PersonalUI:
    """Return a new panel, not active yet; `panel_id` comes with the form, so that sending it twice makes one.

    Raises Refused for the sixth (LG-146) and for a name with invisible characters, LayoutInvalid.
    """
    check(layout)
    name = check_name(name)
    panels = _locked(owner)
    again = next((panel for panel in panels if panel.pk == panel_id), None)
    if again:
        return again
    try:
        with transaction.atomic():
            panel = _insert(owner, panels, id=panel_id, name=name, layout=layout)
    except IntegrityError as error:  # somebody else's panel has this id: no form of ours brought it
        raise Refused(_("This form cannot be used again. Open it anew."), code="submission-reused") from error
    _told("panel.imported" if imported else "panel.created", owner, panel, by=by, tiles=len(layout["tiles"]))
    return panel


def bring_back_panel(*, owner: Owner, kept: dict[str, Any], by: Actor) -> PersonalUI:
    """Return a panel that was just deleted, with its id and content; active again unless another one is.

    `kept` is what `delete_panel` returned. Raises Refused where five others are there now.
    """
    panels = _locked(owner)
    panel_id = UUID(kept["id"])
    if found := next((panel for panel in panels if panel.pk == panel_id), None):
        return found
    is_active = kept["is_active"] and not any(panel.is_active for panel in panels)
    panel = _insert(owner, panels, id=panel_id, name=kept["name"], layout=kept["layout"], is_active=is_active)
    _told("panel.brought-back", owner, panel, by=by)
    return panel


def rename_panel(*, owner: Owner, panel: PersonalUI, name: str, version: int, by: Actor) -> PersonalUI:
    """Give a panel another name; raises Conflict where it was changed since the page was made."""
    name = check_name(name)
    panel = _current(owner, panel, version)
    before = panel.name
    if before != name:
        _update(panel, name=name)
        _told("panel.renamed", owner, panel, by=by, before=before, after=name)
    return panel


def save_layout(*, owner: Owner, panel: PersonalUI, layout: dict[str, Any], version: int, by: Actor) -> PersonalUI:
    """Store a panel's tiles. Raises LayoutInvalid, and Conflict where it was changed since the page was made."""
    check(layout)
    panel = _current(owner, panel, version)
    if panel.layout != layout:
        _update(panel, layout=layout)
        _told("panel.changed", owner, panel, by=by, tiles=len(layout["tiles"]))
    return panel


def activate_panel(*, owner: Owner, panel: PersonalUI, by: Actor) -> PersonalUI:
    """Make a panel the one that devices show; the one that was is none any more (LG-147)."""
    panels = _locked(owner)
    panel = _found(panels, panel)
    was = next((one for one in panels if one.is_active), None)
    if was is None or was.pk != panel.pk:
        if was:
            _update(was, is_active=False)
        _update(panel, is_active=True)
        _told("panel.activated", owner, panel, by=by, before=was.name if was else "")
    return panel


def deactivate_panel(*, owner: Owner, panel: PersonalUI, by: Actor) -> PersonalUI:
    """Let devices show their own panel again."""
    panel = _found(_locked(owner), panel)
    if panel.is_active:
        _update(panel, is_active=False)
        _told("panel.deactivated", owner, panel, by=by)
    return panel


def delete_panel(*, owner: Owner, panel: PersonalUI, version: int, by: Actor) -> dict[str, Any]:
    """Delete a panel for good; return what `bring_back_panel` needs. Raises Conflict where it was changed since."""
    panel = _current(owner, panel, version)
    kept = {"id": str(panel.pk), "name": panel.name, "layout": panel.layout, "is_active": panel.is_active}
    _told("panel.deleted", owner, panel, by=by)
    panel.delete()
    return kept


def _locked(owner: Owner) -> list[PersonalUI]:
    """Return the account's panels; two changes of one account wait for each other at its row."""
    User.objects.select_for_update(no_key=True).only("pk").get(pk=owner.user_id)
    return list(PersonalUI.objects.filter(user_id=owner.user_id).order_by("slot"))


def _found(panels: list[PersonalUI], panel: PersonalUI) -> PersonalUI:
    for one in panels:
        if one.pk == panel.pk:
            return one
    raise Conflict(_("This panel was deleted in the meantime. Nothing was changed."), code="panel-gone")


def _current(owner: Owner, panel: PersonalUI, version: int) -> PersonalUI:
    found = _found(_locked(owner), panel)
    if found.version != version:
        tiles = len(found.layout["tiles"])
        now = ngettext("“%(name)s” with %(count)s tile", "“%(name)s” with %(count)s tiles", tiles)
        changes = [(_("Panel"), _("as the page showed it"), now % {"name": found.name, "count": tiles})]
        raise Conflict(
            _("“%(panel)s” was changed in another window after you opened it. Nothing was stored.")
            % {"panel": found.name},
            code="stale",
            changes=changes,
        )
    return found


def _insert(owner, panels, **columns):
    taken = {panel.slot for panel in panels}
    slot = next((slot for slot in range(1, MOST_PANELS + 1) if slot not in taken), None)
    if slot is None:
        raise Refused(
            _("You have %(most)s panels, and more are not possible. Delete one first.") % {"most": MOST_PANELS},
            code="too-many-panels",
        )
    now = timezone.now()
    return PersonalUI.objects.create(user_id=owner.user_id, slot=slot, created_at=now, updated_at=now, **columns)


def _update(panel, **columns):
    panel.updated_at = timezone.now()
    panel.version += 1
    for name, value in columns.items():
        setattr(panel, name, value)
    panel.save(update_fields=[*columns, "version", "updated_at"])


def _told(verb, owner, panel, *, by, **labels):
    """Write the event where the place is, and keep that the place was used; labels name the panel, never its layout."""
    with tenant_context(owner.tenant_id, owner.user_id):
        record(verb, tenant_id=owner.tenant_id, by=by, subject=panel, labels={"panel": panel.name, **labels})
        note_use(tenant_id=owner.tenant_id, member_id=owner.member_id)
