-- The floor of "block the role User": members lose it or leave, and are listed; the database's own triggers count seats
-- and places. No lock on the group, no check of what the page showed, no event.
-- Parameters: %(tenant)s, %(group)s, %(members)s (uuid[]).
WITH mine AS (
    UPDATE licensing_licensegroupmember
    SET is_user = CASE WHEN is_admin THEN false ELSE is_user END,
        status = CASE WHEN is_admin THEN status ELSE 'ended' END,
        ended_at = CASE WHEN is_admin THEN NULL ELSE statement_timestamp() END,
        end_reason = CASE WHEN is_admin THEN '' ELSE 'blocked' END,
        version = version + 1
    WHERE tenant_id = %(tenant)s AND group_id = %(group)s AND id = ANY(%(members)s)
    RETURNING address, address_key, user_id
)
INSERT INTO licensing_licenseroleblock
    (id, tenant_id, group_id, address, address_key, user_id, created_at, created_by, mail_state)
SELECT roamkeep_uuid7(), %(tenant)s, %(group)s, address, address_key, user_id, statement_timestamp(), 'bare', 'pending'
FROM mine
