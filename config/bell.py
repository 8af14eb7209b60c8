"""Bells tell workers that a tenant has work. PostgreSQL knows what there is to do: a lost ring loses nothing."""

from django.db import transaction
from kombu import pools

from config.celery import app

TIMEOUT = 2
"""Seconds that a request waits for a broker which does not answer."""


def ring(name, tenant_id, *, countdown=0):
    """Ask for the Celery task `name` of a tenant, now or in `countdown` seconds.

    Raises where the broker is away; it is asked once, not again and again. The lines to it are kept: a new one costs a
    request some 30 ms.
    """
    options = {**app.conf.broker_transport_options, "max_retries": 0, "socket_timeout": TIMEOUT}
    with pools.producers[app.connection_for_write(transport_options=options)].acquire(block=True) as producer:
        app.send_task(name, args=[str(tenant_id)], countdown=countdown or None, producer=producer)


def ring_on_commit(name, tenant_id):
    """Ring once the transaction has committed. Without a broker that is only logged: the beat rings when it is back."""

    def ring_now():
        ring(name, tenant_id)

    transaction.on_commit(ring_now, robust=True)
