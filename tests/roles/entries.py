"""Adding, changing and removing entries as the tests do it, and what came of it."""

from audit.models import Event
from roles.actions import remove_entries, set_entry
from roles.rights import rights_of
from tests import factories


def add(world, subject, role, groups=(), *, by):
    with world.context():
        entry = set_entry(tenant_id=world.pk, subject=subject, role=role, groups=groups, by=by)
        factories.check_now()
    return entry


def change(world, subject, role, groups=(), *, version=1, by, **more):
    with world.context():
        entry = set_entry(tenant_id=world.pk, subject=subject, role=role, groups=groups, version=version, by=by, **more)
        factories.check_now()
    return entry


def remove(world, *entries, by, **more):
    with world.context():
        removed = remove_entries(entries=entries, by=by, **more)
        factories.check_now()
    return removed


def events(world, *verbs):
    with world.context():
        return list(Event.objects.filter(tenant_id=world.pk, verb__in=verbs).order_by("id"))


def rights(world, member):
    with world.context():
        return rights_of(member)
