"""The settings store: blobs, snapshots, what is current for each user, and backups."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from config.schema import RowLevelSecurity, RowModel, TenantModel, reference, tenant_constraints, tenant_foreign_key
from personalization.models.people import ManagedUser, SettingsGroup


class Blob(TenantModel):
    """One content, stored once per tenant: `digest` = SHA-256 of the plain bytes, `stored` = zstd (INV-4)."""

    digest = models.BinaryField()
    size = models.BigIntegerField()
    stored = models.BinaryField()
    last_wanted_at = models.DateTimeField()

    app_privileges = "SELECT, INSERT, DELETE, UPDATE (last_wanted_at)"

    class Meta:
        constraints = [
            *tenant_constraints("personalization_blob"),
            models.UniqueConstraint(fields=["tenant", "digest"], name="blob_digest"),
        ]


class Snapshot(TenantModel):
    """An immutable state of one settings group: `manifest` = zstd of canonical bytes, `digest` their SHA-256."""

    digest = models.BinaryField()
    manifest = models.BinaryField()
    size = models.BigIntegerField()  # bytes of all values and files
    value_count = models.IntegerField(default=0)
    file_count = models.IntegerField(default=0)
    last_wanted_at = models.DateTimeField()

    app_privileges = "SELECT, INSERT, DELETE, UPDATE (last_wanted_at)"

    class Meta:
        constraints = [
            *tenant_constraints("personalization_snapshot"),
            models.UniqueConstraint(fields=["tenant", "digest"], name="snapshot_digest"),
        ]


class SnapshotBlob(TenantModel):
    """A snapshot's manifest names a blob: written with the snapshot, read by the collector."""

    snapshot = tenant_foreign_key(Snapshot)
    blob = tenant_foreign_key(Blob)

    class Meta:
        constraints = [
            *tenant_constraints("personalization_snapshotblob"),
            reference("personalization_snapshotblob", "snapshot_id", "personalization.Snapshot", "CASCADE"),
            reference("personalization_snapshotblob", "blob_id", "personalization.Blob"),
            models.UniqueConstraint(fields=["tenant", "snapshot", "blob"], name="snapshotblob_once"),
        ]
        indexes = [models.Index(fields=["tenant", "blob"], name="snapshotblob_blob")]


class SettingsProfile(TenantModel):
    """One user's current settings of one settings group (decision 5). `snapshot` null = nothing stored.

    `version` rises with every change; an upload based on an older one becomes a `stale-upload` backup (AC-SBK-6).
    """

    managed_user = tenant_foreign_key(ManagedUser)
    settings_group = tenant_foreign_key(SettingsGroup)
    variant = models.CharField(max_length=60, default="", blank=True)
    snapshot = tenant_foreign_key(Snapshot, null=True, blank=True)
    version = models.BigIntegerField(default=1)
    saved_at = models.DateTimeField()
    endpoint = models.CharField(max_length=100, blank=True, default="")
    os = models.CharField(max_length=60, blank=True, default="")

    class Meta:
        constraints = [
            *tenant_constraints("personalization_settingsprofile"),
            reference("personalization_settingsprofile", "managed_user_id", "personalization.ManagedUser", "CASCADE"),
            reference("personalization_settingsprofile", "settings_group_id", "personalization.SettingsGroup"),
            reference("personalization_settingsprofile", "snapshot_id", "personalization.Snapshot"),
            models.UniqueConstraint(
                fields=["tenant", "managed_user", "settings_group", "variant"], name="settingsprofile_once"
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "settings_group"], name="settingsprofile_group"),
            models.Index(fields=["tenant", "snapshot"], name="settingsprofile_snapshot"),
        ]


class Origin(models.TextChoices):
    NIGHTLY = "nightly", _("Nightly")
    MANUAL = "manual", _("Manual")
    TASK = "task", _("Task")
    BEFORE_CHANGE = "before-change", _("Before a change")
    STALE_UPLOAD = "stale-upload", _("Upload that came too late")


class Backup(RowModel):
    """An older state of one profile: one row that points to a snapshot (decision 12). Immutable except for protection,
    name, comment and deletion (INV-1).

    `protected_until` = 'infinity' protects for ever. `made_version` is the profile's version that the change after a
    `before-change` backup made: Undo is offered while it is current. `task_id` is the task that wrote the row,
    `deleted_task_id` the one that deleted it.

    Written by the thousand: its tenant is that of its profile, which the reference checks, and nothing refers to it, so
    it has neither a foreign key of the tenant nor a second unique key.
    """

    tenant = models.ForeignKey(
        "accounts.Tenant", models.DO_NOTHING, db_constraint=False, editable=False, related_name="+", db_index=False
    )
    profile = tenant_foreign_key(SettingsProfile)
    snapshot = tenant_foreign_key(Snapshot)
    created_at = models.DateTimeField()
    origin = models.CharField(max_length=14, choices=Origin)
    created_by = models.CharField(max_length=200, blank=True, default="")
    name = models.CharField(max_length=100, blank=True, default="")
    comment = models.CharField(max_length=500, blank=True, default="")
    protected_until = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)
    made_version = models.BigIntegerField(null=True, blank=True)
    task_id = models.UUIDField(null=True, blank=True)
    deleted_task_id = models.UUIDField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1)

    app_privileges = (
        "SELECT, INSERT, DELETE, UPDATE (protected_until, name, comment, deleted_at, deleted_task_id, version)"
    )

    class Meta:
        constraints = [
            RowLevelSecurity(name="personalization_backup_rls"),
            reference("personalization_backup", "profile_id", "personalization.SettingsProfile", "CASCADE"),
            reference("personalization_backup", "snapshot_id", "personalization.Snapshot"),
        ]
        indexes = [
            models.Index(fields=["tenant", "profile", "-created_at", "-id"], name="backup_newest"),
            models.Index(fields=["tenant", "snapshot"], name="backup_snapshot"),
            models.Index(
                fields=["tenant", "task_id", "profile"], name="backup_task", condition=models.Q(task_id__isnull=False)
            ),
            models.Index(
                fields=["tenant", "deleted_task_id", "profile"],
                name="backup_deleted_task",
                condition=models.Q(deleted_task_id__isnull=False),
            ),
        ]
