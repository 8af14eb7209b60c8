"""Seats, places and blocks are kept by the database; members are found by any part of a name or address.

The functions run as the owner: the application's role may write neither a count nor a place. A statement that writes
members is followed by: places given back, then places taken (each account has one, over all tenants), seats in use of
each group (its CHECK refuses one too many), and a look at the block list.
"""

from django.conf import settings
from django.db import migrations

from config.schema import CURRENT_TENANT

_HOLDS = "{0}.status = 'active' AND {0}.is_user"
_GIVEN = {
    "INSERT": "SELECT NULL::uuid, NULL::uuid, NULL::uuid WHERE false",
    "UPDATE": f"""SELECT was.tenant_id, was.group_id, was.id FROM was JOIN now ON now.id = was.id
                  WHERE {_HOLDS.format("was")} AND NOT ({_HOLDS.format("now")})""",
    "DELETE": f"SELECT was.tenant_id, was.group_id, was.id FROM was WHERE {_HOLDS.format('was')}",
}
_TAKEN = {
    "INSERT": f"SELECT now.* FROM now WHERE {_HOLDS.format('now')}",
    "UPDATE": f"""SELECT now.* FROM now JOIN was ON was.id = now.id
                  WHERE {_HOLDS.format("now")} AND NOT ({_HOLDS.format("was")})""",
    "DELETE": "",
}
_TABLES = {
    "INSERT": "NEW TABLE AS now",
    "UPDATE": "OLD TABLE AS was NEW TABLE AS now",
    "DELETE": "OLD TABLE AS was",
}
_TAKE = """
    IF EXISTS (SELECT 1 FROM ({taken}) m JOIN licensing_licenseroleblock b
               ON b.tenant_id = m.tenant_id AND b.group_id = m.group_id
               AND (b.address_key = m.address_key OR b.user_id = m.user_id)) THEN
        RAISE EXCEPTION 'a blocked person would hold the role User'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'licensing_blocked';
    END IF;
    INSERT INTO licensing_licenceplace (user_id, tenant_id, member_id)
    SELECT m.user_id, m.tenant_id, m.id FROM ({taken}) m;
    UPDATE licensing_licensegroup g SET used = g.used + d.number
    FROM (SELECT tenant_id, group_id, count(*) AS number FROM ({taken}) m GROUP BY 1, 2) d
    WHERE g.tenant_id = d.tenant_id AND g.id = d.group_id;
"""


def seats(event):
    """Return the trigger of one kind of statement on members."""
    name = f"licensing_seats_{event.lower()}"
    take = _TAKE.format(taken=_TAKEN[event]) if _TAKEN[event] else ""
    return f"""
CREATE FUNCTION {name}() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $body$
BEGIN
    WITH given (tenant_id, group_id, id) AS ({_GIVEN[event]}), gone AS (
        DELETE FROM licensing_licenceplace p USING given WHERE p.member_id = given.id
    )
    UPDATE licensing_licensegroup g SET used = g.used - d.number
    FROM (SELECT tenant_id, group_id, count(*) AS number FROM given GROUP BY 1, 2) d
    WHERE g.tenant_id = d.tenant_id AND g.id = d.group_id;
    {take}
    RETURN NULL;
END $body$;
CREATE TRIGGER {name} AFTER {event} ON licensing_licensegroupmember REFERENCING {_TABLES[event]}
FOR EACH STATEMENT EXECUTE FUNCTION {name}();
"""


BLOCKS = """
CREATE FUNCTION licensing_check_block() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $body$
BEGIN
    IF EXISTS (SELECT 1 FROM now b JOIN licensing_licensegroupmember m
               ON m.tenant_id = b.tenant_id AND m.group_id = b.group_id
               AND (m.address_key = b.address_key OR m.user_id = b.user_id)
               WHERE m.status = 'active' AND m.is_user) THEN
        RAISE EXCEPTION 'a blocked person still holds the role User'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'licensing_blocked';
    END IF;
    RETURN NULL;
END $body$;
CREATE TRIGGER licensing_check_block AFTER INSERT ON licensing_licenseroleblock REFERENCING NEW TABLE AS now
FOR EACH STATEMENT EXECUTE FUNCTION licensing_check_block();
CREATE TRIGGER licensing_check_block_again AFTER UPDATE ON licensing_licenseroleblock REFERENCING NEW TABLE AS now
FOR EACH STATEMENT EXECUTE FUNCTION licensing_check_block();
"""

DAYS = """
CREATE FUNCTION licensing_note_day() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $body$
BEGIN
    INSERT INTO licensing_seatday AS d (id, tenant_id, group_id, day, used, seats)
    VALUES (roamkeep_uuid7(), NEW.tenant_id, NEW.id, (now() AT TIME ZONE 'UTC')::date, NEW.used, NEW.seats)
    ON CONFLICT (tenant_id, group_id, day) DO UPDATE SET used = EXCLUDED.used, seats = EXCLUDED.seats;
    RETURN NULL;
END $body$;
CREATE TRIGGER licensing_note_day AFTER INSERT OR UPDATE OF used, seats ON licensing_licensegroup
FOR EACH ROW EXECUTE FUNCTION licensing_note_day();
"""

# LIKE is not leakproof: inside the function it may use the trigrams, with tenant and group written out.
SEARCH = f"""
CREATE INDEX licensing_member_words ON licensing_licensegroupmember USING gin
    (tenant_id, group_id, (first_key || E'\\n' || last_key || E'\\n' || address_key) gin_trgm_ops)
    WHERE status <> 'ended';
CREATE FUNCTION licensing_members_with(wanted_group uuid, needle text) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp SET plan_cache_mode = force_custom_plan AS $body$
    SELECT id FROM licensing_licensegroupmember
    WHERE tenant_id = {CURRENT_TENANT} AND group_id = wanted_group AND status <> 'ended'
      AND (first_key || E'\\n' || last_key || E'\\n' || address_key)
          LIKE '%' || replace(replace(replace(needle, '\\', '\\\\'), '%', '\\%'), '_', '\\_') || '%'
$body$;
REVOKE EXECUTE ON FUNCTION licensing_members_with(uuid, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION licensing_members_with(uuid, text) TO {settings.DATABASE_ROLES["app"]};
"""


class Migration(migrations.Migration):
    dependencies = [("licensing", "0001_initial")]

    operations = [
        *(migrations.RunSQL(sql=seats(event), reverse_sql=migrations.RunSQL.noop) for event in _TABLES),
        *(migrations.RunSQL(sql=sql, reverse_sql=migrations.RunSQL.noop) for sql in (BLOCKS, DAYS, SEARCH)),
    ]
