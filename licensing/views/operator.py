"""The platform operator's pages: license groups of all organisations, what was bought, and who owns it (LG-22, LG-138)."""

import uuid
from datetime import UTC
from functools import wraps

from django.db.models import OuterRef, Subquery
from django.http import HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.access import find_tenant
from accounts.addresses import read_address
from accounts.models import Tenant
from audit.actions import Actor
from audit.models import Channel
from config.errors import Refused
from config.policy import operator_view
from config.tenancy import operator_context, tenant_context
from config.ui.lists import list_page
from config.ui.responses import dialog, done, page
from licensing.access import find_owner, is_expired
from licensing.actions.operator import Purchase, change_purchase, create_group, transfer_ownership
from licensing.group_forms import ChangePurchaseForm, NewGroupForm, TenantForm, TransferForm
from licensing.group_lists import OperatorGroupList
from licensing.models import LicenseGroup, LicenseGroupMember, MemberStatus
from licensing.views.gate import about

MOST_OFFERED = 200  # organisations that the browser completes while a short name is typed


def in_utc(view):
    """Show and read times in UTC, whatever the operator's own zone: purchases of all organisations meet here."""

    @wraps(view)
    def of_utc(request, **kwargs):
        with timezone.override(UTC):
            return view(request, **kwargs)

    return of_utc


@operator_view(methods=("GET",))
@in_utc
def group_list(request):
    """List the license groups of all organisations; a short name leads to adding one there."""
    form = TenantForm(request.GET if "organisation" in request.GET else None)
    if form.is_bound and form.is_valid():
        tenant = find_tenant(form.cleaned_data["organisation"])
        if tenant:
            return HttpResponseRedirect(reverse("operator:license-group-add", args=[tenant.slug]), status=303)
        form.add_error("organisation", _("There is no active organisation with this short name."))
    offered = Tenant.objects.filter(status=Tenant.Status.ACTIVE).order_by("slug").values_list("slug", "name")
    with operator_context() as alias:
        owners = LicenseGroupMember.objects.using(alias).filter(
            tenant_id=OuterRef("tenant_id"), group_id=OuterRef("pk"), is_owner=True
        )
        rows = LicenseGroup.objects.using(alias).annotate(owner_address=Subquery(owners.values("address")[:1]))
        context = {"form": form, "offered": list(offered[:MOST_OFFERED])}
        response = list_page(request, OperatorGroupList, rows, "licensing/operator_list.html", context)
    if form.errors:
        response.status_code = 422
    return response


@operator_view(methods=("GET", "POST"))
@in_utc
def group_add(request, slug):
    """Make the license group of a purchase in an organisation (LG-18)."""
    tenant = _tenant(request, slug)
    form = NewGroupForm(request.POST or None, initial={"submission": uuid.uuid4()})
    if request.method == "POST" and form.is_valid():
        try:
            made = _create(request, tenant, dict(form.cleaned_data))
        except Refused as error:
            request.refusal.show(error, form)
        else:
            message = _("%(group)s was created in %(tenant)s.") % {"group": made.name, "tenant": tenant.name}
            return done(request, _url(tenant.slug, made.pk), message=message)
    context = {"tenant": tenant, "form": form}
    return page(request, "licensing/operator_add.html", context, status=422 if form.errors else 200)


def _create(request, tenant, cleaned):
    with tenant_context(tenant.pk):
        owner, address = find_owner(tenant.pk, cleaned.pop("owner"))
    return create_group(
        tenant_id=tenant.pk,
        owner=owner,
        address=address,
        name=cleaned.pop("name"),
        submission=cleaned.pop("submission"),
        purchase=Purchase(**cleaned),
        by=_actor(request),
    )


@operator_view(methods=("GET", "POST"))
@in_utc
def group(request, slug, pk):
    """Show a license group, and change what was bought (LG-138, LG-139)."""
    tenant = _tenant(request, slug)
    found, owner, members = _found(request, tenant, pk)
    fields = ("plan", "seats", "billing", "frequency", "expires_at", "version")
    form = ChangePurchaseForm(request.POST or None, initial={name: getattr(found, name) for name in fields})
    if request.method == "POST" and form.is_valid():
        cleaned = dict(form.cleaned_data)
        version = cleaned.pop("version")
        try:
            change_purchase(
                tenant_id=tenant.pk, group_id=pk, version=version, purchase=Purchase(**cleaned), by=_actor(request)
            )
        except Refused as error:
            if error.status != 422:
                raise
            request.refusal.show(error, form)
        else:
            return done(request, _url(slug, pk), message=_("The purchase was changed."))
    context = {
        "tenant": tenant,
        "group": found,
        "owner": owner,
        "members": members,
        "form": form,
        "is_expired": is_expired(found),
    }
    return page(request, "licensing/operator_group.html", context, status=422 if form.errors else 200)


@operator_view(methods=("GET", "POST"))
@in_utc
def transfer(request, slug, pk):
    """Make another active member the owner (LG-22); the old one stays Admin."""
    tenant = _tenant(request, slug)
    found, owner, _members = _found(request, tenant, pk)
    form = TransferForm(request.POST or None, initial={"version": found.version})
    if request.method == "POST" and form.is_valid():
        try:
            transfer_ownership(
                tenant_id=tenant.pk,
                group_id=pk,
                member_id=_member_id(tenant, pk, form.cleaned_data["member"]),
                version=form.cleaned_data["version"],
                by=_actor(request),
            )
        except Refused as error:
            if error.status != 422:
                raise
            request.refusal.show(error, form)
        else:
            message = _("%(member)s owns %(group)s now.") % {
                "member": form.cleaned_data["member"],
                "group": found.name,
            }
            return done(request, _url(slug, pk), message=message)
    context = {"tenant": tenant, "group": found, "owner": owner, "form": form}
    return dialog(request, "licensing/operator_transfer.html", context, status=422 if form.errors else 200)


def _actor(request):
    """Return the operator as the organisation's audit trail names them: of no membership, by their own name."""
    name = _("%(name)s (platform operator)") % {"name": request.user.display_name}
    return Actor(id=None, name=name, channel=Channel.WEB, user_id=request.user.pk, request_id=request.id)


def _url(slug, pk):
    return reverse("operator:license-group", args=[slug, pk])


def _tenant(request, slug):
    """Return the organisation of the address; what the operator is refused there stands in its audit trail."""
    tenant = get_object_or_404(Tenant, slug=slug)
    refusal = request.refusal
    refusal.tenant_id, refusal.by, refusal.is_operators = tenant.pk, _actor(request), True
    return tenant


def _found(request, tenant, pk):
    """Return (group, the owner's row, number of active members) of a group of the organisation."""
    with operator_context() as alias:
        group = get_object_or_404(LicenseGroup.objects.using(alias), tenant_id=tenant.pk, pk=pk)
        request.refusal.about = about(group)
        active = LicenseGroupMember.objects.using(alias).filter(
            tenant_id=tenant.pk, group_id=pk, status=MemberStatus.ACTIVE
        )
        return group, active.filter(is_owner=True).first(), active.count()


def _member_id(tenant, pk, typed):
    """Return the active member of the group with a typed address."""
    try:
        _address, key = read_address(typed)
    except Refused as error:
        error.field = "member"
        raise
    with operator_context() as alias:
        active = LicenseGroupMember.objects.using(alias).filter(
            tenant_id=tenant.pk, group_id=pk, address_key=key, status=MemberStatus.ACTIVE
        )
        found = active.values_list("pk", flat=True).first()
    if found is None:
        raise Refused(_("No active member of this group has this address."), field="member", code="not-member")
    return found
