"""Moving references: backups, restores, deletions and protection of many profiles at once, as set-based SQL.

Every function works inside the caller's transaction and tenant context. It asks no rights, writes no events and takes
no locks: the caller holds the profiles (`lock_profiles`), one user's or hundreds. Only rows that change are written,
and what happened is returned. Arrays of ids drive every statement.
"""

from personalization.moves.backups import (
    AGES,
    BRING_BACK_DAYS,
    NEWEST,
    OLD,
    SAFETY_COPIES,
    BackedUp,
    back_up,
    backups_older_than,
    bring_back,
    delete_backups,
    newest_backups,
    protect,
    unprotect,
)
from personalization.moves.bulk import (
    Held,
    RestoredUser,
    all_profiles,
    back_up_many,
    delete_older_many,
    hold_users,
    restore_many,
)
from personalization.moves.changes import Effects, Restored, clear, effects_of_task, restore, undo_change
from personalization.moves.nothing import AS_KEPT, HAS_SETTINGS, in_profile
from personalization.moves.rows import WITHOUT_NESTED_LOOPS, LockedProfile, lock_profiles

__all__ = [
    "WITHOUT_NESTED_LOOPS",
    "AGES",
    "AS_KEPT",
    "BRING_BACK_DAYS",
    "HAS_SETTINGS",
    "NEWEST",
    "OLD",
    "SAFETY_COPIES",
    "BackedUp",
    "Effects",
    "Held",
    "LockedProfile",
    "Restored",
    "RestoredUser",
    "all_profiles",
    "back_up",
    "back_up_many",
    "backups_older_than",
    "bring_back",
    "clear",
    "delete_backups",
    "delete_older_many",
    "effects_of_task",
    "hold_users",
    "in_profile",
    "lock_profiles",
    "newest_backups",
    "protect",
    "restore",
    "restore_many",
    "undo_change",
    "unprotect",
]
