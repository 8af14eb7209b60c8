"""Many managed users at once, set-based: the ledger is about hundreds. And the few verbs its tests repeat."""

from dataclasses import dataclass
from uuid import UUID

from django.db import connection

from audit.models import Event
from personalization.actions.tasks import Operation, Targets, submit_task
from personalization.models import Backup, ManagedUser, SettingsGroup, SettingsProfile, Task, TaskItem, Verb
from personalization.runner import run_tenant
from tests import factories

_STATEMENTS = """
INSERT INTO personalization_settingsgroup
    (id, tenant_id, kind, name, name_key, description, programs, is_managed, created_at)
SELECT roamkeep_uuid7(), %(tenant)s, CASE WHEN n %% 2 = 1 THEN 'application' ELSE 'windows' END, 'Program ' || n,
       'program ' || n, '', '[]', true, now()
FROM generate_series(1, %(groups)s) n ON CONFLICT DO NOTHING;
INSERT INTO personalization_snapshot
    (id, tenant_id, digest, manifest, size, value_count, file_count, last_wanted_at)
SELECT roamkeep_uuid7(), %(tenant)s, sha256(('state ' || n)::bytea), '', 100, 1, 0, now()
FROM generate_series(0, %(backups)s) n ON CONFLICT DO NOTHING;
INSERT INTO personalization_manageduser
    (id, tenant_id, sid, domain, domain_key, name, name_key, display_name, group_id, last_endpoint, is_logged_on,
     created_at)
SELECT roamkeep_uuid7(), %(tenant)s, %(prefix)s || n, 'FIN', 'fin', %(prefix)s || lpad(n::text, 5, '0'),
       %(prefix)s || lpad(n::text, 5, '0'), '', %(group)s, '', false, now()
FROM generate_series(1, %(users)s) n;
INSERT INTO personalization_settingsprofile
    (id, tenant_id, managed_user_id, settings_group_id, variant, snapshot_id, version, saved_at, endpoint, os)
SELECT roamkeep_uuid7(), %(tenant)s, u.id, g.id, '', s.id, 1, now(), '', ''
FROM personalization_manageduser u, personalization_settingsgroup g, personalization_snapshot s
WHERE u.tenant_id = %(tenant)s AND u.sid ^@ %(prefix)s AND g.tenant_id = %(tenant)s AND s.tenant_id = %(tenant)s
  AND s.digest = sha256('state 0') ORDER BY u.name_key, g.name_key;
INSERT INTO personalization_backup
    (id, tenant_id, profile_id, snapshot_id, created_at, origin, created_by, name, comment, version)
SELECT roamkeep_uuid7(), %(tenant)s, p.id, s.id, now() - make_interval(days => 10 * b), 'nightly', '', '', '', 1
FROM generate_series(1, %(backups)s) b, personalization_snapshot s, personalization_settingsprofile p
JOIN personalization_manageduser u ON u.id = p.managed_user_id
WHERE s.tenant_id = %(tenant)s AND s.digest = sha256(('state ' || b)::bytea) AND p.tenant_id = %(tenant)s
  AND u.sid ^@ %(prefix)s;
"""


@dataclass(frozen=True)
class Crowd:
    """Managed users named <prefix>00001 and up, each with a profile in every settings group.

    Current is "state 0"; backup b is nightly, 10 x b days old and holds "state b".
    """

    world: factories.World
    users: tuple[UUID, ...]


def crowd(world, users, *, groups=2, backups=1, group=None, prefix="u"):
    """Return a Crowd in a personalization group (Finance)."""
    with world.context(), connection.cursor() as cursor:
        cursor.execute(
            _STATEMENTS,
            {
                "tenant": world.pk,
                "users": users,
                "groups": groups,
                "backups": backups,
                "group": group or world.finance,
                "prefix": prefix,
            },
        )
        made = ManagedUser.objects.filter(tenant_id=world.pk, sid__startswith=prefix).order_by("name_key")
        return Crowd(world, tuple(made.values_list("pk", flat=True)))


ALL_KINDS = ("application", "windows")


def operation(verb, **options):
    """Return one step over every settings group."""
    return Operation(verb=verb, **({"kinds": ALL_KINDS} | options))


def submit(world, member, *verbs, users=(), groups=None, reported=(), name="Clean-up", **options):
    """Submit a task of a member for users or personalization groups (Finance) and return it."""
    steps = [verb if isinstance(verb, Operation) else operation(verb) for verb in verbs or (Verb.RESTORE_LATEST,)]
    chosen = groups if groups is not None else () if users or reported else (world.finance,)
    targets = Targets(groups=tuple(chosen), users=tuple(users), reported_groups=tuple(reported))
    by = factories.actor(member)
    options.setdefault("expected_users", None)
    with world.context():
        if options["expected_users"] is None:
            options["expected_users"] = _count(world, steps, targets, by)
        return submit_task(tenant_id=world.pk, name=name, operations=steps, targets=targets, by=by, **options)


def _count(world, steps, targets, by):
    from personalization.actions.tasks import preview

    return preview(tenant_id=world.pk, operations=steps, targets=targets, by=by).users


def run(world, **options):
    """Work off the queue of a tenant as a worker does, without waiting for pauses between tries."""
    while (pause := run_tenant(world.pk, **options)) is not None:
        if pause:
            let_pauses_pass(world)


def let_pauses_pass(world):
    """Make every user who waits for a further try due now."""
    with world.context():
        TaskItem.objects.filter(tenant_id=world.pk, state=0).update(retry_after=None)


def fresh(world, task):
    with world.context():
        return Task.objects.get(pk=task.pk)


def items(world, task):
    with world.context():
        return list(TaskItem.objects.filter(task_id=task.pk).order_by("id"))


def states(world):
    """Return {profile: number of its current state}, as `crowd` counts them."""
    with world.context():
        numbers = _numbers()
        return {p.pk: numbers.get(p.snapshot_id) for p in SettingsProfile.objects.filter(tenant_id=world.pk)}


def _numbers():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT s.id, n FROM personalization_snapshot s JOIN generate_series(0, 50) n "
            "ON s.digest = sha256(('state ' || n)::bytea)"
        )
        return dict(cursor.fetchall())


def backups(world, **filters):
    with world.context():
        return list(Backup.objects.filter(tenant_id=world.pk, **filters).order_by("created_at", "id"))


def profiles(world):
    with world.context():
        rows = SettingsProfile.objects.filter(tenant_id=world.pk).order_by(
            "managed_user__name_key", "settings_group__name_key"
        )
        return list(rows)


def events(world, verb):
    with world.context():
        return list(Event.objects.filter(tenant_id=world.pk, verb=verb).order_by("id"))


def settings_groups(world):
    with world.context():
        return list(SettingsGroup.objects.filter(tenant_id=world.pk).order_by("name_key"))


def outcomes(world, task):
    return [item.outcome for item in items(world, task)]


LAST_VERSION = 2**63 - 1  # one more does not fit: the change of this profile fails, in the database itself


def break_user(world, user):
    with world.context():
        SettingsProfile.objects.filter(managed_user_id=user).update(version=LAST_VERSION)
