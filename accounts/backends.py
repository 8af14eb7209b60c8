"""The one backend that sessions name: every request asks again whether the account may sign in (decision 22)."""

from django.contrib.auth.backends import BaseBackend

from accounts.models import User


class SessionBackend(BaseBackend):
    """Loads the account of a session; passwords are checked by the sign-in view alone."""

    def get_user(self, user_id):
        return User.objects.filter(pk=user_id, is_active=True, locked_at=None).first()
