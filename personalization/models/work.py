"""The ledger of work on many users: tasks, what they do, and one item per managed user."""

from datetime import UTC, datetime

from django.db import models
from django.utils.translation import gettext_lazy as _

from config.schema import RowLevelSecurity, RowModel, TenantModel, reference, tenant_constraints, tenant_foreign_key


class Verb(models.TextChoices):
    CREATE_BACKUPS = "create-backups", _("Create backups")
    RESTORE_LATEST = "restore-latest", _("Restore the latest backup")
    RESTORE_NOT_LATER = "restore-not-later", _("Restore the newest backup not later than a given time")
    DELETE_OLDER = "delete-older", _("Delete backups older than a given age")
    UNDO = "undo", _("Undo a task")


class TaskState(models.TextChoices):
    """States of spec 4.7. Waiting = deferred, not due; a due one is runnable."""

    RUNNABLE = "runnable", _("Ready")
    WAITING = "waiting", _("Deferred")
    RUNNING = "running", _("Running")
    PAUSED = "paused", _("Paused")
    COMPLETED = "completed", _("Completed")
    WARNING = "warning", _("Completed with warning")
    FAILED = "failed", _("Failed")
    CANCELED = "canceled", _("Canceled")


FINAL_STATES = (TaskState.COMPLETED, TaskState.WARNING, TaskState.FAILED, TaskState.CANCELED)


class Task(TenantModel):
    """One submitted piece of work on many users. One FIFO queue per tenant, in `number` order (decision 17)."""

    number = models.BigIntegerField()
    name = models.CharField(max_length=100)
    creator_id = models.UUIDField()  # membership; no foreign key: the task outlives the person
    creator_user_id = models.UUIDField()
    creator_name = models.CharField(max_length=200)
    scope = models.JSONField(default=dict)  # what was chosen, for display: group names, directory groups, named users
    scope_groups = models.JSONField(default=list)  # personalization group ids of the targets at submission
    state = models.CharField(max_length=10, choices=TaskState, default=TaskState.RUNNABLE)
    created_at = models.DateTimeField()
    run_after = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    undo_of_id = models.UUIDField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1)
    selected = models.IntegerField(default=0)
    done = models.IntegerField(default=0)
    succeeded = models.IntegerField(default=0)
    partial = models.IntegerField(default=0)
    failed = models.IntegerField(default=0)
    denied = models.IntegerField(default=0)
    retries = models.IntegerField(default=0)
    changed = models.BigIntegerField(default=0)  # profiles or backups touched

    class Meta:
        constraints = [
            *tenant_constraints("personalization_task"),
            models.UniqueConstraint(fields=["tenant", "number"], name="task_number"),
            models.UniqueConstraint(
                fields=["tenant", "undo_of_id"], name="task_undone_once", condition=~models.Q(state="canceled")
            ),
        ]
        indexes = [
            models.Index(
                fields=["tenant", "number"],
                name="task_open",
                condition=models.Q(state__in=["runnable", "waiting", "running", "paused"]),
            ),
            models.Index(fields=["tenant", "-id"], name="task_newest"),
        ]

    def __str__(self):
        return f"#{self.number} {self.name}"


EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)  # of what a task may go back to


class TaskOperation(TenantModel):
    """One step applied to every target user, in `position` order. `settings_groups` empty = all of `kinds`."""

    task = tenant_foreign_key(Task)
    position = models.PositiveIntegerField()
    verb = models.CharField(max_length=20, choices=Verb)
    kinds = models.JSONField(default=list)
    settings_groups = models.JSONField(default=list)
    not_later_than = models.DateTimeField(null=True, blank=True)
    age_days = models.PositiveIntegerField(null=True, blank=True)
    include_protected = models.BooleanField(default=False)

    class Meta:
        constraints = [
            *tenant_constraints("personalization_taskoperation"),
            reference("personalization_taskoperation", "task_id", "personalization.Task", "CASCADE"),
            models.UniqueConstraint(fields=["tenant", "task", "position"], name="taskoperation_position"),
            # A time before year 1 cannot be read back: one such row would stop the tenant's whole queue.
            models.CheckConstraint(
                name="taskoperation_time",
                condition=models.Q(not_later_than=None) | models.Q(not_later_than__gte=EARLIEST),
            ),
        ]


class ItemState(models.IntegerChoices):
    PENDING = 0, _("Waiting")
    SUCCEEDED = 1, _("Succeeded")
    PARTIAL = 2, _("Partially succeeded")
    FAILED = 3, _("Failed")
    DENIED = 4, _("Not authorised")
    CANCELED = 5, _("Canceled")


class TaskItem(RowModel):
    """One managed user of one task. No foreign keys: they cost three times on bulk inserts; a nightly check stands in.

    `outcome` is a word of `personalization.outcomes`. `retry_after` holds a failed try back for a growing pause;
    `applied` counts the operations that are done for good, so that a retry of a partial success goes on behind them.
    """

    tenant_id = models.UUIDField()
    task_id = models.UUIDField()
    managed_user_id = models.UUIDField()
    group_id = models.UUIDField()  # personalization group of the user, at submission then at execution
    user_label = models.CharField(max_length=170)
    state = models.SmallIntegerField(choices=ItemState, default=ItemState.PENDING)
    attempts = models.SmallIntegerField(default=0)
    retry_after = models.DateTimeField(null=True)
    applied = models.SmallIntegerField(default=0)
    changed = models.IntegerField(default=0)
    outcome = models.CharField(max_length=40, default="")
    error = models.CharField(max_length=300, default="")
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            RowLevelSecurity(name="personalization_taskitem_rls"),
            models.UniqueConstraint(fields=["tenant_id", "task_id", "managed_user_id"], name="taskitem_once"),
        ]
        indexes = [  # pending items in the order of their ids too
            models.Index(fields=["tenant_id", "task_id", "state", "id"], name="taskitem_state"),
        ]
