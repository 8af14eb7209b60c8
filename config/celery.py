"""Celery: the bell that wakes workers. PostgreSQL owns what there is to do."""

import os

from celery import Celery
from celery.signals import task_postrun, task_prerun
from django.db import close_old_connections

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("roamkeep")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.conf.beat_schedule = {
    "ring-runnable-tasks": {"task": "personalization.ring_runnable_tasks", "schedule": 15.0},
    "write-tallies": {"task": "audit.write_tallies", "schedule": 10.0},
    "seal-events": {"task": "audit.seal_events", "schedule": 10.0},
    "reread-directories": {"task": "accounts.reread_directories", "schedule": 60.0},
    "nightly": {"task": "personalization.run_nightly", "schedule": 3600.0},
    "send-waiting-mails": {"task": "licensing.send_waiting_mails", "schedule": 60.0},
    "purge-expired-invitations": {"task": "licensing.purge_expired_invitations", "schedule": 3600.0},
    "count-summaries": {"task": "personalization.count_summaries", "schedule": 900.0},
}


@task_prerun.connect
@task_postrun.connect
def _tend_connections(*, task, **_signal):
    """Treat connections to the database around a task as Django does around a request: kept for `CONN_MAX_AGE` and, for
    `CONN_HEALTH_CHECKS`, asked before the first use whether they are alive.

    By itself Celery closes them at each task (`CELERY_DB_REUSE_MAX` keeps it from that), and a connection whose server
    process has yet to read the catalogue costs a restore some 20 ms.
    """
    if not task.request.is_eager:
        close_old_connections()
