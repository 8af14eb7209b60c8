"""What each verb of a task does to many users at once. A step gets profiles that this transaction holds."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from personalization import moves
from personalization.models import Origin, Verb
from personalization.outcomes import Outcome


@dataclass(frozen=True, slots=True)
class Done:
    """What a step did: profiles or backups touched per user, and the outcome's word for a user."""

    changed: Counter
    word: Callable


def _create_backups(task, operation, owners):
    made = moves.back_up(
        tenant_id=task.tenant_id,
        profile_ids=owners,
        origin=Origin.TASK,
        created_by=task.creator_name,
        name=task.name,
        task_id=task.pk,
    )
    changed = Counter(owners[row.profile_id] for row in made)
    return Done(changed, lambda user: Outcome.BACKED_UP if changed[user] else Outcome.NOTHING_TO_BACK_UP)


def _restore(task, operation, owners):
    newest = moves.newest_backups(tenant_id=task.tenant_id, profile_ids=owners, not_later_than=operation.not_later_than)
    restored = moves.restore(
        tenant_id=task.tenant_id, pairs=newest.items(), created_by=task.creator_name, task_id=task.pk
    )
    changed = Counter(owners[row.profile_id] for row in restored)
    with_backup = {owners[profile_id] for profile_id in newest}

    def word(user):
        if changed[user]:
            return Outcome.RESTORED
        return Outcome.ALREADY_SO if user in with_backup else Outcome.NOTHING_TO_RESTORE

    return Done(changed, word)


def _delete_older(task, operation, owners):
    old = moves.backups_older_than(
        tenant_id=task.tenant_id,
        profile_ids=owners,
        age_days=operation.age_days,
        include_protected=operation.include_protected,
    )
    deleted = moves.delete_backups(
        tenant_id=task.tenant_id,
        backup_ids=old,
        include_protected=operation.include_protected,
        task_id=task.pk,
    )
    changed = Counter(owners[old[backup_id]] for backup_id in deleted)
    # The audit trail says so where protected ones went too (AC-MBK-2).
    gone = Outcome.DELETED_PROTECTED_TOO if operation.include_protected else Outcome.DELETED
    return Done(changed, lambda user: gone if changed[user] else Outcome.NOTHING_TO_DELETE)


def _undo(task, operation, owners):
    """Put back what the undone task replaced, delete what it made, bring back what it deleted (decision 14)."""
    left = moves.effects_of_task(tenant_id=task.tenant_id, task_id=task.undo_of_id, profile_ids=owners)
    restored = moves.restore(
        tenant_id=task.tenant_id,
        pairs=[(profile_id, backup_id) for profile_id, backup_id in left.before.items() if backup_id],
        created_by=task.creator_name,
        task_id=task.pk,
    )
    removed = moves.delete_backups(tenant_id=task.tenant_id, backup_ids=left.made, task_id=task.pk)
    returned = moves.bring_back(tenant_id=task.tenant_id, backup_ids=left.deleted)
    changed = Counter(owners[row.profile_id] for row in restored)
    changed.update(owners[left.made[backup_id]] for backup_id in removed)
    changed.update(owners[left.deleted[backup_id]] for backup_id in returned)
    skipped = {owners[profile_id] for profile_id, backup_id in left.before.items() if backup_id is None}

    def word(user):
        if user in skipped:
            return Outcome.PARTLY_UNDONE if changed[user] else Outcome.CHANGED_SINCE
        return Outcome.UNDONE if changed[user] else Outcome.CHANGED_SINCE

    return Done(changed, word)


STEPS = {
    Verb.CREATE_BACKUPS: _create_backups,
    Verb.RESTORE_LATEST: _restore,
    Verb.RESTORE_NOT_LATER: _restore,
    Verb.DELETE_OLDER: _delete_older,
    Verb.UNDO: _undo,
}
"""A later verb is one function here and one entry."""
