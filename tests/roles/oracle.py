"""Rights as plain reading of the tables says, in Python and row by row: it shares nothing with the product's query."""

from accounts.models import GroupMembership
from personalization.models import PersonalizationGroupGroupGrant, PersonalizationGroupUserGrant
from roles.models import RoleAssignment


def rights_by_reading(member):
    """Return (is primary, ids with Administrator, ids with Support Desk) of a member in the current tenant."""
    mine = [row.group_id for row in GroupMembership.objects.all() if row.user_id == member.user_id]
    primary, admin, support = False, set(), set()
    for entry in RoleAssignment.objects.all():
        if entry.membership_id != member.pk and entry.group_id not in mine:
            continue
        if entry.role == "persops.primary_admin":
            primary = True
        if entry.membership_id:
            rows = [row for row in PersonalizationGroupUserGrant.objects.all() if row.user_id == member.user_id]
        else:
            rows = [row for row in PersonalizationGroupGroupGrant.objects.all() if row.group_id == entry.group_id]
        for row in rows:
            found = {"administer_personalizationgroup": admin, "support_personalizationgroup": support}
            found[row.permission.codename].add(row.content_object_id)
    return primary, admin, support
