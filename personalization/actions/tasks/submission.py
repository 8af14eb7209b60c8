"""Writing a task into the ledger: a new one from a plan, or the inverse of one that has ended."""

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from config.errors import Conflict, Refused
from personalization.actions.tasks.plan import TARGETS, TYPED_ABOVE, check, target_parameters
from personalization.actions.tasks.steering import LONGEST_DEFERRAL, checked_name, has_ended, locked, tell
from personalization.bell import ring_on_commit
from personalization.models import (
    PersonalizationGroup,
    ReportedGroup,
    SettingsGroup,
    Task,
    TaskOperation,
    TaskState,
    Verb,
)
from personalization.wording import operation_label

_INSERT_ITEMS = """
    INSERT INTO personalization_taskitem
        (id, tenant_id, task_id, managed_user_id, group_id, user_label, state, attempts, applied, changed, outcome,
         error)
"""


@transaction.atomic
def submit_task(*, tenant_id, name, operations, targets, run_after=None, expected_users=None, by):
    """Write a task with its steps and one item per managed user, ring the bell, return the Task.

    `expected_users` is the number the person was shown: above 50 users it must be given, and another number is answered
    with 409. Users outside the creator's groups are left out.
    """
    check(operations, targets, by)
    if run_after is not None and run_after > timezone.now() + LONGEST_DEFERRAL:
        raise Refused(_("Choose a time within a year."), field="run_after", code="too-late")
    task = _new_task(tenant_id, checked_name(name), by, run_after=run_after, scope=_described(tenant_id, targets))
    for position, operation in enumerate(operations):
        TaskOperation.objects.create(
            tenant_id=tenant_id,
            task=task,
            position=position,
            verb=operation.verb,
            kinds=list(operation.kinds),
            settings_groups=[str(pk) for pk in operation.settings_groups],
            not_later_than=operation.not_later_than,
            age_days=operation.age_days,
            include_protected=operation.include_protected,
        )
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            {_INSERT_ITEMS}
            SELECT roamkeep_uuid7(), %(tenant)s, %(task)s, u.id, u.group_id, u.domain || '\\' || u.name,
                   0, 0, 0, 0, '', ''
            FROM (SELECT u.* {TARGETS} ORDER BY u.domain_key, u.name_key) u
            """,
            target_parameters(tenant_id, targets, by) | {"task": task.pk},
        )
    _count(task)
    if not task.selected and not targets.groups and not targets.users:
        raise Refused(
            _("These directory groups have no known members yet: members are known from their last logon."),
            field="reported_groups",
            code="no-known-members",
        )
    if expected_users is None and task.selected > TYPED_ABOVE:
        raise Refused(_("Confirm the number of users."), field="typed", code="count-not-confirmed")
    if expected_users is not None and expected_users != task.selected:
        raise Conflict(
            _("The number of users has changed since the preview."),
            code="stale-count",
            changes=[(_("Users"), expected_users, task.selected)],
        )
    tell(
        "task.submitted",
        task,
        by,
        operations=_told(tenant_id, operations),
        selected=task.selected,
        run_after=task.run_after.isoformat(timespec="seconds"),
        **task.scope,
    )
    ring_on_commit(tenant_id)
    return task


def _new_task(tenant_id, name, by, *, run_after=None, scope=None, undo_of=None):
    now = timezone.now()
    deferred = run_after is not None and run_after > now
    return Task.objects.create(
        tenant_id=tenant_id,
        number=_next_number(tenant_id),
        name=name,
        creator_id=by.id,
        creator_user_id=by.user_id,
        creator_name=by.name,
        scope=scope or {},
        state=TaskState.WAITING if deferred else TaskState.RUNNABLE,
        created_at=now,
        run_after=run_after if deferred else now,
        undo_of_id=undo_of,
    )


def _next_number(tenant_id):
    with connection.cursor() as cursor:
        lock = "SELECT pg_advisory_xact_lock(hashtextextended('personalization.task.number' || %s, 0))"
        cursor.execute(lock, [str(tenant_id)])
        cursor.execute(
            "SELECT coalesce(max(number), 0) + 1 FROM personalization_task WHERE tenant_id = %s", [tenant_id]
        )
        return cursor.fetchone()[0]


def _count(task):
    """Set the number of users and the groups of a task from its items."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT count(*), array_agg(DISTINCT group_id) FROM personalization_taskitem
            WHERE tenant_id = %s AND task_id = %s
            """,
            [task.tenant_id, task.pk],
        )
        task.selected, groups = cursor.fetchone()
    task.scope_groups = sorted(str(group) for group in groups or ())
    task.save(update_fields=["selected", "scope_groups"])


def _told(tenant_id, operations):
    """Return the operations as an event's label, with the names of their settings groups."""
    chosen = {pk for operation in operations for pk in operation.settings_groups}
    groups = SettingsGroup.objects.filter(tenant_id=tenant_id, pk__in=chosen).order_by("name_key")
    names = list(groups.values_list("pk", "name"))
    return [
        operation_label(operation, [name for pk, name in names if pk in operation.settings_groups])
        for operation in operations
    ]


def _described(tenant_id, targets):
    def names(model, ids):
        rows = model.objects.filter(tenant_id=tenant_id, pk__in=ids).order_by("name_key")
        return list(rows.values_list("name", flat=True))

    return {
        "groups": names(PersonalizationGroup, targets.groups),
        "reported_groups": names(ReportedGroup, targets.reported_groups),
        "named_users": len(targets.users),
    }


def undo_of(task):
    """Return the task that undoes this one or is about to, or None."""
    undone = Task.objects.filter(tenant_id=task.tenant_id, undo_of_id=task.pk).exclude(state=TaskState.CANCELED)
    return undone.first()


def check_undo(task):
    """Raise Conflict unless the task has ended, changed something, and no other task undoes it."""
    if task.undo_of_id:
        raise Conflict(_("An undo cannot be undone. Submit a new task instead."), code="not-undoable")
    if not has_ended(task):
        raise Conflict(_("Only a task that has ended can be undone."), code="not-undoable")
    if not task.changed:
        raise Conflict(_("This task has changed nothing: there is nothing to undo."), code="not-undoable")
    if undo := undo_of(task):
        raise Conflict(_("Task #%(number)s undoes this task already.") % {"number": undo.number}, code="not-undoable")


def may_undo(task):
    """Say whether Undo is offered (see `check_undo`)."""
    try:
        check_undo(task)
    except Conflict:
        return False
    return True


@transaction.atomic
def undo_task(*, task, version=None, by):
    """Submit the inverse task: put back each user's state wherever nothing has changed since (decision 14).

    Whom it skips shows in the items of that task, once it has run.
    """
    row = locked(task, by, version=version)
    check_undo(row)
    name = _("Undo #%(number)s: %(name)s") % {"number": row.number, "name": row.name}
    undo = _new_task(row.tenant_id, name[:100].strip(), by, scope=row.scope, undo_of=row.pk)
    TaskOperation.objects.create(tenant_id=row.tenant_id, task=undo, position=0, verb=Verb.UNDO)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            {_INSERT_ITEMS}
            SELECT roamkeep_uuid7(), tenant_id, %s, managed_user_id, group_id, user_label, 0, 0, 0, 0, '', ''
            FROM (SELECT * FROM personalization_taskitem
                  WHERE tenant_id = %s AND task_id = %s AND changed > 0 ORDER BY id) i
            """,
            [undo.pk, row.tenant_id, row.pk],
        )
    _count(undo)
    told = [{"verb": str(Verb.UNDO), "undo_of": row.number}]
    tell("task.submitted", undo, by, operations=told, selected=undo.selected, undo_of=row.number)
    ring_on_commit(row.tenant_id)
    return undo
