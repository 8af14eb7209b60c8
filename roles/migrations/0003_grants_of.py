"""What a person's rights come from is asked in every request: a function keeps its plan from one to the next."""

from django.db import migrations

# The direct grant tables (decision 3) and the members of license groups belong to personalization and licensing; roles
# knows their names only. They need not be there yet: the body is looked at when it first runs.
GRANTS = """
CREATE FUNCTION roles_grants_of(
    of_tenant uuid, of_member uuid, of_user uuid, primary_role text, license_admin text, license_user text
) RETURNS TABLE (word text, covers uuid, via_name text, entry uuid, via_group uuid)
LANGUAGE plpgsql STABLE ROWS 10 AS $body$
BEGIN
    RETURN QUERY
    WITH mine AS (
        SELECT a.id, a.role, a.membership_id, a.group_id,
               CASE WHEN a.group_id IS NULL THEN '' ELSE a.subject_name::text END AS via
        FROM roles_roleassignment a
        WHERE a.tenant_id = of_tenant AND (
            a.membership_id = of_member
            OR a.group_id IN (SELECT g.group_id FROM accounts_groupmembership g
                              WHERE g.tenant_id = of_tenant AND g.user_id = of_user))
    )
    SELECT mine.role::text, NULL::uuid, mine.via, mine.id, mine.group_id
    FROM mine WHERE mine.role = primary_role
    UNION ALL
    SELECT p.codename::text, o.content_object_id, mine.via, mine.id, mine.group_id FROM mine
    JOIN personalization_personalizationgroupusergrant o ON o.tenant_id = of_tenant AND o.user_id = of_user
    JOIN auth_permission p ON p.id = o.permission_id
    WHERE mine.membership_id IS NOT NULL
    UNION ALL
    SELECT p.codename::text, o.content_object_id, mine.via, mine.id, mine.group_id FROM mine
    JOIN personalization_personalizationgroupgroupgrant o ON o.tenant_id = of_tenant AND o.group_id = mine.group_id
    JOIN auth_permission p ON p.id = o.permission_id
    UNION ALL
    SELECT held.role, m.group_id, g.name::text, m.id, g.id
    FROM licensing_licensegroupmember m
    JOIN licensing_licensegroup g ON g.tenant_id = of_tenant AND g.id = m.group_id
    CROSS JOIN LATERAL (VALUES (license_admin, m.is_admin), (license_user, m.is_user)) held (role, holds)
    WHERE m.tenant_id = of_tenant AND m.user_id = of_user AND m.status = 'active' AND held.holds;
END $body$;
"""


class Migration(migrations.Migration):
    dependencies = [("roles", "0002_subject_names")]

    operations = [
        migrations.RunSQL(sql=GRANTS, reverse_sql="DROP FUNCTION roles_grants_of(uuid, uuid, uuid, text, text, text)"),
    ]
