"""Tenants cannot see each other: the database says so, whatever the code forgets."""

import pytest
from django.db import IntegrityError, connection, transaction

from config.tenancy import tenant_context
from personalization.models import ManagedUser, PersonalizationGroup
from tests import factories

pytestmark = pytest.mark.django_db


def test_a_query_without_a_tenant_predicate_shows_one_tenant_only(acme, globex):
    factories.managed_user(acme, "anna")
    factories.managed_user(globex, "gina")
    with acme.context():
        assert [user.name for user in ManagedUser.objects.all()] == ["anna"]
    with globex.context():
        assert [user.name for user in ManagedUser.objects.all()] == ["gina"]


def test_outside_a_context_no_row_of_any_tenant_is_visible(acme):
    factories.managed_user(acme, "anna")
    assert not ManagedUser.objects.exists()


def test_a_row_cannot_be_written_for_another_tenant(acme, globex):
    with pytest.raises(Exception, match="row-level security"), acme.context(), transaction.atomic():
        PersonalizationGroup.objects.create(tenant=globex.tenant, name="Stolen")


def test_a_reference_into_another_tenant_is_refused(acme, globex):
    with pytest.raises(IntegrityError), acme.context(), transaction.atomic():
        factories.managed_user(acme, "anna", group=globex.finance)
        factories.check_now()


def current_tenant_id():
    """Return the tenant of the running transaction as text, or '' outside any context."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(current_setting('app.tenant_id', true), '')")
        return cursor.fetchone()[0]


def test_contexts_nest_and_put_the_outer_tenant_back(acme, globex):
    with acme.context():
        with globex.context():
            assert current_tenant_id() == str(globex.pk)
        assert current_tenant_id() == str(acme.pk)


def test_a_context_leaves_nothing_behind_on_the_connection(acme):
    with tenant_context(acme.pk):
        pass
    assert current_tenant_id() == ""


def test_the_application_role_is_neither_owner_nor_superuser():
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == (False,)
        cursor.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tableowner = current_user")
        assert cursor.fetchone() == (0,)


OUTSIDE = {  # readable without a tenant (decision 27), and tables of libraries that hold no tenant's data
    "accounts_tenant",
    "accounts_user",
    "accounts_session",
    "account_emailaddress",
    "account_emailconfirmation",
    "auth_group",
    "auth_group_permissions",
    "auth_permission",
    "django_content_type",
    "django_migrations",
    "guardian_groupobjectpermission",
    "guardian_userobjectpermission",
    "licensing_licenceplace",
    "roles_groupgrant",
    "roles_usergrant",
}


def test_every_table_outside_the_registered_list_has_forced_row_level_security():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace "
            "AND NOT (relrowsecurity AND relforcerowsecurity)"
        )
        assert {name for (name,) in cursor.fetchall()} == OUTSIDE


def test_every_reference_between_tenant_tables_carries_the_tenant():
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT k.conrelid::regclass::text || '.' || k.conname FROM pg_constraint k
            JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attname = 'tenant_id'
            JOIN pg_attribute b ON b.attrelid = k.confrelid AND b.attname = 'tenant_id'
            WHERE k.contype = 'f' AND NOT a.attnum = ANY (k.conkey)
            """
        )
        assert cursor.fetchall() == []


def test_every_unique_rule_of_a_tenant_table_begins_with_the_tenant_or_is_the_key():
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT i.indexrelid::regclass::text FROM pg_index i
            JOIN pg_attribute t ON t.attrelid = i.indrelid AND t.attname = 'tenant_id'
            JOIN pg_class c ON c.oid = i.indrelid AND c.relrowsecurity
            WHERE i.indisunique AND NOT i.indisprimary AND i.indkey[0] <> t.attnum
            """
        )
        assert cursor.fetchall() == []


def test_two_tenants_hold_a_group_of_the_same_name(acme, globex):
    with acme.context():
        assert PersonalizationGroup.objects.filter(name="Finance").count() == 1
