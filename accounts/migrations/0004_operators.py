"""Nobody is made platform operator through the application's role: an error in a view could otherwise appoint somebody.

The trigger runs as whoever writes. Who may appoint is the operator's role and the owner of the table.
"""

from django.conf import settings
from django.db import migrations

SQL = f"""
CREATE FUNCTION accounts_guard_operator() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $body$
BEGIN
    IF current_user <> '{settings.DATABASE_ROLES["operator"]}'
       AND NOT pg_has_role(current_user, (SELECT relowner FROM pg_class WHERE oid = TG_RELID), 'USAGE') THEN
        RAISE EXCEPTION 'this database role makes nobody platform operator' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $body$;
CREATE TRIGGER accounts_operator_inserted BEFORE INSERT ON accounts_user
FOR EACH ROW WHEN (NEW.is_operator) EXECUTE FUNCTION accounts_guard_operator();
CREATE TRIGGER accounts_operator_updated BEFORE UPDATE ON accounts_user
FOR EACH ROW WHEN (NEW.is_operator AND (NOT OLD.is_operator OR NEW.id <> OLD.id))
EXECUTE FUNCTION accounts_guard_operator();
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_directory_groups_read")]

    operations = [
        migrations.RunSQL(
            sql=SQL,
            reverse_sql="""
DROP TRIGGER accounts_operator_inserted ON accounts_user;
DROP TRIGGER accounts_operator_updated ON accounts_user;
DROP FUNCTION accounts_guard_operator();
""",
        )
    ]
