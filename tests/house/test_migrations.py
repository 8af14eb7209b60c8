"""Models and migrations agree; privileges are what the models declare."""

import re

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection

from tests.conftest import as_owner

pytestmark = pytest.mark.django_db


@pytest.mark.django_db(transaction=True)
def test_no_model_has_changed_without_a_migration():
    with as_owner():
        call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def privileges(table):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT privilege_type FROM information_schema.role_table_grants "
            "WHERE table_name = %s AND grantee = current_user",
            [table],
        )
        return {name for (name,) in cursor.fetchall()}


@pytest.mark.parametrize("model", apps.get_models(include_auto_created=True), ids=lambda model: model._meta.label)
def test_the_application_holds_the_privileges_the_model_declares_and_never_truncate(model):
    declared = getattr(model, "app_privileges", "SELECT, INSERT, UPDATE, DELETE")
    whole_table = {word.strip() for word in re.sub(r"\w+ \([^)]*\)", "", declared).split(",") if word.strip()}
    assert privileges(model._meta.db_table) == whole_table
