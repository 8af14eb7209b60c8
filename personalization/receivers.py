"""Where personalization joins in on what accounts do."""

from personalization.models import LAST_POSITION, PersonalizationGroup

DEFAULT_USERS = "Default Users"  # a name like any other afterwards: people rename it in their language


def add_default_group(sender, *, tenant, by, **kwargs):
    """Give a new organisation the group of everybody whom no rule matches (spec 3.1); `tenant.created` tells it."""
    PersonalizationGroup.objects.create(tenant=tenant, name=DEFAULT_USERS, position=LAST_POSITION, is_default=True)
