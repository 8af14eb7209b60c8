"""The app's entry in Django."""

from django.apps import AppConfig


class LicensingApp(AppConfig):
    name = "licensing"
