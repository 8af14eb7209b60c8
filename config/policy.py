"""Who may open a view: each view wears exactly one of these decorators, and a sweep reads what they declare."""

from dataclasses import dataclass
from functools import wraps

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt

from config import api
from config.tenancy import streamed, tenant_context
from config.ui import resend

TASK_PANEL = "task-list"
OPERATOR = "operator"  # declared by the pages of the platform operator (decision 27)
ACCOUNT = "account"  # declared by pages of an account outside every tenant
DEVICE = "device"  # declared by addresses that a device opens with its key
STOP_POLLING = 286  # htmx: swap as usual and ask no more


@dataclass(frozen=True, slots=True)
class Policy:
    """The declared verdict of one view: `permission` is None for a public one."""

    permission: str | None
    methods: tuple[str, ...]
    outside: bool = False
    speaks_json: bool = False  # errors too


def request_context(request):
    """Open the tenant context of a request; `request.tenant` is set by the tenant middleware."""
    return tenant_context(request.tenant.pk, request.user.pk)


def _gate(request, permission):
    """Return an answer that ends the request, or None; raise PermissionDenied where the person lacks the permission."""
    if not request.membership:
        return _signed_out(request)
    if not request.rights.may(permission):
        raise PermissionDenied(permission)
    return None


def _signed_out(request):
    """Answer without a session so that nothing typed is lost: a page leads to the sign-in, a form can be sent again."""
    address = reverse("accounts:sign-in", args=[request.tenant.slug])
    if request.method not in ("GET", "HEAD"):
        return resend.ask(request, sign_in_url=address)
    if request.htmx.target == TASK_PANEL:  # asks by itself, beside a form that somebody may be filling in
        return HttpResponse(status=STOP_POLLING, headers={"HX-Reswap": "none"})
    address += "?" + urlencode({"next": request.get_full_path()})
    if not request.htmx:
        return HttpResponseRedirect(address)
    answer = HttpResponseRedirect(address, status=200)
    answer["HX-Redirect"] = address
    return answer


def _finish(request, response):
    if not response.has_header("Cache-Control"):
        response["Cache-Control"] = "no-store"
    patch_vary_headers(response, ["HX-Request", "Cookie"])
    if response.status_code >= 500:
        transaction.set_rollback(True)
    if response.streaming:
        response.streaming_content = streamed(response.streaming_content, request.tenant.pk, request.user.pk)
    return response


def _declared(view, policy):
    view.policy = policy
    return view


def _takes(methods, method):
    """Say whether a view takes a method; what answers GET answers HEAD."""
    return method in methods or method == "HEAD" and "GET" in methods


def console_view(permission, *, methods=("GET",), outside=False):
    """Make a view of a tenant: signed in, with the permission, inside the tenant's transaction.

    The view is called as `view(request, **kwargs)` without the tenant's slug. An exception or a status of 500 and more
    rolls back everything the request did. `outside=True` is for views that talk to a directory: the gate runs in a
    short transaction, the view opens its own with `request_context`.
    """

    def decorate(view):
        @wraps(view)
        def console(request, *, tenant, **kwargs):
            if not _takes(methods, request.method):
                return method_not_allowed(methods)
            if outside:
                with request_context(request):
                    answer = _gate(request, permission)
                if answer:
                    return answer
                response = view(request, **kwargs)
                response.setdefault("Cache-Control", "no-store")
                patch_vary_headers(response, ["HX-Request", "Cookie"])
                return response
            with request_context(request):
                return _finish(request, _gate(request, permission) or view(request, **kwargs))

        return _declared(console, Policy(permission, tuple(methods), outside))

    return decorate


def _nobody(request):
    """Answer without an account: a page leads to the start page, a form can be sent again after signing in there."""
    address = reverse("accounts:start")
    if request.method not in ("GET", "HEAD"):
        return resend.ask(request, sign_in_url=address)
    if request.htmx:
        return HttpResponse(status=204, headers={"HX-Redirect": address})
    return HttpResponseRedirect(address, status=303)


def _account_pages(request, methods, permission, view, kwargs):
    """Run a view outside every tenant for whoever is signed in with an account that may act."""
    if not _takes(methods, request.method):
        return method_not_allowed(methods)
    person = request.user
    able = person.is_authenticated and person.is_active and person.locked_at is None
    if permission == OPERATOR and not (able and person.is_operator):
        raise Http404
    if not able:
        return _nobody(request)
    with tenant_context(None, person.pk):
        request.enter_account()  # name, navigation, time zone and language of the account
        response = view(request, **kwargs)
        response.setdefault("Cache-Control", "no-store")
        patch_vary_headers(response, ["HX-Request", "Cookie"])
        if response.status_code >= 500:
            transaction.set_rollback(True)
        return response


def person_view(*, methods=("GET",)):
    """Make a view of the signed-in account outside every tenant, such as My Persona; others are led to the start page."""

    def decorate(view):
        @wraps(view)
        def of_person(request, **kwargs):
            return _account_pages(request, methods, ACCOUNT, view, kwargs)

        return _declared(of_person, Policy(ACCOUNT, tuple(methods)))

    return decorate


def operator_view(*, methods=("GET",)):
    """Make a view of the platform operator; for everybody else the address does not exist (decisions 24 and 27)."""

    def decorate(view):
        @wraps(view)
        def of_operator(request, **kwargs):
            return _account_pages(request, methods, OPERATOR, view, kwargs)

        return _declared(of_operator, Policy(OPERATOR, tuple(methods)))

    return decorate


def public_view(*, methods=("GET",)):
    """Make a view that anybody may open. Under a tenant's address it runs outside any transaction."""

    def decorate(view):
        @wraps(view)
        def public(request, **kwargs):
            if not _takes(methods, request.method):
                return method_not_allowed(methods)
            kwargs.pop("tenant", None)
            response = view(request, **kwargs)
            response.setdefault("Cache-Control", "no-store")
            return response

        return _declared(public, Policy(None, tuple(methods), outside=True))

    return decorate


def device_view(identify=None, *, methods=("GET",)):
    """Make an address of the device API: JSON in and out, outside any transaction, for devices and not for browsers.

    `identify(request)` returns the device of the request's key, or None for a key that opens nothing; it runs inside the
    tenant's context, and the view gets `request.device`. Without it the address is open to everybody who brings a login
    and a password. No cookie counts here, so no form token is asked for: who has a session is nobody.
    """

    def decorate(view):
        @wraps(view)
        def of_device(request, *, tenant, **kwargs):
            if not _takes(methods, request.method):
                return api.wrong_method(methods)
            request.user, request.membership = AnonymousUser(), None
            try:
                if identify:
                    with tenant_context(request.tenant.pk):
                        request.device = identify(request)
                    if request.device is None:
                        raise api.Unknown("device-key", _("The key of this device is not known here."))
                return view(request, **kwargs)
            except Exception as error:
                return api.told(error)

        policy = Policy(DEVICE if identify else None, tuple(methods), outside=True, speaks_json=True)
        return _declared(csrf_exempt(of_device), policy)

    return decorate


def method_not_allowed(methods):
    """Return 405 with the Allow header (RFC 9110, 15.5.6), as a page: an address of a form is easily opened anew."""
    return HttpResponseNotAllowed(methods, render_to_string("errors/405.html"))
