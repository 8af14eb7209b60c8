"""The list of entries sorts by the subject's name, which it keeps itself: a renamed person or group is renamed there."""

from django.db import migrations

SQL = "".join(
    f"""
CREATE FUNCTION roles_follow_{column}_name() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    UPDATE roles_roleassignment SET subject_name = NEW.name, subject_key = NEW.name_key
        WHERE tenant_id = NEW.tenant_id AND {column}_id = NEW.id;
    RETURN NULL;
END $body$;
CREATE TRIGGER roles_follow_name AFTER UPDATE ON {table} FOR EACH ROW
    WHEN ((OLD.name, OLD.name_key) IS DISTINCT FROM (NEW.name, NEW.name_key))
    EXECUTE FUNCTION roles_follow_{column}_name();
"""
    for column, table in (("membership", "accounts_membership"), ("group", "accounts_usergroup"))
)
REVERSE = "DROP FUNCTION roles_follow_membership_name() CASCADE; DROP FUNCTION roles_follow_group_name() CASCADE"


class Migration(migrations.Migration):
    dependencies = [("roles", "0001_initial"), ("accounts", "0001_initial")]

    operations = [migrations.RunSQL(sql=SQL, reverse_sql=REVERSE)]
