"""Our UUIDv7 for set-based statements, and the trigger that lets an event be sealed once and never changed."""

from django.db import migrations

from config.sql import UUID7


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]

    operations = [
        UUID7,
        migrations.RunSQL(
            sql="""
CREATE FUNCTION audit_event_sealed_once() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    IF OLD.seal_id IS NOT NULL AND NEW.seal_id IS DISTINCT FROM OLD.seal_id THEN
        RAISE EXCEPTION 'an event is sealed once' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $body$;
CREATE TRIGGER audit_event_sealed_once BEFORE UPDATE OF seal_id ON audit_event
    FOR EACH ROW EXECUTE FUNCTION audit_event_sealed_once();
""",
            reverse_sql="DROP TRIGGER audit_event_sealed_once ON audit_event; DROP FUNCTION audit_event_sealed_once()",
        ),
    ]
