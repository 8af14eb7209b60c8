"""The page behind the link that proves a group's mail domain (LG-161); nothing but a POST confirms."""

from accounts.addresses import domain_of
from audit.actions import Actor
from config.errors import Refused
from config.policy import public_view, request_context
from config.ui.responses import page
from licensing.actions.groups import confirm_domain, live_domain
from licensing.links import read_domain_token
from licensing.views.gate import about


@public_view(methods=("GET", "POST"))
def confirm(request, *, token):
    """Show which group asks for which domain; with POST confirm it."""
    pair, problem, status = read_domain_token(token), None, 200
    try:
        with request_context(request):
            row = live_domain(request.tenant.pk, pair)
        if request.method == "POST":
            with request_context(request):
                by = Actor(id=None, name=row.asked_of or domain_of(row.domain), request_id=request.id)
                request.refusal.by, request.refusal.about = by, about(row.group)
                confirm_domain(tenant_id=request.tenant.pk, pair=pair, by=by)
            return page(request, "licensing/domain_confirmed.html", {"asked": row})
    except Refused as error:
        if error.code == "dead":
            return page(request, "licensing/dead.html", {"kind": "domain"}, status=410)
        request.refusal.note(error.code)
        problem, status = error.message, error.status
    return page(request, "licensing/domain_confirm.html", {"asked": row, "problem": problem}, status=status)
