"""The sentence of an event, in the reader's language: verb + labels. Each app says its own in `<app>/events.py`."""

from functools import cache
from importlib import import_module

from django.apps import apps
from django.utils.translation import gettext as _

from audit.models import Event


@cache
def texts():
    """Return {verb: sentence with %(label)s places} of every installed app."""
    found = {}
    for app in apps.get_app_configs():
        try:
            module = import_module(f"{app.name}.events")
        except ModuleNotFoundError as error:
            if error.name != f"{app.name}.events":
                raise
            continue
        if hasattr(module, "EVENT_TEXTS"):
            found |= module.EVENT_TEXTS
    return found


class _Labels(dict):
    def __missing__(self, key):
        return "…"


def describe(verb, labels, count=1):
    """Return what happened as one sentence; labels that were erased read "…"."""
    sentence = texts().get(verb)
    if sentence is None:
        return verb
    words = _Labels({key: _flat(value) for key, value in labels.items()})
    words["count"] = count
    text = str(sentence) % words
    return (
        _("%(text)s (%(count)s times)") % {"text": text, "count": count}
        if count > 1 and "count" not in labels
        else text
    )


def _flat(value):
    if isinstance(value, list):
        return ", ".join(str(item) for item in value) or "–"
    return "–" if value is None or value == "" else value


def verbs():
    """Return (verb, label) of every known kind of event, for the filter."""
    return sorted(((verb, verb.replace(".", " · ").replace("_", " ")) for verb in texts()), key=lambda pair: pair[1])


def description(event: Event):
    """Return the sentence of a whole event."""
    return describe(event.verb, event.labels, event.count)
