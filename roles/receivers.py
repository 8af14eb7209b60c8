"""Where roles join in on what accounts do."""

from roles.access import counting_primaries


def keep_last_primary_open(sender, *, membership, **kwargs):
    """Answer True where locking this account would leave nobody who may give roles: it is only slowed down (UC-69)."""
    had_holder = counting_primaries(membership.tenant_id).exists()
    return had_holder and not counting_primaries(membership.tenant_id, without=membership).exists()
