-- The floor of "restore the latest backup": nothing but moving the references, no backup of what they replace.
-- Parameter: %(tenant)s.
UPDATE personalization_settingsprofile p
SET snapshot_id = newest.snapshot_id, version = p.version + 1
FROM (
    SELECT DISTINCT ON (profile_id) profile_id, snapshot_id FROM personalization_backup
    WHERE tenant_id = %(tenant)s AND deleted_at IS NULL
    ORDER BY profile_id, created_at DESC, id DESC
) newest
WHERE p.tenant_id = %(tenant)s AND p.id = newest.profile_id AND p.snapshot_id IS DISTINCT FROM newest.snapshot_id
