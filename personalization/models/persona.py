"""Personal panels: they belong to an account, whatever license group or organisation it is in (LG-11)."""

from django.conf import settings
from django.db import models

from accounts.models import User
from config.schema import CURRENT_USER, RowLevelSecurity, RowModel

MOST_PANELS = 5  # of an account (LG-146)


class OwnRowsOnly(RowLevelSecurity):
    """Forced row-level security by account: the application's role sees and writes rows of the signed-in account alone.

    The table has no tenant (decision 27): it is readable outside every tenant's context, by its owner.
    """

    def statement(self, model, schema_editor):
        table, roles = schema_editor.quote_name(model._meta.db_table), settings.DATABASE_ROLES
        own = f"user_id = {CURRENT_USER}"
        return (
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY; ALTER TABLE {table} FORCE ROW LEVEL SECURITY; "
            f"CREATE POLICY own_rows ON {table} TO {roles['app']} USING ({own}) WITH CHECK ({own}); "
            f"CREATE POLICY operator_all ON {table} TO {roles['operator']} USING (true) WITH CHECK (true); "
            f"CREATE POLICY owner_all ON {table} TO CURRENT_USER USING (true) WITH CHECK (true)"
        )


class PersonalUI(RowModel):
    """The front panel of a printer as one person arranged it: `layout` is what personalization.persona.layout reads.

    No key to a license group or tenant: leaving, blocking and removing leave it as it is (LG-94, LG-108, LG-152), and
    only its owner or the end of the account deletes it (LG-153). At most five, at most one of them active.
    """

    user = models.ForeignKey(User, models.CASCADE, related_name="+", db_index=False, editable=False)
    slot = models.PositiveSmallIntegerField()  # 1 to 5: what makes a sixth impossible
    name = models.CharField(max_length=60)
    layout = models.JSONField()
    is_active = models.BooleanField(default=False)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    app_privileges = "SELECT, INSERT, UPDATE (name, layout, is_active, version, updated_at), DELETE"

    class Meta:
        constraints = [
            OwnRowsOnly(name="personalization_personalui_rls"),
            models.UniqueConstraint(fields=["user", "slot"], name="personalui_slot"),
            models.CheckConstraint(name="personalui_most", condition=models.Q(slot__gte=1, slot__lte=MOST_PANELS)),
            models.UniqueConstraint(fields=["user"], condition=models.Q(is_active=True), name="personalui_one_active"),
        ]

    def __str__(self):
        return self.name
