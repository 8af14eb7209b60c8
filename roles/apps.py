"""The app's entry in Django."""

from django.apps import AppConfig


class RolesApp(AppConfig):
    name = "roles"

    def ready(self):
        from accounts.signals import lock_asked
        from roles.receivers import keep_last_primary_open

        lock_asked.connect(keep_last_primary_open, dispatch_uid="roles.keep_last_primary_open")
