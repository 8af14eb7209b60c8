"""Headers on every answer, and the product's own pages for conflicts."""

import uuid

import structlog

from config.errors import Refused
from config.ui.responses import conflict


class HeadersMiddleware:
    """Headers that django-csp and Django's SecurityMiddleware do not set, and the request id for logs and events."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        request.id = uuid.uuid4()
        structlog.contextvars.bind_contextvars(request_id=str(request.id))
        response = self.get_response(request)
        response["X-Request-ID"] = str(request.id)
        response.setdefault("X-Frame-Options", "DENY")
        response.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        response.setdefault("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
        if not response.has_header("Cache-Control"):
            response["Cache-Control"] = "no-store"
        return response


class ErrorPageMiddleware:
    """Turn a refusal that no form has caught into its page."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_exception(self, request, exception):
        return conflict(request, exception) if isinstance(exception, Refused) else None
