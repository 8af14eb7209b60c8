"""Failed sign-ins are counted where refusals are, in `audit_tally`: what was counted so far becomes events first."""

from django.db import migrations

SQL = """
INSERT INTO audit_event
    (id, tenant_id, at, verb, outcome, channel, actor_role, actor_groups, actor_key, subject_type, subject_id, count,
     labels, salt)
SELECT t.id, t.tenant_id, t.first_at, t.verb, 'refused', 'web', '', '{}', 'not signed in',
       CASE WHEN m.id IS NULL THEN '' ELSE 'membership' END, m.id, t.count,
       jsonb_build_object(
           'actor', 'not signed in',
           'person', coalesce(m.name || ' (' || m.login || ')', 'an unknown account (' || left(t.account_key, 8) || ')'),
           'address', t.address,
           'reason', t.reason,
           'first', to_char(t.first_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"+00:00"'),
           'last', to_char(t.last_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"+00:00"')),
       uuid_send(gen_random_uuid())
FROM accounts_signintally t LEFT JOIN accounts_membership m ON m.tenant_id = t.tenant_id AND m.id = t.membership_id
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0004_operators"), ("audit", "0005_tally")]

    operations = [
        migrations.RunSQL(sql=SQL, reverse_sql=migrations.RunSQL.noop),
        migrations.DeleteModel(name="SignInTally"),
    ]
