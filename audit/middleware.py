"""Refusals are events too (UM-51, UM-60), told after the request's own transaction; equal ones of a minute are one."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied

from audit import tallies
from audit.actions import Actor, event
from audit.models import Outcome
from config.errors import Refused
from config.tenancy import operator_context, tenant_context


@dataclass(slots=True)
class Refusal:
    """What the event of a refused request says: `request.refusal`, empty until something refuses.

    A page sets what it is about: `about` holds further columns of Event. Where the address names no organisation, or who
    acts is no member of it, the page says both; `is_operators` for pages that see every organisation. A refusal that is
    raised through is noted here by itself; the view that catches one shows it in its form (`show`), or notes it. What is
    wrong with the fields alone, before any action was asked, is none.
    """

    reason: str = ""
    tenant_id: UUID | None = None
    by: Actor | None = None
    is_operators: bool = False
    about: dict[str, Any] = field(default_factory=dict)

    def note(self, reason: str) -> None:
        """Keep why the request is refused: the stable word of a Refused, or a permission. The last one counts."""
        self.reason = reason[:200]

    def show(self, error, form) -> None:
        """Show a Refused in a form, and keep it."""
        self.note(error.code)
        form.refuse(error)


class RefusalMiddleware:
    """Record what somebody was refused, once the answer is made: what the request had begun is rolled back by then."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        request.refusal = Refusal()
        response = self.get_response(request)
        if request.refusal.reason:
            _tell(request, request.refusal)
        return response

    def process_exception(self, request, exception):
        if isinstance(exception, PermissionDenied):
            request.refusal.note(str(exception) or "denied")
        elif isinstance(exception, Refused):
            request.refusal.note(exception.code)


def _path(request):
    """Return the address without the token of a mailed link, which is as good as a password."""
    token = request.resolver_match.kwargs.get("token")
    return request.path.replace(token, "…") if token else request.path


def _tell(request, refusal):
    """Count the refusal; of somebody whom no organisation knows there is no event, for nobody could read it."""
    tenant_id = refusal.tenant_id or (request.tenant and request.tenant.pk)
    if not tenant_id:
        return
    if refusal.is_operators:
        with operator_context() as alias:
            _count(request, refusal, tenant_id, refusal.by, using=alias)
        return
    with tenant_context(tenant_id, request.user.pk):
        by = refusal.by or (request.actor if request.membership else None)
        if by:
            _count(request, refusal, tenant_id, by)


def _count(request, refusal, tenant_id, by, using=None):
    labels = {"method": request.method, "path": _path(request)[:300], "reason": refusal.reason}
    told = {"outcome": Outcome.REFUSED, "labels": labels, **refusal.about}
    row = event("access.refused", tenant_id=tenant_id, by=by, **told)
    tallies.add(row, origin=request.origin.sender, using=using)
