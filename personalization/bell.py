"""The bell tells workers that a tenant has work. PostgreSQL knows what there is to do: a lost ring loses nothing."""

from django.db import transaction

from config.celery import app

TIMEOUT = 2
"""Seconds that a request waits for a broker which does not answer."""


def ring(tenant_id, *, countdown=0):
    """Ring now, or in `countdown` seconds. Raises where the broker is away; it is asked once, not again and again."""
    _send("personalization.run_tasks", tenant_id, countdown)


def ring_on_commit(tenant_id):
    """Ring once the transaction has committed. Without a broker that is only logged: the reaper rings when it is back."""

    def ring_now():
        ring(tenant_id)

    transaction.on_commit(ring_now, robust=True)


def ring_count(tenant_id):
    """Ring for a count of the tenant's summary. Raises where the broker is away."""
    _send("personalization.count_summary", tenant_id)


def ring_count_on_commit(tenant_id):
    """Ring for a count once the transaction has committed. Without a broker that is only logged: the beat rings later."""

    def ring_now():
        ring_count(tenant_id)

    transaction.on_commit(ring_now, robust=True)


def _send(name, tenant_id, countdown=0):
    options = {**app.conf.broker_transport_options, "max_retries": 0, "socket_timeout": TIMEOUT}
    with app.connection_for_write(transport_options=options) as connection:
        app.send_task(name, args=[str(tenant_id)], countdown=countdown or None, connection=connection)
