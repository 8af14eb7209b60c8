-- The floor of "create backups": nothing but the backup rows, one statement, one scan of the tenant's profiles.
-- Same table, keys and indexes as the product. Parameter: %(tenant)s.
INSERT INTO personalization_backup
    (id, tenant_id, profile_id, snapshot_id, created_at, origin, created_by, name, comment, version)
SELECT roamkeep_uuid7(), tenant_id, id, snapshot_id, statement_timestamp(), 'task', '', '', '', 1
FROM personalization_settingsprofile
WHERE tenant_id = %(tenant)s AND snapshot_id IS NOT NULL
