"""Wiring, no tables: settings, addresses, tenancy, policy of views, page components."""

from config.celery import app as celery_app

__all__ = ["celery_app"]
