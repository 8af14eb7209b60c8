"""Celery: the bell that wakes workers. PostgreSQL owns what there is to do."""

import os

from celery import Celery

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
