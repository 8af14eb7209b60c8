"""SQL that migrations share: our UUIDv7 for set-based statements, substring search functions."""

from django.conf import settings
from django.db import migrations

from config.schema import CURRENT_TENANT

# PostgreSQL 18 brings uuidv7(); older servers get the same bits by hand.
UUID7 = migrations.RunSQL(
    sql="""
DO $body$
BEGIN
    IF current_setting('server_version_num')::int >= 180000 THEN
        EXECUTE 'CREATE FUNCTION roamkeep_uuid7() RETURNS uuid LANGUAGE sql VOLATILE AS ''SELECT uuidv7()''';
    ELSE
        EXECUTE 'CREATE FUNCTION roamkeep_uuid7() RETURNS uuid LANGUAGE sql VOLATILE AS ''
            SELECT encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
                placing substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3)
                FROM 1 FOR 6), 52, 1), 53, 1), ''''hex'''')::uuid''';
    END IF;
END $body$;
""",
    reverse_sql="DROP FUNCTION roamkeep_uuid7()",
)


def substring_search(name, table, column):
    """Return the operation that makes `name(text) -> setof uuid`: ids whose key column contains the text.

    SECURITY DEFINER with the tenant written out, because LIKE is not leakproof and would read every row under
    row-level security; the caller joins the ids back under its own policies. At most 10,001 ids.
    """
    return migrations.RunSQL(
        sql=f"""
CREATE INDEX {name}_trigram ON {table} USING gin (tenant_id, {column} gin_trgm_ops);
CREATE FUNCTION {name}(needle text) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp SET plan_cache_mode = force_custom_plan AS $body$
    SELECT id FROM {table}
    WHERE tenant_id = {CURRENT_TENANT}
      AND {column} LIKE '%' || replace(replace(replace(needle, '\\', '\\\\'), '%', '\\%'), '_', '\\_') || '%'
    LIMIT 10001
$body$;
REVOKE EXECUTE ON FUNCTION {name}(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {name}(text) TO {settings.DATABASE_ROLES["app"]}
""",
        reverse_sql=f"DROP FUNCTION {name}(text); DROP INDEX {name}_trigram",
    )
