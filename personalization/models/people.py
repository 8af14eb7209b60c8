"""Personalization groups with their grants, settings groups, managed users and the groups endpoints report."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from accounts.models import User, UserGroup
from config.schema import TenantModel, TextKeyField, reference, tenant_constraints, tenant_foreign_key
from roles.models import GrantRow

LAST_POSITION = 2**31 - 1  # of the default group, so that every other comes before it


class PersonalizationGroup(TenantModel):
    """A scope of User Roles; every managed user is in the one matched at the last logon (spec 3.1)."""

    name = models.CharField(max_length=100)
    name_key = TextKeyField(source="name")
    description = models.CharField(max_length=300, blank=True, default="")
    position = models.PositiveIntegerField(default=0)
    is_default = models.BooleanField(default=False)  # "Default Users": last, without rules

    class Meta:
        default_permissions = ()
        permissions = [
            ("administer_personalizationgroup", "Administrator of a personalization group"),
            ("support_personalizationgroup", "Support Desk of a personalization group"),
        ]
        constraints = [
            *tenant_constraints("personalization_personalizationgroup"),
            models.UniqueConstraint(fields=["tenant", "name_key"], name="personalizationgroup_name"),
            models.UniqueConstraint(
                fields=["tenant"], condition=models.Q(is_default=True), name="personalizationgroup_one_default"
            ),
        ]

    def __str__(self):
        return self.name


class PersonalizationGroupUserGrant(UserObjectPermissionBase, GrantRow):
    """One guardian row: a person's role in one personalization group (decision 3)."""

    user = models.ForeignKey(User, models.CASCADE, related_name="+", db_index=False)
    content_object = tenant_foreign_key(PersonalizationGroup, related_name="user_grants")  # guardian finds us by it

    class Meta(UserObjectPermissionBase.Meta):
        abstract = False
        unique_together = ()  # guardian's rule lacks the tenant; ours below is narrower
        constraints = [
            *tenant_constraints("personalization_personalizationgroupusergrant"),
            reference(
                "personalization_personalizationgroupusergrant", "user_id", "accounts.Membership", "CASCADE", "user_id"
            ),
            reference(
                "personalization_personalizationgroupusergrant",
                "content_object_id",
                "personalization.PersonalizationGroup",
                "CASCADE",
            ),
            models.UniqueConstraint(fields=["tenant", "user", "content_object"], name="usergrant_once"),
        ]
        indexes = [models.Index(fields=["tenant", "content_object", "user"], name="usergrant_object")]


class PersonalizationGroupGroupGrant(GroupObjectPermissionBase, GrantRow):
    """One guardian row: a group's role in one personalization group (decision 3)."""

    group = tenant_foreign_key(UserGroup)
    content_object = tenant_foreign_key(PersonalizationGroup, related_name="group_grants")

    class Meta(GroupObjectPermissionBase.Meta):
        abstract = False
        unique_together = ()
        constraints = [
            *tenant_constraints("personalization_personalizationgroupgroupgrant"),
            reference("personalization_personalizationgroupgroupgrant", "group_id", "accounts.UserGroup", "CASCADE"),
            reference(
                "personalization_personalizationgroupgroupgrant",
                "content_object_id",
                "personalization.PersonalizationGroup",
                "CASCADE",
            ),
            models.UniqueConstraint(fields=["tenant", "group", "content_object"], name="groupgrant_once"),
        ]
        indexes = [models.Index(fields=["tenant", "content_object", "group"], name="groupgrant_object")]


class SettingsGroup(TenantModel):
    """What is kept together: the settings of one or several programs, or one Windows setting (decision 5).

    `template` is the parsed settings location template that says which keys and files belong, or null.
    """

    class Kind(models.TextChoices):
        APPLICATION = "application", _("Application")
        WINDOWS = "windows", _("Windows setting")

    kind = models.CharField(max_length=12, choices=Kind)
    name = models.CharField(max_length=100)
    name_key = TextKeyField(source="name")
    description = models.CharField(max_length=300, blank=True, default="")
    programs = models.JSONField(default=list, blank=True)  # executable names, shown with "takes effect when …"
    template = models.JSONField(null=True, blank=True)
    template_key = models.TextField(null=True, blank=True, db_collation="C")  # id of the template, unique in the tenant
    is_managed = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            *tenant_constraints("personalization_settingsgroup"),
            models.UniqueConstraint(fields=["tenant", "name_key"], name="settingsgroup_name"),
            models.UniqueConstraint(fields=["tenant", "template_key"], name="settingsgroup_template"),
        ]

    def __str__(self):
        return self.name


class ManagedUser(TenantModel):
    """A desktop user whose settings are kept. One data set, whatever group matched (INV-5).

    `domain_key` and `name_key` serve search and sorting (AC-HOM-1, AC-HOM-2).
    """

    sid = models.CharField(max_length=190)
    domain = models.CharField(max_length=60)
    domain_key = TextKeyField(source="domain")
    name = models.CharField(max_length=104)
    name_key = TextKeyField(source="name")
    display_name = models.CharField(max_length=200, blank=True, default="")
    group = tenant_foreign_key(PersonalizationGroup)
    last_logon_at = models.DateTimeField(null=True, blank=True)
    last_endpoint = models.CharField(max_length=100, blank=True, default="")
    is_logged_on = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            *tenant_constraints("personalization_manageduser"),
            reference("personalization_manageduser", "group_id", "personalization.PersonalizationGroup"),
            models.UniqueConstraint(fields=["tenant", "sid"], name="manageduser_sid"),
            models.UniqueConstraint(fields=["tenant", "domain_key", "name_key"], name="manageduser_account"),
        ]
        indexes = [
            models.Index(fields=["tenant", "name_key", "domain_key", "id"], name="manageduser_name"),
            models.Index(fields=["tenant", "group", "name_key", "domain_key", "id"], name="manageduser_group"),
            models.Index(fields=["tenant", "group", "domain_key", "name_key", "id"], name="manageduser_group_domain"),
        ]

    def __str__(self):
        return f"{self.domain}\\{self.name}"


class ReportedGroup(TenantModel):
    """A directory group that endpoints reported at logon: the only ones a task can aim at (AC-MBK-6)."""

    name = models.CharField(max_length=200)
    name_key = TextKeyField(source="name")

    class Meta:
        constraints = [
            *tenant_constraints("personalization_reportedgroup"),
            models.UniqueConstraint(fields=["tenant", "name_key"], name="reportedgroup_name"),
        ]

    def __str__(self):
        return self.name


class ReportedMembership(TenantModel):
    """A managed user was in a reported group at the last logon."""

    reported_group = tenant_foreign_key(ReportedGroup)
    managed_user = tenant_foreign_key(ManagedUser)

    class Meta:
        constraints = [
            *tenant_constraints("personalization_reportedmembership"),
            reference(
                "personalization_reportedmembership", "reported_group_id", "personalization.ReportedGroup", "CASCADE"
            ),
            reference(
                "personalization_reportedmembership", "managed_user_id", "personalization.ManagedUser", "CASCADE"
            ),
            models.UniqueConstraint(
                fields=["tenant", "reported_group", "managed_user"], name="reportedmembership_once"
            ),
        ]
        indexes = [models.Index(fields=["tenant", "managed_user"], name="reportedmembership_user")]
