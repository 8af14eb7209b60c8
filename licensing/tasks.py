"""Celery: the mails of licensing. The rows know what there is to send; a lost bell is rung again by the beat."""

from uuid import UUID

import structlog

from accounts.models import Tenant
from audit.actions import Actor
from audit.models import Channel
from config.bell import ring_on_commit
from config.celery import app
from config.tenancy import tenant_context
from licensing import mail
from licensing.actions.purge import purge_invitations
from licensing.mail import Outcome

log = structlog.get_logger(__name__)


@app.task(name="licensing.send_mails")
def send_mails(tenant_id: str) -> int:
    """Send every mail of a tenant that waits; return how many were sent. A mail is claimed before it is sent.

    Where no server answers the run ends: the beat comes back. One mail's trouble does not stop the others.
    """
    tenant, sent = UUID(tenant_id), 0
    with tenant_context(tenant):
        found = mail.waiting(tenant)
    for name, pk in found:
        try:
            outcome = mail.send(tenant, name, pk)
        except Exception:
            log.exception("mail_failed", kind=name, row=str(pk))
            continue
        if outcome is Outcome.AWAY:
            break
        sent += outcome is Outcome.SENT
    if sent < len(found):
        with tenant_context(tenant):
            mail.give_up(tenant)
    return sent


@app.task(name="licensing.send_waiting_mails")
def send_waiting_mails() -> None:
    """Look after mails whose bell was lost or whose server was away."""
    _each_tenant(lambda tenant: send_mails(str(tenant.pk)))


@app.task(name="licensing.purge_expired_invitations")
def purge_expired_invitations() -> None:
    """Delete invitations that nobody has taken for 90 days after their end (LG-166)."""
    by = Actor(id=None, name="Roamkeep", channel=Channel.WORKER)

    def purge(tenant):
        with tenant_context(tenant.pk):
            purge_invitations(tenant_id=tenant.pk, by=by)

    _each_tenant(purge)


def _each_tenant(work):
    """Do it for every active tenant; one tenant's trouble does not stop the others."""
    for tenant in Tenant.objects.filter(status=Tenant.Status.ACTIVE).order_by("id"):
        try:
            work(tenant)
        except Exception:
            log.exception("licensing_task_failed", tenant=tenant.slug)


def ring_mails_on_commit(tenant_id: UUID) -> None:
    """Ring for the tenant's mails once the transaction has committed; without a broker the beat sends them later."""
    ring_on_commit("licensing.send_mails", tenant_id)
