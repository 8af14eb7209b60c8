"""The app's entry in Django."""

from django.apps import AppConfig


class AuditApp(AppConfig):
    name = "audit"
