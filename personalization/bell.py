"""The bells of personalization: bulk tasks, and the count of the summary."""

from config import bell

_TASKS, _COUNT = "personalization.run_tasks", "personalization.count_summary"


def ring(tenant_id, *, countdown=0):
    """Ring for the tenant's tasks now, or in `countdown` seconds. Raises where the broker is away."""
    bell.ring(_TASKS, tenant_id, countdown=countdown)


def ring_on_commit(tenant_id):
    """Ring for the tenant's tasks once the transaction has committed."""
    bell.ring_on_commit(_TASKS, tenant_id)


def ring_count(tenant_id):
    """Ring for a count of the tenant's summary. Raises where the broker is away."""
    bell.ring(_COUNT, tenant_id)


def ring_count_on_commit(tenant_id):
    """Ring for a count once the transaction has committed."""
    bell.ring_on_commit(_COUNT, tenant_id)
