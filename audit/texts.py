"""The sentence of an event, in the reader's language: verb + labels.

Each app says in `<app>/events.py` its sentences (EVENT_TEXTS), what lists and filters call its verbs (EVENT_KINDS) and,
where labels hold codes, how these read: EVENT_WORDS = {label: {code: text}}.
"""

from functools import cache
from importlib import import_module

from django.apps import apps
from django.utils.translation import gettext as _

from audit.models import Event


@cache
def texts():
    """Return {verb: sentence with %(label)s places} of every installed app."""
    return _collected("EVENT_TEXTS")


@cache
def kinds():
    """Return {verb: its name in the filter} of every installed app."""
    return _collected("EVENT_KINDS")


@cache
def words():
    """Return {label: {code: text}} of every installed app."""
    found = {}
    for app_words in _of_apps("EVENT_WORDS"):
        for label, texts_of_codes in app_words.items():
            found[label] = found.get(label, {}) | texts_of_codes
    return found


def _collected(name):
    found = {}
    for part in _of_apps(name):
        found |= part
    return found


def _of_apps(name):
    for app in apps.get_app_configs():
        try:
            module = import_module(f"{app.name}.events")
        except ModuleNotFoundError as error:
            if error.name != f"{app.name}.events":
                raise
            continue
        yield getattr(module, name, {})


class _Labels(dict):
    def __missing__(self, key):
        return "…"


def describe(verb, labels, count=1):
    """Return what happened as one sentence; labels that were erased read "…"."""
    sentence = texts().get(verb)
    if sentence is None:
        return verb
    places = _Labels({"count": count} | {name: label_text(name, value) for name, value in labels.items()})
    text = str(sentence) % places
    return (
        _("%(text)s (%(count)s times)") % {"text": text, "count": count}
        if count > 1 and "count" not in labels
        else text
    )


def label_text(name, value):
    """Return the value of a label as the reader sees it: codes as words, lists in one line, nothing as a dash."""
    known = words().get(name, {})
    if isinstance(value, list):
        return ", ".join(str(known.get(item, item)) if isinstance(item, str) else str(item) for item in value) or "–"
    if value is None or value == "":
        return "–"
    return known.get(value, value) if isinstance(value, str) else value


def kind_name(verb):
    """Return what lists and filters call a verb; one that no app knows any more stands for itself."""
    return str(kinds().get(verb, verb))


def verbs():
    """Return (verb, name in the reader's language) of every known kind of event in the order of the names."""
    return sorted(((verb, str(name)) for verb, name in kinds().items()), key=lambda pair: pair[1].casefold())


def description(event: Event):
    """Return the sentence of a whole event."""
    return describe(event.verb, event.labels, event.count)
