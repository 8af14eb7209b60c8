"""The one backend that sessions name: every request asks again whether the account may sign in (decision 22)."""

from contextvars import ContextVar

from django.contrib.auth.backends import BaseBackend

from accounts.models import User

request_session = ContextVar("request_session", default=None)
"""The session of the request that runs: `accounts.middleware.AccountMiddleware` sets and resets it."""


class SessionBackend(BaseBackend):
    """Loads the account of a session; passwords are checked by the sign-in view alone."""

    def get_user(self, user_id):
        account = getattr(request_session.get(), "account", None)  # read with the session, in this request
        if account is None or account.pk != user_id:
            account = User.objects.filter(pk=user_id).first()
        return account if account and account.is_active and account.locked_at is None else None
