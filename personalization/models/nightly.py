"""One row per tenant and night: that the nightly run was done, and what it did."""

from django.db import models

from config.schema import TenantModel, tenant_constraints


class NightlyRun(TenantModel):
    """The nightly run of one day of the tenant's calendar. `ended_at` null = begun and not finished: it goes on later.
    `failed_at` = an error stopped it then, and it has not gone on since.

    The unique key makes it happen once a day, whatever the clock does (AC-BGS-4). Counts are those of the summary event
    (AC-BGS-1): rows written, profiles found unchanged, rows removed by age or number, deleted rows purged for good,
    snapshots and blobs collected.
    """

    day = models.DateField()
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    failed_at = models.DateTimeField(null=True, blank=True)
    backups = models.BigIntegerField(default=0)
    unchanged = models.BigIntegerField(default=0)
    removed = models.BigIntegerField(default=0)
    purged = models.BigIntegerField(default=0)
    snapshots = models.BigIntegerField(default=0)
    blobs = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            *tenant_constraints("personalization_nightlyrun"),
            models.UniqueConstraint(fields=["tenant", "day"], name="nightlyrun_day"),
        ]
