"""Cells of a list: one small writer per column, made once a page, so that a row costs microseconds."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from html import escape
from typing import Any

from django.template import engines
from django.utils.translation import get_language
from markupsafe import escape as safe

from config.ui.formats import NONE as NO_VALUE
from config.ui.formats import formats

NONE = str(NO_VALUE)
RIGHT = frozenset({"number", "size"})
TAG_ROOM = 16  # characters of tags in one cell


@dataclass(frozen=True)
class Column:
    """One column: what it reads, how it is written, and by which fields it sorts.

    kind: text, number, size (bytes), time, date, status, flag (yes/no), tags (list of texts), progress.
    fields: what the row query reads for it, by default the key; `cell` gets the first one's value.
    sort: the sort fields, or True for the column's own field; empty = not sortable.
    sort_down: the sort fields of the falling order where they are others, such as one that keeps blanks last both ways.
    nulls: where rows without a value stand when ascending; descending is the reverse.
    choices: value -> (status kind, label), for kind "status".
    cell: own writer (value, row) -> text or Markup; text is escaped.
    make_cell: instead of it, what makes the writer (value, row) -> safe HTML, once a page: for markup that rows share.
    hidden_label: the header is there for screen readers only.
    """

    key: str
    label: Any
    kind: str = "text"
    fields: Sequence[str] = ()
    sort: Sequence[str] | bool = ()
    sort_down: Sequence[str] = ()
    nulls: str = "last"
    choices: Mapping[Any, tuple[str, Any]] = field(default_factory=dict)
    cell: Callable[[Any, Any], Any] | None = None
    make_cell: Callable[[], Callable[[Any, Any], str]] | None = None
    hidden_label: bool = False

    @property
    def read(self):
        """The fields that the row query reads for this column."""
        return tuple(self.fields) or (self.key,)

    @property
    def sort_fields(self):
        """The fields that the column sorts by; empty when it does not."""
        return self.read[:1] if self.sort is True else tuple(self.sort or ())

    @property
    def css(self):
        """The class of the column's cells."""
        return "num" if self.kind in RIGHT else f"c-{self.kind}"


@lru_cache(maxsize=2000)
def _macro(language, name, *args):
    """Return the output of a macro of the kit; cached, because a list shows the same few statuses over and over."""
    return getattr(engines["jinja2"].env.globals["ui"], name)(*args)


def macro(name, *args):
    """Return a macro's output in the active language; the arguments are hashable and come from code, not from rows."""
    return _macro(get_language(), name, *args)


def _tags(values):
    """As many tags as keep the row on one line; the others are counted, and named on hover and to screen readers."""
    if not values:
        return NONE
    names, shown, room = [str(value) for value in values], [], TAG_ROOM
    for name in names:
        if shown and len(name) > room:
            break
        shown.append(name)
        room -= len(name) + 2
    if len(shown) > 1 and len(shown) < len(names) and room < 3:  # the counter needs a place too
        shown.pop()
    html = "".join(f'<span class="tag">{escape(name)}</span>' for name in shown)
    if rest := names[len(shown) :]:
        more = escape(", ".join(rest))
        html += f'<span class="tag" title="{more}"><span aria-hidden="true">+{len(rest)}</span>'
        html += f'<span class="visually-hidden">, {more}</span></span>'
    return f'<span class="tags">{html}</span>'


def writer(column, now):
    """Return the function (value, row) -> safe HTML that writes this column's cells."""
    words = formats()
    if column.make_cell:
        return column.make_cell()
    if column.cell:
        return lambda value, row: safe(column.cell(value, row))
    if column.kind == "time":
        return lambda value, row: NONE if value is None else words.time_html(value, now)
    if column.kind == "date":
        return lambda value, row: words.date(value)
    if column.kind == "number":
        return lambda value, row: NONE if value is None else words.integer(value)
    if column.kind == "size":
        return lambda value, row: NONE if value is None else words.size(value)
    if column.kind == "status":
        labels = {value: str(macro("status", kind, str(label))) for value, (kind, label) in column.choices.items()}
        return lambda value, row: NONE if value is None else labels.get(value) or escape(str(value))
    if column.kind == "flag":
        labels = {True: str(macro("flag", True)), False: str(macro("flag", False))}
        return lambda value, row: labels.get(value, NONE)
    if column.kind == "tags":
        return lambda value, row: _tags(value)
    if column.kind == "progress":
        done, total = column.read
        bar, label = engines["jinja2"].env.globals["ui"].progress, str(column.label)
        return lambda value, row: bar(getattr(row, done), getattr(row, total), label)
    return lambda value, row: NONE if value is None or value == "" else escape(str(value))


class Pattern:
    """Markup that a macro made once, with stand-ins for what differs by row; the rows of a page are filled in at once.

    Slots are named; their stand-ins look like `0slotX` so that they pass through escaping and addresses unchanged.
    """

    def __init__(self, markup, slots):
        texts = re.split(stand_in(f"({'|'.join(slots)})"), str(markup))
        self.slots = texts[1::2]
        self.text = "%s".join(text.replace("%", "%%") for text in texts[::2])

    def fill(self, columns):
        """Return the markup of each row. `columns`: for every slot its safe HTML row by row, all equally long."""
        return map(self.text.__mod__, zip(*(columns[slot] for slot in self.slots), strict=True))


def stand_in(slot):
    """Return the text that marks a slot in a pattern."""
    return f"0{slot}X"
