"""Sentences of the events of personalization."""

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from personalization.outcomes import Outcome
from personalization.wording import operation_text

EVENT_TEXTS = {
    "backup.created": _("created a backup of %(group)s for user %(user)s"),
    "backup.protected": _("protected the backup of %(group)s from %(at)s for user %(user)s: %(after)s"),
    "backup.unprotected": _("removed the protection of the backup of %(group)s from %(at)s for user %(user)s"),
    "backup.deleted": _("deleted the backup of %(group)s from %(at)s for user %(user)s"),
    "backups.deleted": ngettext_lazy(
        "deleted %(count)s unprotected backup of %(group)s for user %(user)s",
        "deleted %(count)s unprotected backups of %(group)s for user %(user)s",
        "count",
    ),
    "backup.brought-back": _("brought back the deleted backup of %(group)s from %(at)s for user %(user)s"),
    "backup.restored": _("restored %(group)s from the backup of %(at)s for user %(user)s"),
    "change.undone": _("undid the last change of %(group)s for user %(user)s"),
    "settings.saved": _("%(endpoint)s saved %(group)s of user %(user)s"),
    "settings.upload-stale": _(
        "%(endpoint)s uploaded old settings of %(group)s for user %(user)s: kept as a backup, nothing was overwritten"
    ),
    "settings.imported": _("imported settings of user %(user)s from %(source)s: %(groups)s"),
    "settings.exported": _("exported settings of user %(user)s: %(groups)s"),
    "manageduser.created": _("created the managed user %(user)s in %(group)s"),
    "templates.imported": _("imported settings location templates: %(created)s new, %(changed)s changed"),
    "nightly.completed": _(
        "nightly run: %(backups)s backups made, %(unchanged)s profiles unchanged, %(removed)s old backups removed, "
        "%(purged)s deleted ones purged"
    ),
    "summary.count-requested": _("asked for a new count of the summary"),
    "store.damaged": _("stored settings are damaged: %(kind)s %(digest)s"),
    "panel.created": _("created the panel %(panel)s in My Persona"),
    "panel.imported": _("imported the panel %(panel)s into My Persona"),
    "panel.changed": _("changed the tiles of the panel %(panel)s"),
    "panel.renamed": _("renamed the panel %(before)s to %(after)s"),
    "panel.activated": _("made %(panel)s the active panel; before: %(before)s"),
    "panel.deactivated": _("deactivated the panel %(panel)s"),
    "panel.deleted": _("deleted the panel %(panel)s"),
    "panel.brought-back": _("brought back the deleted panel %(panel)s"),
    "task.submitted": ngettext_lazy(
        "submitted task #%(number)s %(task)s for %(selected)s user: %(operations)s",
        "submitted task #%(number)s %(task)s for %(selected)s users: %(operations)s",
        "selected",
    ),
    "task.started": _("task #%(number)s %(task)s started"),
    "task.completed": _(
        "task #%(number)s %(task)s ended: %(selected)s selected, %(succeeded)s succeeded, %(partial)s partially, "
        "%(failed)s failed, %(denied)s not authorised, %(retries)s retries"
    ),
    "task.paused": _("paused task #%(number)s %(task)s"),
    "task.resumed": _("resumed task #%(number)s %(task)s"),
    "task.canceled": ngettext_lazy(
        "canceled task #%(number)s %(task)s with %(left)s user left alone",
        "canceled task #%(number)s %(task)s with %(left)s users left alone",
        "left",
    ),
    "task.deferral-changed": _("changed the deferral of task #%(number)s %(task)s: %(before)s, now %(after)s"),
    "task.renamed": _("renamed task #%(number)s from %(before)s to %(after)s"),
    "task.retried": ngettext_lazy(
        "retried %(retried)s failed user of task #%(number)s %(task)s",
        "retried %(retried)s failed users of task #%(number)s %(task)s",
        "retried",
    ),
    "user.changed": ngettext_lazy(
        "task #%(number)s %(task)s changed %(changed)s settings group or backup of user %(user)s: %(outcome)s",
        "task #%(number)s %(task)s changed %(changed)s settings groups or backups of user %(user)s: %(outcome)s",
        "changed",
    ),
}

EVENT_KINDS = {  # what the filter of the audit list calls them
    "backup.created": _("Backup created"),
    "backup.protected": _("Backup protected"),
    "backup.unprotected": _("Backup protection removed"),
    "backup.deleted": _("Backup deleted"),
    "backups.deleted": _("Backups deleted together"),
    "backup.brought-back": _("Backup brought back"),
    "backup.restored": _("Backup restored"),
    "change.undone": _("Change undone"),
    "settings.saved": _("Settings saved"),
    "settings.upload-stale": _("Old settings uploaded"),
    "settings.imported": _("Settings imported"),
    "settings.exported": _("Settings exported"),
    "manageduser.created": _("Managed user created"),
    "templates.imported": _("Templates imported"),
    "nightly.completed": _("Nightly run completed"),
    "summary.count-requested": _("Count of the summary requested"),
    "store.damaged": _("Damage found in the store"),
    "panel.created": _("Panel created"),
    "panel.imported": _("Panel imported"),
    "panel.changed": _("Panel changed"),
    "panel.renamed": _("Panel renamed"),
    "panel.activated": _("Panel activated"),
    "panel.deactivated": _("Panel deactivated"),
    "panel.deleted": _("Panel deleted"),
    "panel.brought-back": _("Deleted panel brought back"),
    "task.submitted": _("Task submitted"),
    "task.started": _("Task started"),
    "task.completed": _("Task ended"),
    "task.paused": _("Task paused"),
    "task.resumed": _("Task resumed"),
    "task.canceled": _("Task canceled"),
    "task.deferral-changed": _("Task deferral changed"),
    "task.renamed": _("Task renamed"),
    "task.retried": _("Task retried"),
    "user.changed": _("User changed by a task"),
}

EVENT_TIMES = {"after", "at", "before", "day", "run_after"}

_PROTECTIONS = {
    "not protected": _("not protected"),
    "protected for ever": _("protected for ever"),
    "protected until %(time)s": _("protected until %(time)s"),
}
EVENT_WORDS = {  # labels that hold codes
    "outcome": dict(Outcome.choices),
    "operations": operation_text,
    "before": _PROTECTIONS,
    "after": _PROTECTIONS,
}
