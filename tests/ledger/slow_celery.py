"""The product's Celery app with batches that are small and take a while, so that a kill finds one under way.

`celery -A tests.ledger.slow_celery worker`; LEDGER_BATCH = users of a batch, LEDGER_SECONDS = what it lasts at least.
"""

import os
import time

import django

from config.celery import app

__all__ = ["app"]

django.setup()

from personalization.runner import batch, queue  # noqa: E402 - needs the apps

SECONDS = float(os.environ["LEDGER_SECONDS"])
queue.SMALLEST_BATCH = queue.LARGEST_BATCH = int(os.environ["LEDGER_BATCH"])
_write = batch.write


def write_slowly(*arguments):
    """Stand still before and after the results are written: both moments must be safe."""
    time.sleep(SECONDS / 2)
    _write(*arguments)
    time.sleep(SECONDS / 2)


batch.write = write_slowly
