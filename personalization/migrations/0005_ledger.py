"""How far a task got for a user, and statistics that know the tenant a bulk task works on."""

from django.conf import settings
from django.db import migrations, models

# The planner takes a tenant that came after the last ANALYZE for an empty one and reads all its rows for every single
# key. The application's role owns no table, so the owner lends it this one statement.
ANALYZE = f"""
CREATE FUNCTION personalization_learn_tenants() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $body$
BEGIN
    ANALYZE (SKIP_LOCKED) personalization_manageduser (tenant_id, group_id),
        personalization_settingsprofile (tenant_id, managed_user_id, settings_group_id, snapshot_id),
        personalization_snapshot (tenant_id), personalization_taskitem (tenant_id, task_id, state),
        personalization_backup (tenant_id, profile_id, snapshot_id, created_at, origin, deleted_at, task_id);
END $body$;
REVOKE EXECUTE ON FUNCTION personalization_learn_tenants() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION personalization_learn_tenants() TO {settings.DATABASE_ROLES["app"]};
"""


class Migration(migrations.Migration):
    dependencies = [("personalization", "0004_nightly_run")]

    operations = [
        migrations.AddField(
            model_name="taskitem",
            name="applied",
            field=models.SmallIntegerField(default=0),
        ),
        migrations.RunSQL(sql=ANALYZE, reverse_sql="DROP FUNCTION personalization_learn_tenants()"),
    ]
