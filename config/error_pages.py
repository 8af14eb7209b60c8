"""The answers to errors: pages that belong to the product, and JSON for devices."""

import sys

from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from config import api
from config.ui import resend

BACK_IN_SECONDS = "10"  # what Retry-After says while the database is away


def _asks_a_device(request):
    """Say whether the address is one of the device API, whose every answer is JSON."""
    policy = request.resolver_match and getattr(request.resolver_match.func, "policy", None)
    return policy is not None and policy.speaks_json


def bad_request(request, exception=None):
    """Answer 400: the address or the form holds something that no link of ours makes; 413 where it is too large."""
    if isinstance(exception, RequestDataTooBig | TooManyFieldsSent | TooManyFilesSent):
        return HttpResponse(render_to_string("errors/413.html"), status=413)
    return HttpResponse(render_to_string("errors/400.html"), status=400)


def forbidden(request, exception=None):
    """Answer 403 for a visible object or page whose role is missing (decision 24)."""
    return render(request, "errors/403.html", status=403)


def not_found(request, exception=None):
    """Answer 404 with one body for "does not exist" and "not yours to see" (decision 24)."""
    if _asks_a_device(request):
        return api.told(Http404())
    return render(request, "errors/404.html", status=404)


def server_error(request):
    """Answer 500, or 503 while the database is away: stand-alone pages, no query and no person's data."""
    is_away = isinstance(sys.exc_info()[1], OperationalError | InterfaceError)
    if _asks_a_device(request):
        return api.away(BACK_IN_SECONDS) if is_away else api.failed()
    if is_away:
        response = HttpResponse(render_to_string("errors/503.html"), status=503)
        response["Retry-After"] = BACK_IN_SECONDS
        return response
    return HttpResponse(render_to_string("errors/500.html"), status=500)


def csrf_failure(request, reason=""):
    """Answer 403 where the form's token is missing or old; a form of our own pages can be sent again from here."""
    if resend.is_from_here(request):
        return resend.ask(request)
    return HttpResponse(
        render_to_string("errors/403_csrf.html", {"reason": _("The form was open too long or came from elsewhere.")}),
        status=403,
    )
