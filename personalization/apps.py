"""The app's entry in Django."""

from django.apps import AppConfig


class PersonalizationApp(AppConfig):
    name = "personalization"

    def ready(self):
        from personalization.models import PersonalizationGroup
        from roles.grants import register_scope

        register_scope("persops", PersonalizationGroup)
