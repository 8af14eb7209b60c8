"""Tables of personalization: groups and managed users, the settings store, tasks."""

from personalization.models.nightly import NightlyRun
from personalization.models.people import (
    LAST_POSITION,
    ManagedUser,
    PersonalizationGroup,
    PersonalizationGroupGroupGrant,
    PersonalizationGroupUserGrant,
    ReportedGroup,
    ReportedMembership,
    SettingsGroup,
)
from personalization.models.persona import MOST_PANELS, PersonalUI
from personalization.models.store import Backup, Blob, Origin, SettingsProfile, Snapshot, SnapshotBlob
from personalization.models.summary import GroupFigures, SummaryCount
from personalization.models.work import (
    EARLIEST,
    FINAL_STATES,
    ItemState,
    Task,
    TaskItem,
    TaskOperation,
    TaskState,
    Verb,
)

__all__ = [
    "EARLIEST",
    "FINAL_STATES",
    "LAST_POSITION",
    "MOST_PANELS",
    "Backup",
    "Blob",
    "GroupFigures",
    "ItemState",
    "ManagedUser",
    "NightlyRun",
    "Origin",
    "PersonalUI",
    "PersonalizationGroup",
    "PersonalizationGroupGroupGrant",
    "PersonalizationGroupUserGrant",
    "ReportedGroup",
    "ReportedMembership",
    "SettingsGroup",
    "SettingsProfile",
    "Snapshot",
    "SnapshotBlob",
    "SummaryCount",
    "Task",
    "TaskItem",
    "TaskOperation",
    "TaskState",
    "Verb",
]
