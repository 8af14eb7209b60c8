"""Refusals are events too (UM-51): written after the refused request has been rolled back."""

from django.core.exceptions import PermissionDenied

from audit.actions import record
from audit.models import Outcome
from config.errors import Refused
from config.tenancy import tenant_context


class RefusalMiddleware:
    """Record what a signed-in person was refused, then let the error page answer."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_exception(self, request, exception):
        if not isinstance(exception, PermissionDenied | Refused) or not request.tenant:
            return
        with tenant_context(request.tenant.pk, request.user.pk):
            if request.membership:
                what = str(exception) if isinstance(exception, PermissionDenied) else exception.code
                labels = {"method": request.method, "path": request.path[:300], "reason": what[:200]}
                record(
                    "access.refused",
                    tenant_id=request.tenant.pk,
                    by=request.actor,
                    outcome=Outcome.REFUSED,
                    labels=labels,
                )
