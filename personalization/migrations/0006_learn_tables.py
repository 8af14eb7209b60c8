"""Statistics are renewed for the tables that do not know a tenant and for the columns that tasks search by: a whole ANALYZE
costs four times as much."""

from django.conf import settings
from django.db import migrations

LEARN = f"""
DROP FUNCTION IF EXISTS personalization_learn_tenants();
CREATE OR REPLACE FUNCTION personalization_learn_tenants(tables text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $body$
DECLARE
    name text;
    keys text;
BEGIN
    FOREACH name IN ARRAY tables LOOP
        keys := CASE name
            WHEN 'personalization_manageduser' THEN 'tenant_id, group_id'
            WHEN 'personalization_settingsprofile' THEN 'tenant_id, managed_user_id'
            WHEN 'personalization_backup' THEN 'tenant_id, profile_id'
            WHEN 'personalization_taskitem' THEN 'tenant_id, task_id' END;
        IF keys IS NULL THEN
            RAISE EXCEPTION 'not a table of bulk tasks' USING ERRCODE = 'insufficient_privilege';
        END IF;
        EXECUTE format('ANALYZE (SKIP_LOCKED) %I (%s)', name, keys);
    END LOOP;
END $body$;
REVOKE EXECUTE ON FUNCTION personalization_learn_tenants(text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION personalization_learn_tenants(text[]) TO {settings.DATABASE_ROLES["app"]};
"""


class Migration(migrations.Migration):
    dependencies = [("personalization", "0005_ledger")]

    operations = [migrations.RunSQL(sql=LEARN, reverse_sql=migrations.RunSQL.noop)]
