-- The floor of the nightly backup: one row for each profile whose settings differ from those of its newest backup.
-- Same table, keys and indexes as the product. No retention, no collection. Parameter: %(tenant)s.
INSERT INTO personalization_backup
    (id, tenant_id, profile_id, snapshot_id, created_at, origin, created_by, name, comment, version)
SELECT roamkeep_uuid7(), p.tenant_id, p.id, p.snapshot_id, statement_timestamp(), 'nightly', '', '', '', 1
FROM personalization_settingsprofile p
LEFT JOIN (
    SELECT DISTINCT ON (profile_id) profile_id, snapshot_id FROM personalization_backup
    WHERE tenant_id = %(tenant)s AND deleted_at IS NULL
    ORDER BY profile_id, created_at DESC, id DESC
) newest ON newest.profile_id = p.id
WHERE p.tenant_id = %(tenant)s AND p.snapshot_id IS NOT NULL AND newest.snapshot_id IS DISTINCT FROM p.snapshot_id
