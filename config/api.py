"""JSON in and out: what addresses for machines read and how they answer; an error is {"error": code, "message": sentence}."""

import json
from typing import Any

from django.core.exceptions import BadRequest, PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.http import Http404, HttpRequest, JsonResponse
from django.utils.translation import gettext as _

from config.errors import Refused

MOST_BYTES = 256 * 1024  # of a request's body


class Problem(Exception):
    """An answer other than a success: status, a stable word for programs, a sentence for people, and headers."""

    def __init__(self, status: int, code: str, message: str, *, headers: dict[str, str] | None = None):
        super().__init__(code)
        self.status, self.code, self.message, self.headers = status, code, message, headers or {}


class Unknown(Problem):
    """The key or token of a request opens nothing (any more): 401 with the challenge that RFC 6750 asks for."""

    def __init__(self, code: str, message: str):
        super().__init__(401, code, message, headers={"WWW-Authenticate": "Bearer"})


def answer(payload: dict[str, Any], *, status: int = 200, headers: dict[str, str] | None = None) -> JsonResponse:
    """Answer with an object; nothing on the way may keep it."""
    response = JsonResponse(payload, status=status, headers=headers, json_dumps_params={"ensure_ascii": False})
    response["Cache-Control"] = "no-store"
    return response


def told(error: Exception) -> JsonResponse:
    """Answer an error that a view let through; one that is none of ours is raised again.

    `problems` says what is wrong with each of several inputs, as {field or path: sentence}.
    """
    if isinstance(error, Problem):
        return _error(error.status, error.code, error.message, headers=error.headers)
    if isinstance(error, Refused):
        problems = error.problems or ({error.field: error.message} if error.field else {})
        return _error(error.status, error.code, error.message, problems=problems)
    if isinstance(error, Http404):
        return _error(404, "not-found", _("This does not exist, or it is not yours to see."))
    if isinstance(error, PermissionDenied):
        return _error(403, "forbidden", _("You may not do this."))
    if isinstance(error, RequestDataTooBig):
        return _error(400, "too-large", _("The request is larger than %(most)s kB.") % {"most": MOST_BYTES // 1024})
    if isinstance(error, BadRequest | SuspiciousOperation):
        return _error(400, "bad-request", _("The request could not be read."))
    raise error


def wrong_method(methods: tuple[str, ...]) -> JsonResponse:
    """Answer 405 with the Allow header (RFC 9110, 15.5.6)."""
    text = _("This address takes %(methods)s.") % {"methods": ", ".join(methods)}
    return _error(405, "wrong-method", text, headers={"Allow": ", ".join(methods)})


def failed() -> JsonResponse:
    """Answer 500 and tell nothing of the error."""
    return _error(500, "internal", _("Something went wrong here. Nothing was changed."))


def away(seconds: str) -> JsonResponse:
    """Answer 503 while the database is away, with the seconds after which to ask again."""
    text = _("Roamkeep is not available right now. Ask again in a moment.")
    return _error(503, "unavailable", text, headers={"Retry-After": seconds})


def _error(status, code, message, *, problems=None, headers=None):
    payload: dict[str, Any] = {"error": code, "message": str(message)}
    if problems:
        payload["problems"] = {field: str(sentence) for field, sentence in problems.items()}
    return answer(payload, status=status, headers=headers)


def bearer(request: HttpRequest) -> str:
    """Return the token of `Authorization: Bearer …`, or "" (RFC 6750, 2.1)."""
    scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def read_json(request: HttpRequest, **fields: type | tuple[type, ...]) -> dict[str, Any]:
    """Return the fields of the posted object, each of its type; one that may be None may be missing.

    Raises Problem 400 for what is no JSON object or too large, Refused 422 for missing, mistyped and unknown fields.
    """
    found = _object_of(request)
    problems = {name: _("This field is not known here.") for name in sorted(found.keys() - fields.keys())}
    values = {}
    for name, kind in fields.items():
        kinds = kind if isinstance(kind, tuple) else (kind,)
        value = values[name] = found.get(name)
        if type(value) in kinds:
            continue
        problems[name] = _("This field is missing.") if value is None else _("This field has another type.")
    if problems:
        raise invalid({name[:60]: text for name, text in list(problems.items())[:20]})
    return values


def invalid(problems: dict[str, str]) -> Refused:
    """Return the refusal (422) of a request whose fields have these problems."""
    return Refused(_("The request has mistakes. Nothing was done."), code="invalid", problems=problems)


def missing(name: str) -> Refused:
    """Return the refusal of a request without one of its fields."""
    return invalid({name: _("This field is missing.")})


def _object_of(request):
    try:
        length = int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        length = 0
    if length > MOST_BYTES or len(request.body) > MOST_BYTES:
        raise RequestDataTooBig
    try:
        found = json.loads(request.body.decode("utf-8"), parse_constant=_refuse, object_pairs_hook=_once)
        json.dumps(found, ensure_ascii=False).encode()  # half a character is no text
    except (ValueError, RecursionError) as error:
        raise Problem(400, "bad-json", _("The body is no JSON in UTF-8.")) from error
    if not isinstance(found, dict):
        raise Problem(400, "bad-json", _("The body must be a JSON object."))
    return found


def _refuse(text):
    raise ValueError(text)


def _once(pairs):
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands there twice")
    return found
