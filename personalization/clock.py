"""Times as sentences say them: no abbreviation with a full stop at their end."""

from django.utils import timezone

from config.ui.formats import formats


def when(value):
    """Return an aware time as date and minute in the person's zone."""
    return formats().moment(value)


def soon(value):
    """Return an aware time as its minute, with the day in front of it unless that is today."""
    local = timezone.localtime(value)
    return f"{local:%H:%M}" if local.date() == timezone.localdate() else when(value)
