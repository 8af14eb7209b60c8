"""Pages of licensing: groups, their users, blocked User roles, invitations, one's own membership, the operator's."""
