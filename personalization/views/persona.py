"""My Persona: the own panels, outside every tenant. Who is no User anywhere at this moment gets no further (LG-152)."""

from functools import wraps

from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django_htmx.http import HttpResponseClientRedirect

from accounts.models import Membership
from accounts.people import person_actor
from audit.models import Channel
from config.errors import Conflict, Refused
from config.policy import person_view, public_view
from config.tenancy import tenant_context
from config.ui.responses import confirm, conflict, dialog, done, page
from licensing.access import listed_members
from licensing.models import MemberStatus
from personalization.actions import persona as actions
from personalization.models import MOST_PANELS
from personalization.persona import catalogue
from personalization.persona.access import get_panel, own_panels, place_of
from personalization.persona.drawing import drawn
from personalization.persona.forms import ImportForm, PanelForm, RenameForm
from personalization.persona.layout import MOST_BYTES, SCHEMA_TEXT, LayoutInvalid, document_of, parse

DELETED = "deleted_panel"  # in the session: what Undo brings back
UNDO_SECONDS = 600
MOST_ADMINS = 5  # named to somebody whose licence has run out: enough to ask one of them


def of_user(view):
    """Hand the view `request.owner` and `request.by`, for who is User of a valid licence now; it stands under `person_view`.

    Everybody else reads why, with 403 (LG-10, LG-133); an expired licence leads away, and refuses posts (LG-28, LG-145).
    A refusal rolls back what the view did and is an event where the place is, else in the organisation of the session.
    """

    @wraps(view)
    def gated(request, **kwargs):
        place = place_of(request.user)
        membership = place.membership if place else _membership_of_session(request)
        if membership:
            request.by = person_actor(membership, channel=Channel.SELF_SERVICE, request_id=request.id)
            request.refusal.tenant_id, request.refusal.by = membership.tenant_id, request.by
        if place:
            request.refusal.about = {"license_group_id": place.group.pk}
        else:
            request.refusal.note("persona.own")
            return page(request, "personalization/persona_closed.html", status=403)
        if place.is_expired:
            return _lead_away(request, place)
        request.owner = actions.Owner(request.user.pk, place.tenant.pk, place.member_id)
        try:
            with transaction.atomic():
                return view(request, **kwargs)
        except Refused as error:
            request.refusal.note(error.code)
            return conflict(request, error)

    return gated


def _membership_of_session(request):
    """Return the active membership in the organisation of the session, or None."""
    tenant_id = request.session.get("tenant_id")
    if tenant_id is None:
        return None
    with tenant_context(tenant_id, request.user.pk):
        mine = Membership.objects.filter(tenant_id=tenant_id, user_id=request.user.pk, is_active=True)
        return mine.first()


def _lead_away(request, place):
    """Answer while the licence has expired: a page leads to Settings (Admin) or Home with a notice, a post is refused."""
    text = _("The licence of %(group)s has expired. Your panels are kept, and rest until it is renewed.")
    text %= {"group": place.group.name}
    if request.method not in ("GET", "HEAD"):
        request.refusal.note("license-expired")
        return conflict(request, Refused(text, code="license-expired"))
    with tenant_context(place.tenant.pk, request.user.pk):
        rows = listed_members(place.group).filter(status=MemberStatus.ACTIVE, is_admin=True)
        is_admin = rows.filter(user_id=request.user.pk).exists()
        admins = list(rows.order_by("-is_owner", "last_up", "first_up", "pk")[:MOST_ADMINS])
    names = ", ".join(f"{row.first_name} {row.last_name} ({row.address})".strip() for row in admins)
    messages.warning(request, f"{text} {_('They can have it renewed: %(names)s.') % {'names': names}}")
    slug = request.account_tenant  # where the session is; a group's settings open in its own organisation only
    if is_admin and slug == place.tenant.slug:
        url = reverse("licensing:settings", args=[slug, place.group.pk])
    else:
        url = reverse("personalization:home", args=[slug]) if slug else reverse("accounts:start")
    return HttpResponseClientRedirect(url) if request.htmx else HttpResponseRedirect(url, status=303)


def list_url():
    """Return the address of the own panels."""
    return reverse("persona:panel-list")


@person_view()
@of_user
def panel_list(request):
    """Show the own panels; without any, an empty one (LG-148)."""
    panels = list(own_panels(request.user))
    context = {
        "panels": [(panel, drawn(panel.layout)) for panel in panels],
        "blank": drawn(catalogue.blank()),
        "most": MOST_PANELS,
        "free": MOST_PANELS - len(panels),
        "deleted": _deleted(request, panels),
    }
    return page(request, "personalization/persona.html", context)


def _deleted(request, panels):
    """Return what was deleted a moment ago and can be brought back, or None."""
    kept = request.session.get(DELETED)
    if not kept or kept["at"] < timezone.now().timestamp() - UNDO_SECONDS or len(panels) >= MOST_PANELS:
        return None
    return kept


@person_view(methods=("GET", "POST"))
@of_user
def panel_add(request):
    """Ask for a name and what to begin with, then open the new panel in the editor."""
    panels = list(own_panels(request.user))
    form = PanelForm(request.POST or None, panels=panels)
    if request.method == "POST" and form.is_valid():
        start = form.cleaned_data["start"]
        own = {str(panel.pk): panel.layout for panel in panels}
        layout = own.get(start) or (catalogue.starter() if start == "starter" else catalogue.blank())
        if answer := _create(request, form, form.cleaned_data["name"], layout):
            return answer
    context = {"form": form, "is_full": len(panels) >= MOST_PANELS, "most": MOST_PANELS}
    return dialog(request, "personalization/persona_add.html", context, status=422 if form.errors else 200)


@person_view(methods=("GET", "POST"))
@of_user
def panel_import(request):
    """Ask for a file, and make a panel of it; a file that is no panel is refused with each mistake and its place."""
    form = ImportForm(request.POST or None, request.FILES or None)
    problems = {}
    if request.method == "POST" and form.is_valid():
        upload = form.cleaned_data["file"]
        try:
            name, layout = parse(upload.read(MOST_BYTES + 1))
        except LayoutInvalid as error:
            problems = error.problems
            request.refusal.note(error.code)
            form.add_error("file", error.message)
        else:
            name = form.cleaned_data["name"] or name or _("Imported panel")
            if answer := _create(request, form, name, layout, imported=True):
                return answer
    context = {"form": form, "problems": problems}
    return dialog(request, "personalization/persona_import.html", context, status=422 if form.errors else 200)


def _create(request, form, name, layout, *, imported=False):
    """Make the panel and go to its editor; None where that was refused, with the reason in the form."""
    try:
        with transaction.atomic():
            panel = actions.create_panel(
                owner=request.owner,
                panel_id=form.cleaned_data["submission"],
                name=name,
                layout=layout,
                imported=imported,
                by=request.by,
            )
    except Refused as error:
        request.refusal.show(error, form)
        return None
    message = _("“%(panel)s” is there. Make it the active panel to see it at a device.") % {"panel": panel.name}
    return done(request, reverse("persona:panel", args=[panel.pk]), message=message)


@person_view(methods=("GET", "POST"))
@of_user
def panel_rename(request, pk):
    """Give a panel another name."""
    panel = get_panel(request.user, pk)
    form = RenameForm(request.POST or None, initial={"name": panel.name, "version": panel.version})
    if request.method == "POST" and form.is_valid():
        actions.rename_panel(owner=request.owner, panel=panel, by=request.by, **form.cleaned_data)
        message = _("The panel is called “%(panel)s” now.") % {"panel": form.cleaned_data["name"]}
        return done(request, list_url(), message=message)
    context = {"panel": panel, "form": form}
    return dialog(request, "personalization/persona_rename.html", context, status=422 if form.errors else 200)


@person_view(methods=("POST",))
@of_user
def panel_activate(request, pk):
    """Make a panel the active one (LG-147)."""
    panel = actions.activate_panel(owner=request.owner, panel=get_panel(request.user, pk), by=request.by)
    message = _("“%(panel)s” is the active panel. Devices show it from the next login there.")
    return done(request, list_url(), message=message % {"panel": panel.name})


@person_view(methods=("POST",))
@of_user
def panel_deactivate(request, pk):
    """Let devices show their own panel again."""
    panel = actions.deactivate_panel(owner=request.owner, panel=get_panel(request.user, pk), by=request.by)
    message = _("“%(panel)s” is not active any more. Devices show their own panel from the next login there.")
    return done(request, list_url(), message=message % {"panel": panel.name})


@person_view(methods=("GET", "POST"))
@of_user
def panel_delete(request, pk):
    """Ask, then delete a panel; for a while Undo brings it back."""
    panel = get_panel(request.user, pk)
    answer = confirm(
        request,
        title=_("Delete “%(panel)s”?") % {"panel": panel.name},
        consequence=_("It is the active panel: devices show their own from the next login there.")
        if panel.is_active
        else _("Nothing changes at the devices: it is not the active panel."),
        verb=_("Delete panel"),
        hidden=[("version", panel.version)],
        back=list_url(),
    )
    if answer:
        return answer
    kept = actions.delete_panel(owner=request.owner, panel=panel, version=posted_version(request), by=request.by)
    request.session[DELETED] = kept | {"at": timezone.now().timestamp()}
    return done(request, list_url(), message=_("“%(panel)s” was deleted.") % {"panel": panel.name})


@person_view(methods=("POST",))
@of_user
def panel_bring_back(request):
    """Bring back the panel that was deleted a moment ago."""
    kept = _deleted(request, [])
    if kept is None:
        raise Conflict(_("There is nothing left that could be brought back."), code="nothing-deleted")
    panel = actions.bring_back_panel(owner=request.owner, kept=kept, by=request.by)
    del request.session[DELETED]
    return done(request, list_url(), message=_("“%(panel)s” is back.") % {"panel": panel.name})


@person_view()
@of_user
def panel_export(request, pk):
    """Send a panel as a file that Import reads back as the same panel."""
    panel = get_panel(request.user, pk)
    schema_url = settings.PUBLIC_URL + reverse("persona:panel-schema")
    response = JsonResponse(
        document_of(panel.name, panel.layout, schema_url), json_dumps_params={"indent": 2, "ensure_ascii": False}
    )
    name = slugify(panel.name) or "panel"
    response["Content-Disposition"] = f'attachment; filename="{name}.json"'
    return response


@public_view()
def panel_schema(request):
    """Publish the schema of panels; it is the same for everybody."""
    return HttpResponse(SCHEMA_TEXT, content_type="application/schema+json")


def posted_version(request) -> int:
    """Return the version of the page that was posted; raises Conflict without one."""
    try:
        return int(request.POST.get("version", ""))
    except ValueError as error:
        raise Conflict(_("The form was not complete. Nothing was stored."), code="version-missing") from error
