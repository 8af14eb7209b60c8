"""Sessions in PostgreSQL that know their person and tenant, so that all of a person's can be ended at once.

Every request asks for all three: they are read in one statement.

A session ends SESSION_COOKIE_AGE seconds after the sign-in, used or not, and SESSION_IDLE_SECONDS after its last use.
"""

from datetime import timedelta
from functools import cache

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.db import connection
from django.utils import timezone
from django.utils.crypto import salted_hmac

IDLE = timedelta(seconds=settings.SESSION_IDLE_SECONDS)
NOTED_EVERY = timedelta(seconds=60)


class SessionStore(DatabaseStore):
    """Django's database sessions plus the columns `user_id`, `tenant_id` and `seen_at`.

    `account` and `tenant` are those of the session as they were when it was read, whatever their state; None without.
    """

    account = tenant = None

    @classmethod
    def get_model_class(cls):
        from accounts.models import Session

        return Session

    def _get_session_from_db(self):
        now = timezone.now()
        row, account, tenant = _read(self.session_key, now)
        if row is None or row.seen_at < now - IDLE:
            self._session_key = None
            return None
        self.account, self.tenant = account, tenant
        if row.seen_at < now - NOTED_EVERY:
            self.model.objects.filter(pk=row.pk).update(seen_at=now)
        return row

    def create_model_instance(self, data):
        row = super().create_model_instance(data)
        row.user_id = data.get(SESSION_KEY) or None
        row.tenant_id = data.get("tenant_id") or None
        row.seen_at = timezone.now()
        return row


@cache
def _statement():
    """Return the statement that reads a session with its account and tenant, and (model, column names, place) of each."""
    from accounts.models import Session, Tenant, User

    parts, columns = [], []
    for model, table in ((Session, "s"), (User, "u"), (Tenant, "t")):
        fields = model._meta.concrete_fields
        parts.append((model, [field.attname for field in fields], slice(len(columns), len(columns) + len(fields))))
        columns += [f'{table}."{field.column}"' for field in fields]
    sql = f"""
        SELECT {", ".join(columns)}
        FROM accounts_session s
        LEFT JOIN {User._meta.db_table} u ON u.id = s.user_id
        LEFT JOIN {Tenant._meta.db_table} t ON t.id = s.tenant_id
        WHERE s.session_key = %s AND s.expire_date > %s
    """
    return sql, parts


def _read(session_key, now):
    """Return the session that has not expired, its account and its tenant, each a model row or None."""
    sql, parts = _statement()
    with connection.cursor() as cursor:
        cursor.execute(sql, [session_key, now])
        found = cursor.fetchone()
    if found is None:
        return None, None, None
    rows = ((model, names, found[place]) for model, names, place in parts)
    return [model.from_db(connection.alias, names, row) if row[0] is not None else None for model, names, row in rows]


def handle_of(session_key):
    """Return what stands for a session in addresses and pages: the key itself opens it and never leaves the cookie."""
    return salted_hmac("accounts.sessions.handle", session_key, algorithm="sha256").hexdigest()[:32]


def live_sessions():
    """Return the sessions that would still be accepted."""
    from accounts.models import Session

    now = timezone.now()
    return Session.objects.filter(expire_date__gt=now, seen_at__gt=now - IDLE)
