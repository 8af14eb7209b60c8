"""The app's entry in Django."""

from django.apps import AppConfig


class AccountsApp(AppConfig):
    name = "accounts"
