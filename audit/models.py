"""What happened: events, the tallies of those to come, and the seals that make tampering visible."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from config.schema import RowLevelSecurity, RowModel


class Outcome(models.TextChoices):
    OK = "ok", _("Success")
    WARNING = "warning", _("Warning")
    REFUSED = "refused", _("Refused")
    FAILED = "failed", _("Error")


class Channel(models.TextChoices):
    WEB = "web", _("Console")
    API = "api", _("Web service")
    COMMAND = "command", _("Server command")
    WORKER = "worker", _("Background task")
    ENDPOINT = "endpoint", _("Endpoint")
    SELF_SERVICE = "self-service", _("Self-service")


TOLD_ONCE = models.Q(parent_id=None) & ~models.Q(verb="user.changed")
"""Leaves out what tasks and changes of many did to each one: their own events say it."""


class EventColumns(RowModel):
    """What an event tells, whether it is written already (`Event`) or still counted (`Tally`)."""

    tenant_id = models.UUIDField()
    at = models.DateTimeField()
    verb = models.CharField(max_length=60)
    outcome = models.CharField(max_length=10, choices=Outcome, default=Outcome.OK)
    channel = models.CharField(max_length=12, choices=Channel)
    actor_id = models.UUIDField(null=True)  # a membership
    actor_role = models.CharField(max_length=40, default="")
    actor_groups = ArrayField(models.UUIDField(), default=list)  # personalization groups of the actor at the time
    subject_type = models.CharField(max_length=40, default="")
    subject_id = models.UUIDField(null=True)
    group_id = models.UUIDField(null=True)  # personalization group at the time
    license_group_id = models.UUIDField(null=True)
    task_id = models.UUIDField(null=True)
    parent_id = models.UUIDField(null=True)
    request_id = models.UUIDField(null=True)
    count = models.IntegerField(default=1)
    labels = models.JSONField(default=dict)
    actor_key = models.CharField(max_length=200, default="", db_collation="C")  # text key of the actor's name
    salt = models.BinaryField()

    class Meta:
        abstract = True


class Event(EventColumns):
    """One thing that happened, in the transaction of the change it tells (UM-50).

    No foreign keys: history never blocks a deletion, and names in `labels` stay as they were (AC-AUD-8). `labels` holds
    every name, address and before/after value; an erasure empties it and `salt` and keeps the digest.
    """

    erased_hash = models.BinaryField(null=True)  # SHA-256(salt || labels), kept when both are emptied
    seal_id = models.UUIDField(null=True)

    app_privileges = "SELECT, INSERT, UPDATE (seal_id)"

    class Meta:
        constraints = [RowLevelSecurity(name="audit_event_rls")]
        indexes = [
            models.Index(fields=["tenant_id", "-id"], name="event_newest"),
            models.Index(fields=["tenant_id", "actor_id", "-id"], name="event_actor"),
            models.Index(fields=["tenant_id", "actor_key", "-id"], name="event_actor_key"),
            models.Index(fields=["tenant_id", "group_id", "-id"], name="event_group"),
            models.Index(fields=["tenant_id", "verb", "-id"], name="event_verb"),
            models.Index(fields=["tenant_id", "subject_id", "-id"], name="event_subject"),
            models.Index(fields=["tenant_id", "task_id", "-id"], name="event_task"),
            models.Index(fields=["tenant_id", "id"], name="event_unsealed", condition=models.Q(seal_id=None)),
            models.Index(fields=["tenant_id", "-id"], name="event_told_once", condition=TOLD_ONCE),
        ]


class Tally(EventColumns):
    """Equal failed sign-ins or refusals of the running minute, before they become one event with a count (decision 31).

    The columns are those of the event to come; `id`, `at` and `labels` are the first one's. `key` is a digest of what
    equal ones have in common, `series` a name under which somebody may end a run of them before the minute is over.
    """

    key = models.CharField(max_length=64)
    series = models.CharField(max_length=64, default="")
    last_at = models.DateTimeField()

    class Meta:
        constraints = [
            RowLevelSecurity(name="audit_tally_rls"),
            models.UniqueConstraint(fields=["tenant_id", "key"], name="tally_once"),
        ]
        indexes = [
            models.Index(fields=["tenant_id", "at"], name="tally_due"),
            models.Index(fields=["tenant_id", "series"], name="tally_series"),
        ]


class Seal(RowModel):
    """A batch of events under one hash that covers the previous seal's: changing a row breaks the chain from there on.

    `hash` = SHA-256(previous || number || the rows' digests in id order). Seals are never deleted.
    """

    tenant_id = models.UUIDField()
    number = models.BigIntegerField()
    at = models.DateTimeField()
    count = models.IntegerField()
    previous = models.BinaryField()
    digests = models.BinaryField()
    hash = models.BinaryField()

    app_privileges = "SELECT, INSERT"

    class Meta:
        constraints = [
            RowLevelSecurity(name="audit_seal_rls"),
            models.UniqueConstraint(fields=["tenant_id", "number"], name="seal_number"),
        ]
