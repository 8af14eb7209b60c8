"""Rules that span tables: what an entry of User Roles may look like, and which tasks wait for a runner."""

from django.conf import settings
from django.db import migrations

APP = settings.DATABASE_ROLES["app"]

# Decision 3: codename = role; at least one group for Administrator and Support Desk, none for Primary Administrator; no
# grant without an entry. Checked when the transaction commits, whichever of the three tables was written.
ENTRY_RULE = """
CREATE FUNCTION roles_entry_holds() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $body$
DECLARE
    the_tenant uuid := coalesce(NEW.tenant_id, OLD.tenant_id);
    the_member uuid;
    the_user uuid;
    the_group uuid;
    the_role text;
    wanted text;
    total int;
    wrong int;
BEGIN
    IF TG_TABLE_NAME = 'roles_roleassignment' THEN
        the_member := coalesce(NEW.membership_id, OLD.membership_id);
        the_group := coalesce(NEW.group_id, OLD.group_id);
        SELECT user_id INTO the_user FROM accounts_membership WHERE tenant_id = the_tenant AND id = the_member;
    ELSIF TG_TABLE_NAME = 'personalization_personalizationgroupusergrant' THEN
        the_user := coalesce(NEW.user_id, OLD.user_id);
        SELECT id INTO the_member FROM accounts_membership WHERE tenant_id = the_tenant AND user_id = the_user;
    ELSE
        the_group := coalesce(NEW.group_id, OLD.group_id);
    END IF;
    SELECT role INTO the_role FROM roles_roleassignment
        WHERE tenant_id = the_tenant AND (membership_id = the_member OR group_id = the_group);
    wanted := CASE the_role WHEN 'persops.admin' THEN 'administer_personalizationgroup'
                            WHEN 'persops.support_desk' THEN 'support_personalizationgroup' END;
    SELECT count(*), count(*) FILTER (WHERE p.codename IS DISTINCT FROM wanted) INTO total, wrong FROM (
        SELECT permission_id FROM personalization_personalizationgroupusergrant
            WHERE tenant_id = the_tenant AND user_id = the_user
        UNION ALL
        SELECT permission_id FROM personalization_personalizationgroupgroupgrant
            WHERE tenant_id = the_tenant AND group_id = the_group
    ) g JOIN auth_permission p ON p.id = g.permission_id;
    IF wrong > 0 OR (wanted IS NOT NULL AND total = 0) OR (wanted IS NULL AND total > 0) THEN
        RAISE EXCEPTION 'role and groups of a User Roles entry do not fit' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $body$;
""" + "".join(
    f"""
CREATE CONSTRAINT TRIGGER entry_holds AFTER INSERT OR UPDATE OR DELETE ON {table}
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION roles_entry_holds();
"""
    for table in (
        "roles_roleassignment",
        "personalization_personalizationgroupusergrant",
        "personalization_personalizationgroupgroupgrant",
    )
)

# The worker and the reaper have no tenant yet: they learn which tenants have runnable work, ids only (decision 27).
RUNNABLE = f"""
CREATE FUNCTION personalization_runnable_tenants() RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $body$
    SELECT DISTINCT tenant_id FROM personalization_task
    WHERE state IN ('runnable', 'running') OR (state = 'waiting' AND run_after <= now())
$body$;
REVOKE EXECUTE ON FUNCTION personalization_runnable_tenants() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION personalization_runnable_tenants() TO {APP};
"""


class Migration(migrations.Migration):
    dependencies = [("personalization", "0001_initial"), ("roles", "0001_initial"), ("audit", "0002_append_only")]

    operations = [
        migrations.RunSQL(
            sql=ENTRY_RULE,
            reverse_sql="DROP FUNCTION roles_entry_holds() CASCADE",
        ),
        migrations.RunSQL(sql=RUNNABLE, reverse_sql="DROP FUNCTION personalization_runnable_tenants()"),
    ]
