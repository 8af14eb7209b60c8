"""What a task did for one user: stable words in the ledger, sentences on the page."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Outcome(models.TextChoices):
    """The words that `TaskItem.outcome` holds."""

    BACKED_UP = "backed-up", _("Backed up")
    NOTHING_TO_BACK_UP = "nothing-to-back-up", _("No current settings")
    RESTORED = "restored", _("Restored")
    ALREADY_SO = "already-so", _("Was the same already")
    NOTHING_TO_RESTORE = "nothing-to-restore", _("Nothing to restore")
    DELETED = "deleted", _("Backups deleted")
    DELETED_PROTECTED_TOO = "deleted-protected-too", _("Backups deleted, protected ones included")
    NOTHING_TO_DELETE = "nothing-to-delete", _("No backup is that old")
    UNDONE = "undone", _("Put back")
    CHANGED_SINCE = "changed-since", _("Skipped: changed since, or the backup is gone")
    PARTLY_UNDONE = "partly-undone", _("Partly put back: the rest changed since, or its backup is gone")
    DENIED = "denied", _("The creator may not work on this user any more")
    GONE = "gone", _("The user was deleted")
    FAILED = "failed", _("Failed")


def outcome_text(word):
    """Return the sentence of an outcome; an unknown word stands for itself."""
    return Outcome(word).label if word in Outcome.values else word
