"""The sealer has no tenant yet: it learns which tenants have unsealed events, ids only (decision 27)."""

from django.conf import settings
from django.db import migrations

APP = settings.DATABASE_ROLES["app"]


class Migration(migrations.Migration):
    dependencies = [("audit", "0003_actor_key")]

    operations = [
        migrations.RunSQL(
            sql=f"""
CREATE FUNCTION audit_unsealed_tenants() RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $body$
    SELECT DISTINCT tenant_id FROM audit_event WHERE seal_id IS NULL
$body$;
REVOKE EXECUTE ON FUNCTION audit_unsealed_tenants() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit_unsealed_tenants() TO {APP};
""",
            reverse_sql="DROP FUNCTION audit_unsealed_tenants()",
        ),
    ]
