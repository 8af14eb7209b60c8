"""Sentences of the events that audit itself and the wiring write."""

from django.utils.translation import gettext_lazy as _

EVENT_TEXTS = {
    "access.refused": _("was refused %(method)s %(path)s: %(reason)s"),
    "audit.exported": _("exported events to a file: %(filter)s"),
}
