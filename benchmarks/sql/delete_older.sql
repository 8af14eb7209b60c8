-- The floor of "delete backups older than 10 days": nothing but the mark on the rows. Age as decision 12 counts it.
-- Parameter: %(tenant)s.
UPDATE personalization_backup b SET deleted_at = statement_timestamp()
FROM (
    SELECT id, origin, created_at, protected_until,
           lead(created_at) OVER (PARTITION BY profile_id ORDER BY created_at, id) AS replaced_at
    FROM personalization_backup WHERE tenant_id = %(tenant)s AND deleted_at IS NULL
) old
WHERE b.tenant_id = %(tenant)s AND b.id = old.id
  AND CASE WHEN old.origin = 'nightly' THEN old.replaced_at ELSE old.created_at END
      < statement_timestamp() - interval '240 hours'
  AND (old.protected_until IS NULL OR old.protected_until <= statement_timestamp())
