"""What the summary page shows of many rows: counted now and then, read at once."""

from django.db import models

from config.schema import TenantModel, reference, tenant_constraints, tenant_foreign_key
from personalization.models.people import PersonalizationGroup


class SummaryCount(TenantModel):
    """One row per tenant: when its figures were counted (null = never) and when somebody last asked for a count.

    Both times are the database's, so that comparing them says whether a count is still to come. `stored_bytes` is what
    all backups of the tenant take in the store, each content once; it is less than the sum over the groups, which share
    contents.
    """

    counted_at = models.DateTimeField(null=True, blank=True)
    asked_at = models.DateTimeField(null=True, blank=True)
    stored_bytes = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            *tenant_constraints("personalization_summarycount"),
            models.UniqueConstraint(fields=["tenant"], name="summarycount_once"),
        ]

    @property
    def is_pending(self):
        """Whether somebody asked after the last count began."""
        return self.asked_at is not None and (self.counted_at is None or self.asked_at > self.counted_at)


class GroupFigures(TenantModel):
    """The figures of one personalization group at its tenant's last count.

    Users by their current group (INV-5), `active_users` of them logged on within 30
    days; profiles with current settings; backups that are not deleted. Bytes: `current_bytes` and `backup_bytes` sum the
    snapshots' sizes row by row (AC-SUM-2), `stored_bytes` is what the group's backups take in the store, each content
    once and compressed.
    """

    group = tenant_foreign_key(PersonalizationGroup)
    users = models.BigIntegerField()
    active_users = models.BigIntegerField()
    profiles = models.BigIntegerField()
    backups = models.BigIntegerField()
    protected_backups = models.BigIntegerField()
    current_bytes = models.BigIntegerField()
    backup_bytes = models.BigIntegerField()
    stored_bytes = models.BigIntegerField()

    class Meta:
        constraints = [
            *tenant_constraints("personalization_groupfigures"),
            reference("personalization_groupfigures", "group_id", "personalization.PersonalizationGroup", "CASCADE"),
            models.UniqueConstraint(fields=["tenant", "group"], name="groupfigures_once"),
        ]
