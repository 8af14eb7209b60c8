"""What every tenant table is made of: keys, row-level security, references inside the tenant, searches.

The rules are declared on the model as constraints, so that `makemigrations` writes them and nobody has to remember.
"""

from django.conf import settings
from django.db import models
from django.db.models.constraints import BaseConstraint

from config.identifiers import text_key, uuid7

CURRENT_TENANT = "NULLIF(current_setting('app.tenant_id', true), '')::uuid"
CURRENT_USER = "NULLIF(current_setting('app.user_id', true), '')::uuid"


class CurrentTenant(models.Func):
    """The tenant of the running transaction, as a database default for rows that a library writes."""

    template = CURRENT_TENANT
    arity = 0
    output_field = models.UUIDField()


class TextKeyField(models.TextField):
    """The `text_key` of another field of the row, kept on every save and bulk_create."""

    def __init__(self, *, source, **kwargs):
        self.source = source
        kwargs.setdefault("db_collation", "C")
        kwargs.setdefault("editable", False)
        kwargs.setdefault("blank", True)
        super().__init__(**kwargs)

    def deconstruct(self):
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, kwargs | {"source": self.source}

    def pre_save(self, model_instance, add):
        value = text_key(getattr(model_instance, self.source))
        setattr(model_instance, self.attname, value)
        return value


@models.Field.register_lookup
class LeakproofPrefix(models.Lookup):
    """`field__prefix="abc"`: `^@` (starts_with) is leakproof, so an index serves it under row-level security."""

    lookup_name = "prefix"
    prepare_rhs = True

    def as_sql(self, compiler, connection):
        left, left_params = self.process_lhs(compiler, connection)
        right, right_params = self.process_rhs(compiler, connection)
        return f"{left} ^@ {right}", [*left_params, *right_params]


class _SqlConstraint(BaseConstraint):
    """A constraint that is plain SQL and that Django's forms cannot check."""

    def constraint_sql(self, model, schema_editor):
        self.create_sql(model, schema_editor)

    def create_sql(self, model, schema_editor):
        # At the end of the migration: a reference needs the unique key of a table that may come later.
        schema_editor.deferred_sql.append(self.statement(model, schema_editor))

    def validate(self, model, instance, exclude=None, using=None):
        """Leave it to the database: the rule speaks of rows that a form does not see."""

    def __eq__(self, other):
        return isinstance(other, type(self)) and self.deconstruct() == other.deconstruct()

    __hash__ = object.__hash__


class RowLevelSecurity(_SqlConstraint):
    """Forced row-level security by `tenant_id`, with policies per database role.

    The application's role sees its tenant only; with `own_rows` it may also read rows of the signed-in user (decision
    27). The owner (migrations, SECURITY DEFINER functions) and the operator role see all.
    """

    def __init__(self, *, name, own_rows=False):
        super().__init__(name=name)
        self.own_rows = own_rows

    def deconstruct(self):
        path, args, kwargs = super().deconstruct()
        return path, args, kwargs | ({"own_rows": True} if self.own_rows else {})

    def statement(self, model, schema_editor):
        table = schema_editor.quote_name(model._meta.db_table)
        roles = settings.DATABASE_ROLES
        statements = [
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
            f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
            f"CREATE POLICY tenant ON {table} TO {roles['app']} "
            f"USING (tenant_id = {CURRENT_TENANT}) WITH CHECK (tenant_id = {CURRENT_TENANT})",
            f"CREATE POLICY operator_all ON {table} TO {roles['operator']} USING (true) WITH CHECK (true)",
            f"CREATE POLICY owner_all ON {table} TO CURRENT_USER USING (true) WITH CHECK (true)",
        ]
        if self.own_rows:
            statements.append(
                f"CREATE POLICY own_rows ON {table} FOR SELECT TO {roles['app']} USING (user_id = {CURRENT_USER})"
            )
        return "; ".join(statements)

    def remove_sql(self, model, schema_editor):
        table = schema_editor.quote_name(model._meta.db_table)
        names = ["tenant", "operator_all", "owner_all", "own_rows"]
        drops = "; ".join(f"DROP POLICY IF EXISTS {name} ON {table}" for name in names)
        return (
            f"{drops}; ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY; ALTER TABLE {table} DISABLE ROW LEVEL SECURITY"
        )


class TenantReference(_SqlConstraint):
    """A composite foreign key (tenant_id, column) -> (tenant_id, id): foreign-key checks bypass row-level security,
    so only this keeps a row of one tenant from pointing into another."""

    def __init__(self, *, name, field, to, to_field="id", on_delete="RESTRICT"):
        super().__init__(name=name)
        self.field, self.to, self.to_field, self.on_delete = field, to, to_field, on_delete

    def deconstruct(self):
        path, args, kwargs = super().deconstruct()
        own = {"field": self.field, "to": self.to, "to_field": self.to_field, "on_delete": self.on_delete}
        return path, args, kwargs | own

    def statement(self, model, schema_editor):
        quote = schema_editor.quote_name
        target = self.to.replace(".", "_").lower()
        action = self.on_delete
        if action == "SET NULL":
            action = f"SET NULL ({quote(self.field)})"  # not tenant_id
        return (
            f"ALTER TABLE {quote(model._meta.db_table)} ADD CONSTRAINT {quote(self.name)} "
            f"FOREIGN KEY (tenant_id, {quote(self.field)}) REFERENCES {quote(target)} (tenant_id, {quote(self.to_field)}) "
            f"ON DELETE {action} DEFERRABLE INITIALLY DEFERRED"
        )

    def remove_sql(self, model, schema_editor):
        quote = schema_editor.quote_name
        return f"ALTER TABLE {quote(model._meta.db_table)} DROP CONSTRAINT IF EXISTS {quote(self.name)}"


class RowModel(models.Model):
    """A row with a UUIDv7 key made in Python (a database default would be missing after `bulk_create`)."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)

    class Meta:
        abstract = True


class TenantModel(RowModel):
    """A row of one tenant. Each concrete Meta lists its own constraints after `tenant_constraints(...)`."""

    tenant = models.ForeignKey("accounts.Tenant", models.DO_NOTHING, editable=False, related_name="+", db_index=False)

    class Meta:
        abstract = True


def tenant_constraints(table, *, own_rows=False):
    """Return what every tenant table declares: forced row-level security and the key that references aim at."""
    return [
        RowLevelSecurity(name=f"{table}_rls", own_rows=own_rows),
        models.UniqueConstraint(fields=["tenant", "id"], name=f"{table}_tenant_id_key"),
    ]


def reference(table, field, to, on_delete="RESTRICT", to_field="id"):
    """Return the composite foreign key of one field; the Django field beside it says `db_constraint=False`."""
    return TenantReference(name=f"{table}_{field}_ref", field=field, to=to, to_field=to_field, on_delete=on_delete)


def tenant_foreign_key(to, **kwargs):
    """Return a Django foreign key whose database side is a `TenantReference`."""
    kwargs.setdefault("related_name", "+")
    return models.ForeignKey(to, models.DO_NOTHING, db_constraint=False, db_index=False, **kwargs)
