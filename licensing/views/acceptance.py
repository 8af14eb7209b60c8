"""The page behind an invitation's link: accept it with an account or without one, or decline it (LG-68 to LG-76).

Whoever opens it need not be signed in, so each step opens the tenant's context itself. Nothing but a POST accepts.
"""

import math
from uuid import UUID

from allauth.account.internal.flows.login import perform_password_login
from allauth.account.models import Login
from django.contrib import messages
from django.http import HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from accounts import signin, throttle
from accounts.actions import register_local
from accounts.models import Membership
from accounts.origins import origin_of
from accounts.people import person_actor
from accounts.signals import signed_in
from audit.actions import Actor
from config.errors import Refused
from config.policy import public_view, request_context
from config.tenancy import tenant_context
from config.ui.responses import page
from licensing.access import is_expired
from licensing.actions.admission import OWN_GIFT, InvitationDead, accept, end_if_blocked, live_invitation
from licensing.actions.invitations import decline as decline_invitation
from licensing.actions.invitations import note_seat_wanted, split_name
from licensing.invitation_forms import RegistrationForm
from licensing.links import read_invitation
from licensing.mail import inviter_of
from licensing.models import MemberStatus
from licensing.views.visitors import Visitor, accepted_by, visitor_of


@sensitive_post_parameters("password", "password_again")
@public_view(methods=("GET", "POST"))
@sensitive_variables("form")
def invitation(request, *, token):
    """Show what the invitation is about; with POST accept it as the person who is signed in, or register and accept."""
    pair = read_invitation(token)
    try:
        with request_context(request):
            row = live_invitation(request.tenant.pk, pair)
            visitor = visitor_of(request, row)
        if request.method != "POST":
            return _page(request, row, visitor)
        if visitor.can_accept:
            return _accept(request, row, visitor)
        if visitor.can_register:
            return _register(request, row, visitor)
        return _refused(request, row, visitor, Refused(_not_yours(visitor), code="other-address"), status=403)
    except InvitationDead:
        return _dead(request, pair)


@public_view(methods=("POST",))
def decline(request, *, token):
    """End the invitation by whoever holds its link (LG-75)."""
    pair = read_invitation(token)
    try:
        with request_context(request):
            row = live_invitation(request.tenant.pk, pair)
            decline_invitation(row=row, by=_nobody_yet(request, row))
    except InvitationDead:
        return _dead(request, pair)
    return page(request, "licensing/invitation_declined.html", {"invitation": row})


def _page(request, row, visitor, *, form=None, problem=None, status=200):
    context = {
        "invitation": row,
        "inviter": inviter_of(row),
        "visitor": visitor,
        "form": form or (RegistrationForm() if visitor.can_register else None),
        "own_gift": OWN_GIFT if visitor.is_giver else None,
        "problem": problem,
        "is_closed": is_expired(row.group),
        "sign_in_url": f"{reverse('accounts:sign-in', args=[request.tenant.slug])}?{urlencode({'next': request.path})}",
    }
    return page(request, "licensing/invitation.html", context, status=status)


def _dead(request, pair=None):
    """Answer every link that opens nothing in the same words: used, revoked, superseded, expired or never ours.

    Only who has accepted by this very link, and is signed in, reads that instead.
    """
    with request_context(request):
        member = accepted_by(request, pair)
    if member:
        return page(request, "licensing/accepted.html", {"member": member}, status=410)
    return page(request, "licensing/dead.html", {"kind": "invitation"}, status=410)


def _accept(request, row, visitor):
    user, proves = visitor.user, not visitor.user.email_key
    try:
        with request_context(request):
            membership = visitor.membership
            first, last = split_name(membership.name if membership else user.display_name)
            by = person_actor(membership, request_id=request.id) if membership else _new_here(request, user, row)
            accepted = accept(
                tenant_id=request.tenant.pk,
                pair=(row.pk, row.generation),
                user=user,
                membership=membership,
                first_name=first,
                last_name=last,
                leave_other=_ticked_group(request),
                by=by,
            )
            if accepted.status == MemberStatus.ACTIVE and proves:
                _tell_proved(request, user)
    except Refused as error:
        return _refused(request, row, visitor, error)
    if accepted.status != MemberStatus.ACTIVE:
        return _dead(request)
    return _welcome(request, accepted)


def _ticked_group(request):
    """Return the group whose role User the person ticked to give up, or None."""
    try:
        return UUID(request.POST.get("leave_other", ""))
    except ValueError:
        return None


def _tell_proved(request, user):
    """The link has proved an address: what a sign-in does for a verified address is done now (LG-141)."""
    user.refresh_from_db(fields=["email", "email_key"])
    membership = Membership.objects.get(tenant_id=request.tenant.pk, user_id=user.pk)
    membership.user = user
    signed_in.send(sender=Membership, membership=membership, by=person_actor(membership, request_id=request.id))


def _register(request, row, visitor):
    """Make the account, its membership and the session in one transaction: refused means that nothing of it is left."""
    tenant, form = request.tenant, RegistrationForm(request.POST, address=row.address)
    if not form.is_valid():
        return _page(request, row, visitor, form=form, status=422)
    try:
        with tenant_context(tenant.pk):
            attempt = throttle.reserve(tenant_id=tenant.pk, login=row.address, origin=origin_of(request))
    except throttle.Slowed as slowed:
        with tenant_context(tenant.pk):
            signin.note_slowed(tenant_id=tenant.pk, login=row.address, slowed=slowed)
        return _slowed(request, row, visitor, form, slowed.retry_after)
    cleaned, by = form.cleaned_data, _nobody_yet(request, row)
    name = f"{cleaned['first_name']} {cleaned['last_name']}"
    try:
        with request_context(request):
            pair = (row.pk, row.generation)
            if end_if_blocked(tenant_id=tenant.pk, pair=pair, by=by):
                return _dead(request)
            user = register_local(
                tenant_id=tenant.pk,
                address=row.address,
                key=row.address_key,
                name=name,
                password=cleaned["password"],
                by=by,
            )
            accepted = accept(
                tenant_id=tenant.pk,
                pair=pair,
                user=user,
                membership=None,
                first_name=cleaned["first_name"],
                last_name=cleaned["last_name"],
                by=_new_here(request, user, row),
            )
            membership = Membership.objects.get(tenant_id=tenant.pk, user_id=user.pk)
            proof = signin.Proof(membership_id=membership.pk)
            signin.stash(request=request, membership=membership, proof=proof, attempt=attempt)
            response = perform_password_login(request, {}, Login(user=user, redirect_url=_start_url(request)))
    except Refused as error:
        return _refused(request, row, visitor, error, form=form)
    messages.success(request, _joined(accepted))
    return response


def _refused(request, row, visitor, error, *, form=None, status=None):
    """Show the page again with the reason; what was begun is rolled back. Written down for the group's Admins."""
    if isinstance(error, InvitationDead):
        raise error
    if not request.membership:  # who is signed in is told by that name, whoever was invited
        request.refusal.by = _nobody_yet(request, row)
    request.refusal.about = {"subject": row, "license_group_id": row.group_id}
    request.refusal.note(error.code)
    with request_context(request):
        if error.code == "no-seat":
            note_seat_wanted(row=row)
        if visitor.can_accept:  # the role User may have moved since the step began
            visitor = visitor_of(request, row)
    return _page(request, row, visitor, form=form, problem=error.message, status=status or error.status)


def _slowed(request, row, visitor, form, seconds):
    minutes = math.ceil(seconds / 60)
    text = ngettext(
        "Too many attempts. Please try again in %(minutes)d minute.",
        "Too many attempts. Please try again in %(minutes)d minutes.",
        minutes,
    )
    response = _page(request, row, visitor, form=form, problem=text % {"minutes": minutes}, status=429)
    response["Retry-After"] = str(seconds)
    return response


def _nobody_yet(request, row):
    """Return who acts with the link alone: the invited address."""
    return Actor(id=None, name=row.address, request_id=request.id)


def _new_here(request, user, row):
    """Return the account that becomes a member of this organisation by this very step."""
    return Actor(id=None, name=f"{user.display_name} ({row.address})", user_id=user.pk, request_id=request.id)


def _not_yours(visitor):
    if visitor.kind == Visitor.OTHER:
        return _("This invitation is for another address. Nothing was changed.")
    return _("Sign in first. Nothing was changed.")


def _welcome(request, row):
    messages.success(request, _joined(row))
    return HttpResponseRedirect(_start_url(request), status=303)


def _joined(row):
    return _("You are a member of %(group)s now: %(roles)s.") % {"group": row.group.name, "roles": row.roles}


def _start_url(request):
    return reverse("licensing:start", args=[request.tenant.slug])
