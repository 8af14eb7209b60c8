"""Look at the block list by two equalities instead of one OR: thousands of rows are joined by hash, not one by one."""

from django.db import migrations

_HOLDER = """
    SELECT 1 FROM now b JOIN licensing_licensegroupmember m
    ON m.tenant_id = b.tenant_id AND m.group_id = b.group_id AND m.{column} = b.{column}
    WHERE m.status = 'active' AND m.is_user
"""
CHECK_BLOCK = f"""
CREATE OR REPLACE FUNCTION licensing_check_block() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $body$
BEGIN
    IF EXISTS ({_HOLDER.format(column="address_key")}) OR EXISTS ({_HOLDER.format(column="user_id")}) THEN
        RAISE EXCEPTION 'a blocked person still holds the role User'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'licensing_blocked';
    END IF;
    RETURN NULL;
END $body$;
"""
_TAKEN = {
    "insert": "SELECT now.* FROM now WHERE now.status = 'active' AND now.is_user",
    "update": """SELECT now.* FROM now JOIN was ON was.id = now.id
                 WHERE now.status = 'active' AND now.is_user AND NOT (was.status = 'active' AND was.is_user)""",
}
_GIVEN = {
    "insert": "SELECT NULL::uuid, NULL::uuid, NULL::uuid WHERE false",
    "update": """SELECT was.tenant_id, was.group_id, was.id FROM was JOIN now ON now.id = was.id
                 WHERE was.status = 'active' AND was.is_user AND NOT (now.status = 'active' AND now.is_user)""",
}
_BLOCKED = """
    SELECT 1 FROM ({taken}) m JOIN licensing_licenseroleblock b
    ON b.tenant_id = m.tenant_id AND b.group_id = m.group_id AND b.{column} = m.{column}
"""


def seats(event):
    """Return the trigger's function of one kind of statement that may take seats."""
    taken = _TAKEN[event]
    return f"""
CREATE OR REPLACE FUNCTION licensing_seats_{event}() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $body$
BEGIN
    WITH given (tenant_id, group_id, id) AS ({_GIVEN[event]}), gone AS (
        DELETE FROM licensing_licenceplace p USING given WHERE p.member_id = given.id
    )
    UPDATE licensing_licensegroup g SET used = g.used - d.number
    FROM (SELECT tenant_id, group_id, count(*) AS number FROM given GROUP BY 1, 2) d
    WHERE g.tenant_id = d.tenant_id AND g.id = d.group_id;
    IF EXISTS ({_BLOCKED.format(taken=taken, column="address_key")})
       OR EXISTS ({_BLOCKED.format(taken=taken, column="user_id")}) THEN
        RAISE EXCEPTION 'a blocked person would hold the role User'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'licensing_blocked';
    END IF;
    INSERT INTO licensing_licenceplace (user_id, tenant_id, member_id)
    SELECT m.user_id, m.tenant_id, m.id FROM ({taken}) m;
    UPDATE licensing_licensegroup g SET used = g.used + d.number
    FROM (SELECT tenant_id, group_id, count(*) AS number FROM ({taken}) m GROUP BY 1, 2) d
    WHERE g.tenant_id = d.tenant_id AND g.id = d.group_id;
    RETURN NULL;
END $body$;
"""


class Migration(migrations.Migration):
    dependencies = [("licensing", "0002_seats")]

    operations = [
        migrations.RunSQL(sql=sql, reverse_sql=migrations.RunSQL.noop)
        for sql in (CHECK_BLOCK, seats("insert"), seats("update"))
    ]
