"""guardian's generic tables as its documentation gives them, for grants on single managed users.

The product keeps grants per personalization group in direct tables, so its own generic tables must stay empty. These
are made by the benchmark as the owner and dropped after it; they have no row-level security, which favours the peer.
"""

from django.db import models
from guardian.models import GroupObjectPermissionAbstract, UserObjectPermissionAbstract

from accounts.models import UserGroup


class UserObjectPermission(UserObjectPermissionAbstract):
    """A grant of one person on one object."""

    class Meta(UserObjectPermissionAbstract.Meta):
        abstract = False


class GroupObjectPermission(GroupObjectPermissionAbstract):
    """A grant of one group on one object."""

    group = models.ForeignKey(UserGroup, models.CASCADE)  # type: ignore[assignment]

    class Meta(GroupObjectPermissionAbstract.Meta):
        abstract = False
