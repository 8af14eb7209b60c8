"""The one runner of a tenant (INV-6): takes the next users of the oldest task and does everything about them at once.

Change, result, counters and events of a batch are one transaction: they commit together or not at all. A killed worker
loses the batch it was in and nothing else; there is no lease to wait for. The broker only rings.
"""

from personalization.runner.queue import Turn, run_batch, run_tenant

__all__ = ["Turn", "run_batch", "run_tenant"]
