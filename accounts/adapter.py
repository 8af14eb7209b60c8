"""One gate for every door: whatever proved the identity, allauth's `login` of this adapter opens the session."""

from datetime import timedelta

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from django.conf import settings
from django.contrib import messages
from django.http import HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from accounts import signin
from accounts.models import Tenant
from accounts.origins import address_of
from config.tenancy import tenant_context


class AccountAdapter(DefaultAccountAdapter):
    """No self sign-up; a disabled or locked account is refused after every stage, not only before it (decision 22)."""

    def is_open_for_signup(self, request):
        return False

    def login(self, request, user):
        """Open the session of a proven sign-in: a new key, bound to the tenant, with its event; or refuse."""
        proof = request.session.get(signin.PROOF) or {}
        tenant = Tenant.objects.filter(pk=proof.get("tenant_id"), status=Tenant.Status.ACTIVE).first()
        if tenant is None:
            raise ImmediateHttpResponse(HttpResponseRedirect("/"))
        with tenant_context(tenant.pk, user.pk):
            membership = signin.member_who_may_enter(tenant_id=tenant.pk, user_id=user.pk, pk=proof["membership_id"])
            if membership is None:
                request.session.pop(signin.PROOF)
                raise ImmediateHttpResponse(self._refused(request, tenant))
            user.backend = "accounts.backends.SessionBackend"
            super().login(request, user)
            request.session.pop(signin.PROOF, None)  # gone already where another account was signed in
            self._bind(request, tenant, proof["opened_by"])
            signin.opened(request=request, membership=membership, proof=proof)

    def _bind(self, request, tenant, opened_by):
        now = timezone.now()
        request.session["tenant_id"] = str(tenant.pk)
        request.session["opened_by"] = opened_by
        request.session["opened_at"] = now.isoformat()
        request.session["agent"] = request.headers.get("User-Agent", "")[:300]
        request.session["address"] = address_of(request)
        # At a fixed time, used or not: a relative age would begin anew with every change of the session.
        request.session.set_expiry(now + timedelta(seconds=settings.SESSION_COOKIE_AGE))

    def respond_user_inactive(self, request, user):
        proof = request.session.pop(signin.PROOF, None) or {}
        tenant = Tenant.objects.filter(pk=proof.get("tenant_id")).first()
        return self._refused(request, tenant) if tenant else HttpResponseRedirect("/")

    def add_message(self, *args, **kwargs):
        """Say nothing: the page after a sign-in speaks for itself."""

    def _refused(self, request, tenant):
        messages.error(request, signin.NEUTRAL)
        return HttpResponseRedirect(reverse("accounts:sign-in", args=[tenant.slug]))
