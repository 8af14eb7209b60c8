"""Which subject holds which role. The groups of an entry are guardian rows (decision 3), stored nowhere else."""

from django.db import models
from guardian.models import GroupObjectPermissionAbstract, UserObjectPermissionAbstract

from accounts.models import Membership, UserGroup
from config.schema import CurrentTenant, RowModel, TenantModel, reference, tenant_constraints, tenant_foreign_key
from roles.catalogue import Role


class RoleAssignment(TenantModel):
    """A User Roles entry: one role of one subject, a person or a group (decision 3).

    `version` rises with every change of role or groups: a form that shows an older one is answered with 409.
    `subject_name` and `subject_key` follow the subject's name by a trigger. An entry never changes its subject: the
    database role may not write those columns.
    """

    membership = tenant_foreign_key(Membership, null=True, blank=True)
    group = tenant_foreign_key(UserGroup, null=True, blank=True)
    role = models.CharField(max_length=40, choices=Role)
    version = models.PositiveIntegerField(default=1)
    subject_name = models.CharField(max_length=200)
    subject_key = models.TextField(db_collation="C")
    granted_by = models.CharField(max_length=200)
    granted_at = models.DateTimeField()

    app_privileges = "SELECT, INSERT, DELETE, UPDATE (role, version, subject_name, subject_key, granted_by, granted_at)"

    class Meta:
        constraints = [
            *tenant_constraints("roles_roleassignment"),
            reference("roles_roleassignment", "membership_id", "accounts.Membership", "CASCADE"),
            reference("roles_roleassignment", "group_id", "accounts.UserGroup", "CASCADE"),
            models.CheckConstraint(
                name="roleassignment_one_subject",
                condition=models.Q(membership__isnull=False, group=None)
                | models.Q(membership=None, group__isnull=False),
            ),
            models.UniqueConstraint(fields=["tenant", "membership"], name="roleassignment_membership"),
            models.UniqueConstraint(fields=["tenant", "group"], name="roleassignment_group"),
        ]
        indexes = [models.Index(fields=["tenant", "subject_key", "id"], name="roleassignment_listed")]

    @property
    def subject(self):
        return self.membership or self.group


class GrantRow(RowModel):
    """Base of every direct grant table: the tenant comes from the database, so guardian's own writes need no change.

    Grants are written and deleted, never changed, so that no row can move from one subject to another.
    """

    tenant = models.ForeignKey(
        "accounts.Tenant",
        models.DO_NOTHING,
        db_default=CurrentTenant(),
        editable=False,
        related_name="+",
        db_index=False,
    )

    app_privileges = "SELECT, INSERT, DELETE"

    class Meta:
        abstract = True


class UserGrant(UserObjectPermissionAbstract):
    """guardian's generic table: must exist, must stay empty. A stray `add_obj_perm` fails loudly here."""

    class Meta(UserObjectPermissionAbstract.Meta):
        abstract = False
        constraints = [models.CheckConstraint(name="usergrant_unused", condition=models.Q(pk__isnull=True))]


class GroupGrant(GroupObjectPermissionAbstract):
    """guardian's generic table for groups: must exist, must stay empty."""

    group = models.ForeignKey(UserGroup, models.CASCADE)  # type: ignore[assignment]  # guardian's base means auth.Group

    class Meta(GroupObjectPermissionAbstract.Meta):
        abstract = False
        constraints = [models.CheckConstraint(name="groupgrant_unused", condition=models.Q(pk__isnull=True))]
