-- The floor of "restore the latest backup" of some users, as restore.sql. Parameters: %(tenant)s, %(users)s.
UPDATE personalization_settingsprofile p
SET snapshot_id = newest.snapshot_id, version = p.version + 1
FROM (
    SELECT p.id AS profile_id, b.snapshot_id
    FROM personalization_settingsprofile p CROSS JOIN LATERAL (
        SELECT snapshot_id FROM personalization_backup
        WHERE tenant_id = %(tenant)s AND profile_id = p.id AND deleted_at IS NULL
        ORDER BY created_at DESC, id DESC LIMIT 1
    ) b
    WHERE p.tenant_id = %(tenant)s AND p.managed_user_id = ANY(%(users)s)
) newest
WHERE p.tenant_id = %(tenant)s AND p.id = newest.profile_id AND p.snapshot_id IS DISTINCT FROM newest.snapshot_id
