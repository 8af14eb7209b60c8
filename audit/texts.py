"""The sentence of an event, in the reader's language: verb + labels.

Each app says in `<app>/events.py` its sentences (EVENT_TEXTS), what lists and filters call its verbs (EVENT_KINDS),
which labels hold times or days (EVENT_TIMES, a set of labels; ISO 8601 in the database) and, where labels hold codes,
how these read: EVENT_WORDS = {label: {code: text}}, or {label: function of (value, plain)}. A code that ends in a time
is known by its phrase: the time in it is written %(time)s.
"""

import datetime
import re
from functools import cache
from importlib import import_module

from django.apps import apps
from django.utils.translation import gettext as _

from audit.models import Event
from config.ui.formats import formats

_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2}))?$")
_NAMES = frozenset({"number"})  # labels with a number that names something and counts nothing


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
    """Return {label: {code: text}} of every installed app; a function in place of {code: text} stands as it is."""
    found = {}
    for app_words in _of_apps("EVENT_WORDS"):
        for label, texts_of_codes in app_words.items():
            is_function = callable(texts_of_codes)
            found[label] = texts_of_codes if is_function else found.get(label, {}) | texts_of_codes
    return found


@cache
def times():
    """Return the labels of every installed app that hold times or days."""
    return frozenset().union(*_of_apps("EVENT_TIMES"))


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


class _Number(int):
    """A number that a sentence takes its plural from, and the text that stands in the sentence."""

    def __new__(cls, number, text):
        made = super().__new__(cls, number)
        made.text = text
        return made

    def __str__(self):
        return self.text


class _Labels(dict):
    def __missing__(self, key):
        return _Number(2, "…")


def describe(verb, labels, count=1, *, plain=False):
    """Return what happened as one sentence; labels that were erased read "…".

    Times and numbers read as the person writes them; `plain` leaves them as machines read them.
    """
    sentence = texts().get(verb)
    if sentence is None:
        return verb
    places = _Labels({"count": _place("count", count, plain)})
    for name, value in labels.items():
        places[name] = _place(name, value, plain)
    text = sentence % places
    return (
        _("%(text)s (%(count)s times)") % {"text": text, "count": count}
        if count > 1 and "count" not in labels
        else text
    )


def _place(name, value, plain):
    if isinstance(value, int) and not isinstance(value, bool):
        return _Number(value, str(value) if plain or name in _NAMES else formats().integer(value))
    return label_text(name, value, plain=plain)


def label_text(name, value, *, plain=False):
    """Return the value of a label as the reader sees it: codes as words, times in the person's zone (ISO 8601 where
    `plain`), lists in one line, nothing as a dash."""
    known = words().get(name, {})
    if callable(known):
        values = value if isinstance(value, list) else [value]
        return "; ".join(known(item, plain=plain) for item in values) or "–"
    if isinstance(value, list):
        return ", ".join(str(known.get(item, item)) if isinstance(item, str) else str(item) for item in value) or "–"
    if value is None or value == "":
        return "–"
    if not isinstance(value, str):
        return value
    found = _TIME.search(value) if name in times() else None
    if not found:
        return known.get(value, value)
    told = found[0] if plain else _time_text(found[0])
    if found[0] == value:
        return told
    phrase = known.get(f"{value[: found.start()]}%(time)s")
    return value if phrase is None else phrase % {"time": told}


def _time_text(value):
    """Return a time or day of ISO 8601 in the person's format; what no calendar knows stays as it is."""
    try:
        if "T" in value:
            return formats().moment(datetime.datetime.fromisoformat(value))
        return formats().day(datetime.date.fromisoformat(value))
    except (ValueError, OverflowError):
        return value


def kind_name(verb):
    """Return what lists and filters call a verb; one that no app knows any more stands for itself."""
    return str(kinds().get(verb, verb))


def verbs():
    """Return (verb, name in the reader's language) of every known kind of event in the order of the names."""
    return sorted(((verb, str(name)) for verb, name in kinds().items()), key=lambda pair: pair[1].casefold())


def description(event: Event):
    """Return the sentence of a whole event."""
    return describe(event.verb, event.labels, event.count)
