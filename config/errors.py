"""Errors that a person sees: what actions raise, and the pages that answer."""

import sys

from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.db import InterfaceError, OperationalError
from django.http import HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from config.ui import resend


class Refused(Exception):
    """An action refused by a rule: nothing has changed.

    `message` is a translated sentence that says what is wrong and what to do; `field` names the form's field, or None;
    `code` is a stable word for tests and the web service; `problems` says what is wrong with each of several inputs.
    """

    status = 422

    def __init__(self, message, *, field=None, code="refused", problems=None):
        super().__init__(code)
        self.message, self.field, self.code = message, field, code
        self.problems = problems or {}


class Conflict(Refused):
    """The page was stale or a rule about others forbids it (409): `changes` lists (what, before, now) since it was shown."""

    status = 409

    def __init__(self, message, *, field=None, code="conflict", changes=()):
        super().__init__(message, field=field, code=code)
        self.changes = tuple(changes)


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
    return render(request, "errors/404.html", status=404)


def server_error(request):
    """Answer 500, or 503 while the database is away: stand-alone pages, no query and no person's data."""
    if isinstance(sys.exc_info()[1], OperationalError | InterfaceError):
        response = HttpResponse(render_to_string("errors/503.html"), status=503)
        response["Retry-After"] = "10"
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
