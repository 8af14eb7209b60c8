"""Tenants, accounts, who belongs where, directories and their groups, sessions and sign-in counters."""

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from config.schema import RowModel, TenantModel, TextKeyField, reference, tenant_constraints, tenant_foreign_key


class Tenant(RowModel):
    """The isolation boundary (decision 1). Readable without a context: it is found by its slug."""

    class Status(models.TextChoices):
        ACTIVE = "active", _("Active")
        SUSPENDED = "suspended", _("Suspended")

    slug = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=100)
    status = models.CharField(max_length=10, choices=Status, default=Status.ACTIVE)
    time_zone = models.CharField(max_length=60, default="UTC")
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self):
        return self.name


class UserManager(BaseUserManager):
    """Accounts are made by actions; allauth asks for a manager that knows the natural key."""

    def get_by_natural_key(self, username):
        return self.get(pk=username)


class User(RowModel, AbstractBaseUser):
    """A global account (decision 1). `email` is set only after proof by a mailed link (decision 26).

    A directory person gets an own account with an unusable password; its mail attribute lives on the membership.
    """

    email = models.EmailField(null=True, blank=True)
    email_key = models.TextField(null=True, unique=True, editable=False, db_collation="C")
    display_name = models.CharField(max_length=200)
    is_active = models.BooleanField(default=True)
    is_operator = models.BooleanField(default=False)
    locked_at = models.DateTimeField(null=True, blank=True)
    time_zone = models.CharField(max_length=60, blank=True, default="")
    language = models.CharField(max_length=10, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    groups = models.ManyToManyField(
        "UserGroup", through="GroupMembership", related_name="user_set", related_query_name="user"
    )

    USERNAME_FIELD = "id"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = []
    objects = UserManager()

    def __str__(self):
        return self.display_name

    @property
    def may_sign_in(self):
        """Whether the platform lets the account in at all (decision 22)."""
        return self.is_active and self.locked_at is None


class DirectoryConnection(TenantModel):
    """A directory that signs people in and is browsed for groups; its fields are those of `DirectoryConfig`.

    `bind_password` is sealed (`accounts.secrets`).
    """

    class Kind(models.TextChoices):
        AD = "ad", _("Active Directory")
        OPENLDAP = "openldap", _("OpenLDAP")

    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=10, choices=Kind)
    url = models.CharField(max_length=300)
    start_tls = models.BooleanField(default=True)
    ca_file = models.CharField(max_length=300, blank=True, default="")
    bind_dn = models.CharField(max_length=300, blank=True, default="")
    bind_password = models.TextField(blank=True, default="")
    base_dn = models.CharField(max_length=300)
    domain = models.CharField(max_length=60, blank=True, default="")
    user_filter = models.CharField(max_length=500, blank=True, default="")
    group_filter = models.CharField(max_length=500, blank=True, default="")
    disabled_filter = models.CharField(max_length=500, blank=True, default="")
    follow_member_of = models.BooleanField(default=False)
    groups_read_at = models.DateTimeField(null=True, blank=True)  # last good look at the listed groups
    is_active = models.BooleanField(default=True)

    class Meta:
        constraints = [
            *tenant_constraints("accounts_directoryconnection"),
            models.UniqueConstraint(fields=["tenant", "name"], name="directory_name"),
        ]

    def __str__(self):
        return self.name


class Source(models.TextChoices):
    LOCAL = "local", _("Local")
    DIRECTORY = "directory", _("Directory")


class Membership(TenantModel):
    """One account in one tenant. A directory person is keyed by (tenant, directory, immutable id) (decision 26)."""

    user = models.ForeignKey(User, models.CASCADE, related_name="memberships", db_index=False)
    login = models.CharField(max_length=200)
    login_key = TextKeyField(source="login")
    name = models.CharField(max_length=200)
    name_key = TextKeyField(source="name")
    contact_email = models.CharField(max_length=254, blank=True, default="")
    is_active = models.BooleanField(default=True)
    inactive_by_directory = models.BooleanField(default=False)  # the next sign-in that the directory confirms undoes it
    source = models.CharField(max_length=10, choices=Source)
    directory = tenant_foreign_key(DirectoryConnection, null=True, blank=True)
    directory_uid = models.CharField(max_length=64, null=True, blank=True)
    groups_read_at = models.DateTimeField(null=True, blank=True)
    signed_in_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            *tenant_constraints("accounts_membership", own_rows=True),
            reference("accounts_membership", "directory_id", "accounts.DirectoryConnection"),
            models.UniqueConstraint(fields=["tenant", "user"], name="membership_user"),
            models.UniqueConstraint(
                fields=["tenant", "login_key"], name="membership_login", condition=models.Q(source="local")
            ),  # in a directory the immutable id identifies: logins change hands, and two directories share some
            models.UniqueConstraint(fields=["tenant", "directory", "directory_uid"], name="membership_identity"),
            models.CheckConstraint(
                name="membership_directory_identity",
                condition=models.Q(source="local", directory=None, directory_uid=None)
                | models.Q(source="directory", directory__isnull=False, directory_uid__isnull=False),
            ),
        ]
        indexes = [
            models.Index(fields=["user"], name="membership_of_user"),
            models.Index(fields=["tenant", "login_key"], name="membership_by_login"),
        ]

    def __str__(self):
        return self.name


class UserGroup(TenantModel):
    """A set of people. Directory groups of everybody who signs in are kept, listed or not (decision 4)."""

    name = models.CharField(max_length=200)
    name_key = TextKeyField(source="name")
    source = models.CharField(max_length=10, choices=Source)
    directory = tenant_foreign_key(DirectoryConnection, null=True, blank=True)
    directory_uid = models.CharField(max_length=64, null=True, blank=True)
    distinguished_name = models.TextField(blank=True, default="")
    is_listed = models.BooleanField(default=False)
    is_resolved = models.BooleanField(default=True)  # False: gone from the directory
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            *tenant_constraints("accounts_usergroup"),
            reference("accounts_usergroup", "directory_id", "accounts.DirectoryConnection"),
            models.UniqueConstraint(fields=["tenant", "directory", "directory_uid"], name="usergroup_identity"),
            models.CheckConstraint(
                name="usergroup_directory_identity",
                condition=models.Q(source="local", directory=None, directory_uid=None)
                | models.Q(source="directory", directory__isnull=False, directory_uid__isnull=False),
            ),
        ]

    def __str__(self):
        return self.name


class GroupMembership(TenantModel):
    """A person in a group; rows of directory groups are written by sign-in and re-reading only."""

    user = models.ForeignKey(User, models.CASCADE, related_name="+", db_index=False)
    group = tenant_foreign_key(UserGroup)
    source = models.CharField(max_length=10, choices=Source)
    added_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            *tenant_constraints("accounts_groupmembership"),
            reference("accounts_groupmembership", "group_id", "accounts.UserGroup", "CASCADE"),
            reference("accounts_groupmembership", "user_id", "accounts.Membership", "CASCADE", to_field="user_id"),
            models.UniqueConstraint(fields=["tenant", "user", "group"], name="groupmembership_once"),
        ]
        indexes = [
            models.Index(fields=["tenant", "group"], name="groupmembership_group"),
            models.Index(fields=["user"], name="groupmembership_user"),
        ]


class Session(AbstractBaseSession):
    """A session with whose and where it is, so that all of a person's can be ended (decision 22)."""

    user_id = models.UUIDField(null=True, db_index=True)
    tenant_id = models.UUIDField(null=True)
    seen_at = models.DateTimeField(default=timezone.now)

    class Meta(AbstractBaseSession.Meta):
        abstract = False
        db_table = "accounts_session"
        indexes = [models.Index(fields=["tenant_id", "user_id"], name="session_tenant_user")]

    @classmethod
    def get_session_store_class(cls):
        from accounts.sessions import SessionStore

        return SessionStore


class SignInFailure(TenantModel):
    """How many sign-ins of an account from one origin failed (decision 29); `accounts.throttle` tells the kinds of row.

    `account_key` is a keyed hash of the typed login, so that mistyped passwords never land here; `origin` is a keyed
    hash of browser cookie or network, or a word for several origins; the empty account key counts per network.
    """

    account_key = models.CharField(max_length=64)
    origin = models.CharField(max_length=64)
    failures = models.PositiveIntegerField(default=0)
    last_at = models.DateTimeField()

    class Meta:
        constraints = [
            *tenant_constraints("accounts_signinfailure"),
            models.UniqueConstraint(fields=["tenant", "account_key", "origin"], name="signinfailure_once"),
        ]


class KnownOrigin(TenantModel):
    """A browser or network from which a person signed in during the last 90 days (decision 29)."""

    account_key = models.CharField(max_length=64)
    origin = models.CharField(max_length=64)
    seen_at = models.DateTimeField()

    class Meta:
        constraints = [
            *tenant_constraints("accounts_knownorigin"),
            models.UniqueConstraint(fields=["tenant", "account_key", "origin"], name="knownorigin_once"),
        ]


class Submission(TenantModel):
    """The first answer to a form or web-service POST: sending it twice does it once."""

    membership = tenant_foreign_key(Membership)
    key = models.UUIDField()
    digest = models.CharField(max_length=64)  # of path and body: another body under the same key is refused
    status = models.PositiveSmallIntegerField(default=0)
    headers = models.JSONField(default=dict)
    messages = models.JSONField(default=list)  # [[level, text], …]
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            *tenant_constraints("accounts_submission"),
            reference("accounts_submission", "membership_id", "accounts.Membership", "CASCADE"),
            models.UniqueConstraint(fields=["tenant", "membership", "key"], name="submission_once"),
        ]
