"""The app's entry in Django."""

from django.apps import AppConfig


class PersonalizationApp(AppConfig):
    name = "personalization"

    def ready(self):
        from accounts.signals import tenant_created
        from personalization.models import PersonalizationGroup
        from personalization.receivers import add_default_group
        from roles.grants import register_scope

        tenant_created.connect(add_default_group, dispatch_uid="personalization.add_default_group")
        register_scope("persops", PersonalizationGroup)
