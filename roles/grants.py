"""The only writer of guardian's rows (decision 3): which objects a subject holds a role in.

The objects belong to a later app, which registers its model here; roles knows the tables through guardian.
"""

from django.contrib.auth.models import Permission
from django.db.models import Model
from guardian.utils import get_group_obj_perms_model, get_user_obj_perms_model

from accounts.models import UserGroup
from roles.catalogue import FAMILY, GRANT_CODENAMES, Role

_scopes: dict[str, type[Model]] = {}


def register_scope(family, model):
    """Say in whose objects the roles of a family are held; `model` has direct grant tables. Called at start-up."""
    _scopes[family] = model


def scope_model():
    """Return the model of the personalization groups: rows with `tenant_id`, `name`, `name_key` and `position`."""
    return _scopes[FAMILY]


def scope_objects(tenant_id):
    """Return every object of the tenant in which a role can be held, in the order in which endpoints try them."""
    return scope_model().objects.filter(tenant_id=tenant_id).order_by("position", "name_key")


def grant_tables():
    """Return guardian's direct tables for persons and for groups."""
    return get_user_obj_perms_model(scope_model()), get_group_obj_perms_model(scope_model())


def _holder(subject):
    persons, groups = grant_tables()
    if isinstance(subject, UserGroup):
        return groups, {"group_id": subject.pk}
    return persons, {"user_id": subject.user_id}


def granted_ids(subject):
    """Return the ids of the objects that the subject (a Membership or UserGroup) holds its role in."""
    table, holder = _holder(subject)
    rows = table.objects.filter(tenant_id=subject.tenant_id, **holder)
    return frozenset(rows.values_list("content_object_id", flat=True))


def replace_grants(subject, role, object_ids):
    """Make the subject hold `role` in exactly these objects, whatever it held before. At most four queries.

    Rows are written to the direct tables in bulk: guardian's `bulk_assign_perm` would leave out what a person already
    has through a group, and `assign_perm` asks per object.
    """
    table, holder = _holder(subject)
    rows = table.objects.filter(tenant_id=subject.tenant_id, **holder)
    codename = GRANT_CODENAMES.get(Role(role))
    kept = rows.filter(permission__codename=codename, content_object_id__in=object_ids)
    held = set(kept.values_list("content_object_id", flat=True))
    rows.exclude(pk__in=kept.values("pk")).delete()
    if missing := set(object_ids) - held:
        meta = scope_model()._meta
        permission = Permission.objects.get(
            codename=codename, content_type__app_label=meta.app_label, content_type__model=meta.model_name
        )
        table.objects.bulk_create(
            table(tenant_id=subject.tenant_id, permission=permission, content_object_id=pk, **holder)
            for pk in sorted(missing, key=str)
        )
