"""The app's entry in Django."""

from importlib import import_module

from django.apps import AppConfig


class LicensingApp(AppConfig):
    name = "licensing"

    def ready(self):
        import_module("licensing.receivers")
