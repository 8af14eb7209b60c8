"""Thin Celery wrappers: ids in, one action called."""

from personalization.tasks import ledger, nightly, summary

__all__ = ["ledger", "nightly", "summary"]
