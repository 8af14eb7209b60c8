"""Sessions in PostgreSQL that know their person and tenant, so that all of a person's can be ended at once.

A session ends SESSION_COOKIE_AGE seconds after the sign-in, used or not, and SESSION_IDLE_SECONDS after its last use.
"""

from datetime import timedelta

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.utils import timezone
from django.utils.crypto import salted_hmac

IDLE = timedelta(seconds=settings.SESSION_IDLE_SECONDS)
NOTED_EVERY = timedelta(seconds=60)


class SessionStore(DatabaseStore):
    """Django's database sessions plus the columns `user_id`, `tenant_id` and `seen_at`."""

    @classmethod
    def get_model_class(cls):
        from accounts.models import Session

        return Session

    def _get_session_from_db(self):
        row = super()._get_session_from_db()
        if row is None:
            return None
        now = timezone.now()
        if row.seen_at < now - IDLE:
            self._session_key = None
            return None
        if row.seen_at < now - NOTED_EVERY:
            self.model.objects.filter(pk=row.pk).update(seen_at=now)
        return row

    def create_model_instance(self, data):
        row = super().create_model_instance(data)
        row.user_id = data.get(SESSION_KEY) or None
        row.tenant_id = data.get("tenant_id") or None
        row.seen_at = timezone.now()
        return row


def handle_of(session_key):
    """Return what stands for a session in addresses and pages: the key itself opens it and never leaves the cookie."""
    return salted_hmac("accounts.sessions.handle", session_key, algorithm="sha256").hexdigest()[:32]


def live_sessions():
    """Return the sessions that would still be accepted."""
    from accounts.models import Session

    now = timezone.now()
    return Session.objects.filter(expire_date__gt=now, seen_at__gt=now - IDLE)
