"""The bells of the sealer and of tallies whose minute is over."""

from django.db import connection

from audit import tallies
from audit.seals import BATCH, seal
from config.celery import app
from config.tenancy import tenant_context


@app.task(name="audit.seal_events")
def seal_events():
    """Seal what is unsealed, tenant by tenant."""
    for tenant_id in _tenants("SELECT audit_unsealed_tenants()"):
        sealed = BATCH
        while sealed == BATCH:
            with tenant_context(tenant_id):
                sealed = seal(tenant_id)


@app.task(name="audit.write_tallies")
def write_tallies():
    """Every ten seconds: write the events of finished minutes, tenant by tenant."""
    for tenant_id in _tenants("SELECT audit_tallied_tenants()"):
        with tenant_context(tenant_id):
            tallies.write_due(tenant_id)


def _tenants(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return [tenant_id for (tenant_id,) in cursor.fetchall()]
