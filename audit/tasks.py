"""The sealer's bell."""

from django.db import connection

from audit.seals import BATCH, seal
from config.celery import app
from config.tenancy import tenant_context


@app.task(name="audit.seal_events")
def seal_events():
    """Seal what is unsealed, tenant by tenant."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT audit_unsealed_tenants()")
        tenants = [tenant_id for (tenant_id,) in cursor.fetchall()]
    for tenant_id in tenants:
        sealed = BATCH
        while sealed == BATCH:
            with tenant_context(tenant_id):
                sealed = seal(tenant_id)
