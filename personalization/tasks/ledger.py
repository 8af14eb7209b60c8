"""The bell of the task ledger: PostgreSQL knows what there is to do."""

from django.db import connection

from config.celery import app
from personalization.bell import ring
from personalization.runner import run_tenant


@app.task(name="personalization.run_tasks")
def run_tasks(tenant_id):
    """Work off a tenant's queue for a while, then ring again if there is more: no tenant keeps a worker for long."""
    pause = run_tenant(tenant_id)
    if pause is not None:
        ring(tenant_id, countdown=pause)


@app.task(name="personalization.ring_runnable_tasks")
def ring_runnable_tasks():
    """Ring for every tenant with runnable work: what a lost bell, a killed worker or a deferral left behind."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT personalization_runnable_tenants()")
        tenants = [tenant_id for (tenant_id,) in cursor.fetchall()]
    for tenant_id in tenants:
        ring(tenant_id)
