"""Tables of personalization: groups and managed users, the settings store, tasks."""

from personalization.models.nightly import NightlyRun
from personalization.models.people import (
    ManagedUser,
    PersonalizationGroup,
    PersonalizationGroupGroupGrant,
    PersonalizationGroupUserGrant,
    ReportedGroup,
    ReportedMembership,
    SettingsGroup,
)
from personalization.models.store import Backup, Blob, Origin, SettingsProfile, Snapshot, SnapshotBlob
from personalization.models.work import FINAL_STATES, ItemState, Task, TaskItem, TaskOperation, TaskState, Verb

__all__ = [
    "FINAL_STATES",
    "Backup",
    "Blob",
    "ItemState",
    "ManagedUser",
    "NightlyRun",
    "Origin",
    "PersonalizationGroup",
    "PersonalizationGroupGroupGrant",
    "PersonalizationGroupUserGrant",
    "ReportedGroup",
    "ReportedMembership",
    "SettingsGroup",
    "SettingsProfile",
    "Snapshot",
    "SnapshotBlob",
    "Task",
    "TaskItem",
    "TaskOperation",
    "TaskState",
    "Verb",
]
