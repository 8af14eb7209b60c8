"""What each verb of a task does to many users at once. A step gets profiles that this transaction holds."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from uuid import UUID

from personalization import moves
from personalization.models import Task, TaskOperation, Verb
from personalization.outcomes import Outcome


@dataclass(frozen=True, slots=True)
class Step:
    """One operation on users; `settings_groups` None = all. `held` are the profiles of those who have some, unless the
    step holds what it changes itself."""

    task: Task
    operation: TaskOperation
    users: Collection[UUID]
    held: Mapping[UUID, moves.Held]
    settings_groups: frozenset[UUID] | None

    def where(self):
        """Return what every statement needs."""
        return {
            "tenant_id": self.task.tenant_id,
            "task_id": self.task.pk,
            "settings_group_ids": self.settings_groups,
        }

    def profiles(self):
        """Return the held profiles, as the statements take them."""
        return moves.all_profiles(self.held.values())


@dataclass(frozen=True, slots=True)
class Done:
    """What a step did: profiles or backups touched per user, the outcome's word for a user, and whom another held."""

    changed: Mapping[UUID, int]
    word: Callable[[UUID], str]
    locked_out: frozenset[UUID] = frozenset()


def _create_backups(step):
    made = moves.back_up_many(
        profiles=step.profiles(), created_by=step.task.creator_name, name=step.task.name, **step.where()
    )
    return Done(made, lambda user: Outcome.BACKED_UP if user in made else Outcome.NOTHING_TO_BACK_UP)


def _restore(step):
    restored = moves.restore_many(
        user_ids=step.users,
        not_later_than=step.operation.not_later_than,
        created_by=step.task.creator_name,
        **step.where(),
    )
    changed = {user: row.changed for user, row in restored.items() if row.changed}

    def word(user):
        if user not in restored:
            return Outcome.NOTHING_TO_RESTORE
        return Outcome.RESTORED if user in changed else Outcome.ALREADY_SO

    return Done(changed, word, frozenset(user for user, row in restored.items() if not row.is_whole))


def _delete_older(step):
    with_protected = step.operation.include_protected
    deleted = moves.delete_older_many(
        profiles=step.profiles(), age_days=step.operation.age_days, include_protected=with_protected, **step.where()
    )
    # The audit trail says so where protected ones went too (AC-MBK-2).
    gone = Outcome.DELETED_PROTECTED_TOO if with_protected else Outcome.DELETED
    return Done(deleted, lambda user: gone if user in deleted else Outcome.NOTHING_TO_DELETE)


def _undo(step):
    """Put back what the undone task replaced, delete what it made, bring back what it deleted (decision 14)."""
    task, common = step.task, {"tenant_id": step.task.tenant_id}
    owners = {profile_id: user_id for user_id, held in step.held.items() for profile_id in held.ids}
    left = moves.effects_of_task(task_id=task.undo_of_id, profile_ids=owners, **common)
    pairs = [(profile_id, backup_id) for profile_id, backup_id in left.before.items() if backup_id]
    restored = moves.restore(pairs=pairs, created_by=task.creator_name, task_id=task.pk, **common)
    removed = moves.delete_backups(backup_ids=left.made, task_id=task.pk, **common)
    returned = moves.bring_back(backup_ids=left.deleted, **common)
    changed = Counter(owners[row.profile_id] for row in restored)
    changed.update(owners[left.made[backup_id]] for backup_id in removed)
    changed.update(owners[left.deleted[backup_id]] for backup_id in returned)
    skipped = {owners[profile_id] for profile_id, backup_id in left.before.items() if backup_id is None}
    same_already = {owners[profile_id] for profile_id, _backup_id in pairs} - skipped

    def word(user):
        if changed[user]:
            return Outcome.PARTLY_UNDONE if user in skipped else Outcome.UNDONE
        return Outcome.ALREADY_SO if user in same_already else Outcome.CHANGED_SINCE

    return Done(changed, word)


STEPS = {
    Verb.CREATE_BACKUPS: _create_backups,
    Verb.RESTORE_LATEST: _restore,
    Verb.RESTORE_NOT_LATER: _restore,
    Verb.DELETE_OLDER: _delete_older,
    Verb.UNDO: _undo,
}
"""A later verb is one function here and one entry."""

HOLD_THEMSELVES = frozenset({Verb.RESTORE_LATEST, Verb.RESTORE_NOT_LATER})
"""Steps that lock what they change, where they are a task's only one: few profiles differ from their newest backup."""
