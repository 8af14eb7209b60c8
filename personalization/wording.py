"""What a step of a task does, in words that hold all that was chosen for it (spec 4.4.1, 4.4.2)."""

from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from config.ui.formats import formats
from personalization.clock import when
from personalization.models import SettingsGroup, Verb


def step_text(verb, *, age_days=None, not_later_than=None, include_protected=False, undo_of=None, plain=False):
    """Return what a step does as one sentence without a full stop.

    `age_days` is a number of days, `not_later_than` an aware time (written in the reader's zone, in ISO 8601 where
    `plain`), `undo_of` the number of the task that is undone.
    """
    if verb == Verb.DELETE_OLDER and age_days:
        shape = ngettext(
            "Delete backups older than %(count)s day", "Delete backups older than %(count)s days", age_days
        )
        if include_protected:
            shape = ngettext(
                "Delete backups older than %(count)s day, protected ones too",
                "Delete backups older than %(count)s days, protected ones too",
                age_days,
            )
        return shape % {"count": str(age_days) if plain else formats().integer(age_days)}
    if verb == Verb.RESTORE_NOT_LATER and not_later_than:
        until = not_later_than.isoformat() if plain else when(not_later_than)
        return _("Restore the newest backup not later than %(time)s") % {"time": until}
    if verb == Verb.UNDO and undo_of:
        return _("Undo task #%(number)s") % {"number": undo_of}
    return str(Verb(verb).label)


def covered_texts(kinds, names):
    """Return which settings groups a step covers, one text each: whole `kinds` first, then `names` of single groups."""
    return [_("%(kind)s: all") % {"kind": SettingsGroup.Kind(kind).label} for kind in kinds] + list(names)


def operation_label(operation, names):
    """Return a step as the label of an event, from which `operation_text` reads it in any language.

    `operation` has the fields of a TaskOperation, `names` are those of its single settings groups.
    """
    until = operation.not_later_than
    chosen = {
        "age_days": operation.age_days,
        "not_later_than": until and until.isoformat(),
        "include_protected": operation.include_protected,
        "kinds": list(operation.kinds),
        "settings_groups": list(names),
    }
    return {"verb": str(operation.verb), **{name: value for name, value in chosen.items() if value}}


def operation_text(label, *, plain=False):
    """Return a step of an event's label `operations` in words; events of old hold the words themselves."""
    if isinstance(label, str):
        return label
    until = label.get("not_later_than")
    text = step_text(
        label["verb"],
        age_days=label.get("age_days"),
        not_later_than=until and parse_datetime(until),
        include_protected=label.get("include_protected", False),
        undo_of=label.get("undo_of"),
        plain=plain,
    )
    covered = covered_texts(label.get("kinds", ()), label.get("settings_groups", ()))
    return _("%(step)s (%(groups)s)") % {"step": text, "groups": ", ".join(covered)} if covered else text
