"""License groups, their members and invitations, blocked User roles, domains; the database keeps the rules.

Seats: a trigger counts `LicenseGroup.used` and keeps `LicencePlace` with every write to a member, and a CHECK refuses one
seat too many whatever path wrote it (see migration 0001).
"""

from django.db import models
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Tenant, User
from config.schema import TenantModel, TextKeyField, reference, tenant_constraints, tenant_foreign_key


class Billing(models.TextChoices):
    SUBSCRIPTION = "subscription", _("Subscription")
    TERM = "term", _("Term")


class LicenseGroup(TenantModel):
    """One purchase and the people on it (LG-01). Seats, plan, expiry and owner are written by the operator's role alone."""

    name = models.CharField(max_length=100)
    name_key = TextKeyField(source="name")
    plan = models.CharField(max_length=60)
    billing = models.CharField(max_length=12, choices=Billing)
    frequency = models.CharField(max_length=10, choices=[("monthly", _("monthly")), ("yearly", _("yearly"))])
    seats = models.PositiveIntegerField()
    used = models.PositiveIntegerField(default=0)  # members with the role User: kept by a trigger
    expires_at = models.DateTimeField(null=True, blank=True)
    auto_assign_users = models.BooleanField(default=True)  # LG-140
    assigns_by = models.UUIDField(null=True, blank=True)  # the account that switched it on: no reference
    auto_assign_devices = models.BooleanField(default=True)
    tells_blocked = models.BooleanField(default=True)  # LG-E8
    created_at = models.DateTimeField(auto_now_add=True)
    version = models.PositiveIntegerField(default=1)

    app_privileges = (
        "SELECT, UPDATE (name, name_key, auto_assign_users, assigns_by, auto_assign_devices, tells_blocked, version)"
    )
    operator_privileges = "SELECT, INSERT, UPDATE, DELETE"

    class Meta:
        constraints = [
            *tenant_constraints("licensing_licensegroup"),
            models.CheckConstraint(name="licensegroup_seats", condition=models.Q(used__lte=models.F("seats"))),
        ]
        indexes = [models.Index(fields=["tenant", "name_key", "id"], name="licensegroup_by_name")]

    def __str__(self):
        return self.name

    @property
    def free(self):
        """Seats that nobody holds."""
        return self.seats - self.used


class MemberStatus(models.TextChoices):
    PENDING = "pending", _("Pending")
    ACTIVE = "active", _("Active")
    ENDED = "ended", _("Ended")


class MailState(models.TextChoices):
    """Of an invitation's mail (decision 28): `sending` is committed before DATA and never retried by itself."""

    PENDING = "pending", _("waiting to be sent")
    SENDING = "sending", _("being sent")
    SENT = "sent", _("sent")
    FAILED = "failed", _("not sent")


# The role is written with a capital and stays so in every language (LG-04); a user is somebody else.
USER_ROLE, ADMIN_ROLE = pgettext_lazy("license role", "User"), pgettext_lazy("license role", "Admin")
HIGHEST = "\U0010ffff"  # sorts behind every name


class LicenseGroupMember(TenantModel):
    """A member or an invitation: one row per (group, address) while pending or active (decision 28).

    `user` is empty until somebody has accepted. The two `…_up` and `…_down` columns are the names as the list sorts them:
    blank ones come last in both directions (LG-E5).
    """

    group = tenant_foreign_key(LicenseGroup)
    user = models.ForeignKey(User, models.DO_NOTHING, null=True, blank=True, related_name="+", db_index=False)
    address = models.CharField(max_length=254)
    address_key = models.CharField(max_length=254, db_collation="C")
    first_name = models.CharField(max_length=100, blank=True, default="")
    first_key = TextKeyField(source="first_name")
    last_name = models.CharField(max_length=100, blank=True, default="")
    last_key = TextKeyField(source="last_name")
    status = models.CharField(max_length=8, choices=MemberStatus)
    is_user = models.BooleanField(default=False)
    is_admin = models.BooleanField(default=False)
    is_owner = models.BooleanField(default=False)
    added_at = models.DateTimeField()  # Date Added: of the invitation, then of the acceptance (LG-E1)
    ended_at = models.DateTimeField(null=True, blank=True)
    end_reason = models.CharField(max_length=12, blank=True, default="")
    invited_by = models.CharField(max_length=200, blank=True, default="")  # a name, as it was
    roles_by = models.UUIDField(null=True, blank=True)  # the account that gave an invitation its roles: no reference
    words = models.CharField(max_length=1000, blank=True, default="")  # the inviter's own, in the mail
    generation = models.PositiveIntegerField(default=0)  # of the link; Resend raises it
    sent_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    mail_state = models.CharField(max_length=8, choices=MailState, blank=True, default="")
    last_used_at = models.DateTimeField(null=True, blank=True)  # sign-in, change in My Persona, fetch by a device
    seat_wanted_at = models.DateTimeField(null=True, blank=True)  # an acceptance that found no free seat (LG-72)
    version = models.PositiveIntegerField(default=1)

    roles_key = models.GeneratedField(
        expression=models.Case(
            models.When(is_user=False, then=models.Value("1")),
            models.When(is_admin=False, then=models.Value("2")),
            default=models.Value("3"),
            output_field=models.CharField(max_length=1),
        ),
        output_field=models.CharField(max_length=1, db_collation="C"),
        db_persist=True,
    )  # Admin, User, "User, Admin" in the order of their texts
    heard_at = models.GeneratedField(
        expression=Coalesce("last_used_at", "added_at"), output_field=models.DateTimeField(), db_persist=True
    )  # a column: under row-level security a comparison of COALESCE finds no index, because it might leak
    first_up = models.GeneratedField(
        expression=models.Case(
            models.When(first_key="", then=models.Value(HIGHEST)),
            default=models.F("first_key"),
            output_field=models.TextField(),
        ),
        output_field=models.TextField(db_collation="C"),
        db_persist=True,
    )
    last_up = models.GeneratedField(
        expression=models.Case(
            models.When(last_key="", then=models.Value(HIGHEST)),
            default=models.F("last_key"),
            output_field=models.TextField(),
        ),
        output_field=models.TextField(db_collation="C"),
        db_persist=True,
    )

    app_privileges = (
        "SELECT, INSERT, UPDATE (user_id, address, address_key, first_name, first_key, last_name, last_key, status, "
        "is_user, is_admin, added_at, ended_at, end_reason, invited_by, roles_by, words, generation, sent_at, expires_at, "
        "mail_state, last_used_at, seat_wanted_at, version), DELETE"
    )
    operator_privileges = "SELECT, INSERT, UPDATE, DELETE"

    class Meta:
        constraints = [
            *tenant_constraints("licensing_licensegroupmember"),
            reference("licensing_licensegroupmember", "group_id", "licensing.LicenseGroup", "CASCADE"),
            reference("licensing_licensegroupmember", "user_id", "accounts.Membership", "CASCADE", to_field="user_id"),
            models.UniqueConstraint(
                fields=["tenant", "group", "address_key"],
                condition=~models.Q(status=MemberStatus.ENDED),
                name="licensegroupmember_address",
            ),
            models.UniqueConstraint(
                fields=["tenant", "group", "user"],
                condition=models.Q(status=MemberStatus.ACTIVE),
                name="licensegroupmember_person",
            ),
            models.UniqueConstraint(
                fields=["tenant", "group"], condition=models.Q(is_owner=True), name="licensegroupmember_one_owner"
            ),
            models.CheckConstraint(
                name="licensegroupmember_has_role",  # LG-02, LG-05
                condition=models.Q(status=MemberStatus.ENDED) | models.Q(is_user=True) | models.Q(is_admin=True),
            ),
            models.CheckConstraint(
                name="licensegroupmember_owner_is_admin",  # LG-19 to LG-21
                condition=models.Q(is_owner=False) | models.Q(status=MemberStatus.ACTIVE, is_admin=True),
            ),
            models.CheckConstraint(
                name="licensegroupmember_active_is_somebody",
                condition=~models.Q(status=MemberStatus.ACTIVE) | models.Q(user__isnull=False),
            ),
            models.CheckConstraint(
                name="licensegroupmember_pending_expires",
                condition=~models.Q(status=MemberStatus.PENDING)
                | models.Q(expires_at__isnull=False, sent_at__isnull=False, generation__gte=1),
            ),
            models.CheckConstraint(
                name="licensegroupmember_ended_is_told",
                condition=models.Q(status=MemberStatus.ENDED, ended_at__isnull=False)
                | ~models.Q(status=MemberStatus.ENDED) & models.Q(ended_at=None),
            ),
        ]
        indexes = [
            *(
                models.Index(
                    fields=["tenant", "group", field, "id"],
                    condition=~models.Q(status=MemberStatus.ENDED),
                    name=f"licensegroupmember_{field}",
                )
                for field in ("first_up", "first_key", "last_up", "last_key", "roles_key", "added_at")
            ),
            models.Index(
                fields=["tenant", "user"],
                condition=models.Q(status=MemberStatus.ACTIVE),
                name="licensegroupmember_of_user",
            ),
            models.Index(
                fields=["tenant", "address_key"],
                condition=~models.Q(status=MemberStatus.ENDED),
                name="licensegroupmember_elsewhere",
            ),
            models.Index(
                fields=["tenant", "mail_state"],
                condition=models.Q(mail_state__in=["pending", "sending"]),
                name="licensegroupmember_mail",
            ),
            models.Index(
                fields=["tenant", "group", "expires_at"],
                condition=models.Q(status=MemberStatus.PENDING, is_user=True),
                name="licensegroupmember_pending",
            ),
            models.Index(
                fields=["tenant", "group", "heard_at", "id"],
                condition=models.Q(status=MemberStatus.ACTIVE, is_user=True),
                name="licensegroupmember_unused",
            ),
        ]

    def __str__(self):
        return self.address

    @property
    def roles(self):
        """The roles as the page names them (LG-04)."""
        return role_names(self.is_user, self.is_admin)


def role_names(is_user, is_admin):
    """Return "User", "Admin", "User, Admin" or "" in the reader's language."""
    named = [(is_user, USER_ROLE), (is_admin, ADMIN_ROLE)]
    return ", ".join(str(name) for holds, name in named if holds)


class LicenseRoleBlock(TenantModel):
    """Somebody who may not hold the role User in a group, member or not (LG-101, LG-126); never an Admin's loss."""

    group = tenant_foreign_key(LicenseGroup)
    address = models.CharField(max_length=254)
    address_key = models.CharField(max_length=254, db_collation="C")
    user_id = models.UUIDField(null=True, blank=True)  # an account, once known: no reference, the block outlives it
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=200)  # a name, as it was
    mail_state = models.CharField(max_length=8, choices=MailState, blank=True, default="")  # of "your role has ended"

    app_privileges = "SELECT, INSERT, UPDATE (user_id, address, address_key, mail_state), DELETE"

    class Meta:
        constraints = [
            *tenant_constraints("licensing_licenseroleblock"),
            reference("licensing_licenseroleblock", "group_id", "licensing.LicenseGroup", "CASCADE"),
            models.UniqueConstraint(fields=["tenant", "group", "address_key"], name="licenseroleblock_address"),
        ]
        indexes = [
            models.Index(fields=["tenant", "group", "user_id"], name="licenseroleblock_user"),
            models.Index(fields=["tenant", "group", "created_at", "id"], name="licenseroleblock_created"),
            models.Index(fields=["tenant", "group", "created_by", "id"], name="licenseroleblock_by"),
        ]

    def __str__(self):
        return self.address


class GroupDomain(TenantModel):
    """The mail domain of a group (LG-160 to LG-162): validated by one group of the tenant at most."""

    group = tenant_foreign_key(LicenseGroup)
    domain = models.CharField(max_length=253, db_collation="C")
    asked_at = models.DateTimeField()
    asked_by = models.UUIDField(null=True, blank=True)  # the account that set it: no reference
    asked_of = models.CharField(max_length=254, blank=True, default="")  # the address that got the link
    generation = models.PositiveIntegerField(default=1)
    mail_state = models.CharField(max_length=8, choices=MailState, blank=True, default="")
    validated_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            *tenant_constraints("licensing_groupdomain"),
            reference("licensing_groupdomain", "group_id", "licensing.LicenseGroup", "CASCADE"),
            models.UniqueConstraint(fields=["tenant", "group"], name="groupdomain_one"),
            models.UniqueConstraint(
                fields=["tenant", "domain"],
                condition=models.Q(validated_at__isnull=False),
                name="groupdomain_validated",
            ),
        ]

    def __str__(self):
        return self.domain


class Device(TenantModel):
    """A printer that asks the device API for a license group: its key is known here by its SHA-256 alone (LG-07).

    The key has 256 random bits, so that no slower digest would protect it better.
    """

    group = tenant_foreign_key(LicenseGroup)
    name = models.CharField(max_length=100)
    name_key = TextKeyField(source="name")
    key_digest = models.CharField(max_length=64, db_collation="C")  # hexadecimal
    key_by = models.UUIDField(null=True, blank=True)  # the account that the key was shown to: no reference
    added_by = models.CharField(max_length=200)  # a name, as it was
    added_at = models.DateTimeField()
    last_seen_at = models.DateTimeField(null=True, blank=True)  # to the minute
    version = models.PositiveIntegerField(default=1)

    app_privileges = "SELECT, INSERT, UPDATE (key_digest, key_by, last_seen_at, version), DELETE"

    class Meta:
        constraints = [
            *tenant_constraints("licensing_device"),
            reference("licensing_device", "group_id", "licensing.LicenseGroup", "CASCADE"),
            models.UniqueConstraint(fields=["tenant", "group", "name_key"], name="device_name"),
            models.UniqueConstraint(fields=["tenant", "key_digest"], name="device_key"),
            models.CheckConstraint(name="device_is_named", condition=~models.Q(name_key="")),
            models.CheckConstraint(
                name="device_key_is_digest", condition=models.Q(key_digest__regex=r"^[0-9a-f]{64}$")
            ),
        ]
        indexes = [models.Index(fields=["tenant", "group", "added_at", "id"], name="device_added")]

    def __str__(self):
        return self.name


class LicencePlace(models.Model):
    """Where an account holds the role User: one place over all tenants (LG-17, decision 27).

    Readable without a tenant; written by the trigger on members alone.
    """

    user = models.OneToOneField(User, models.CASCADE, primary_key=True, related_name="+")
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+", db_index=False)
    member_id = models.UUIDField(unique=True)

    app_privileges = operator_privileges = "SELECT"

    def __str__(self):
        return str(self.member_id)


class SeatDay(TenantModel):
    """Seats used and bought at the end of a day (UTC); a trigger writes it with every change of either.

    The operator's role may write days of the past: it brings the history of a group that comes from elsewhere.
    """

    group = tenant_foreign_key(LicenseGroup)
    day = models.DateField()
    used = models.PositiveIntegerField()
    seats = models.PositiveIntegerField()

    app_privileges = "SELECT"
    operator_privileges = "SELECT, INSERT"

    class Meta:
        constraints = [
            *tenant_constraints("licensing_seatday"),
            reference("licensing_seatday", "group_id", "licensing.LicenseGroup", "CASCADE"),
            models.UniqueConstraint(fields=["tenant", "group", "day"], name="seatday_once"),
        ]

    def __str__(self):
        return f"{self.day}: {self.used}"
