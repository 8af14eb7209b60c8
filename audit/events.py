"""Sentences of the events that audit itself and the wiring write."""

from django.utils.translation import gettext_lazy as _

EVENT_TEXTS = {
    "access.refused": _("was refused %(method)s %(path)s: %(reason)s"),
    "audit.exported": _("exported events to a file: %(filter)s"),
}

EVENT_KINDS = {  # what the filter of the audit list calls them
    "access.refused": _("Request refused"),
    "audit.exported": _("Events exported"),
}

EVENT_TIMES = {"first", "last"}  # of equal ones in one event (decision 31)

EVENT_WORDS = {"filter": {"everything": _("everything")}}
