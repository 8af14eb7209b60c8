"""What readers and writers of settings raise. No message ever holds file contents, only names and places."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

Text = Any  # str, or a text that gettext_lazy translates when it is shown

_LONGEST_NAME_SHOWN = 160


def shown(name: str) -> str:
    """`name` made safe for a sentence: control characters, lone surrogates and bidirectional marks escaped, cut."""
    visible = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in name[: _LONGEST_NAME_SHOWN + 1])
    return visible if len(name) <= _LONGEST_NAME_SHOWN else visible[:_LONGEST_NAME_SHOWN] + "…"


class Position:
    """Where in the input something was found. `str()` gives it in the language of the moment."""

    __slots__ = ("_inside", "_place", "_template", "is_entry")

    def __init__(
        self, template: Text, place: int | str, *, is_entry: bool = False, inside: Position | None = None
    ) -> None:
        self._template, self._place, self._inside = template, place, inside
        self.is_entry = is_entry
        """Whether it names a file or a key, rather than a line or a byte of one."""

    def within(self, outer: Position) -> Position:
        """The same place seen from outside: "registry.reg, line 12"."""
        inside = outer if self._inside is None else self._inside.within(outer)
        return Position(self._template, self._place, is_entry=True, inside=inside)

    def __str__(self) -> str:
        place = shown(self._place) if isinstance(self._place, str) else self._place
        own = str(self._template) % {"place": place}
        return own if self._inside is None else f"{self._inside}, {own}"

    def __repr__(self) -> str:
        return f"Position({self._place!r})"


def at_line(number: int) -> Position:
    """Line of a text, counted from 1."""
    return Position(_("line %(place)s"), number)


def at_offset(number: int) -> Position:
    """Byte of a file, counted from 0."""
    return Position(_("byte %(place)s"), number)


def at_entry(name: str) -> Position:
    """A file of a folder or an archive, or a key or file of a list of items."""
    return Position(_("“%(place)s”"), name, is_entry=True)


class _Refusal(Exception):
    """A translated sentence with its place; `reason` may hold `%(name)s` marks filled from `params`."""

    def __init__(self, reason: Text, position: Position | None = None, **params: Any) -> None:
        super().__init__(reason, position)
        self._reason: Text = reason
        self._params: Mapping[str, Any] = params
        self.position = position

    @property
    def reason(self) -> str:
        text = str(self._reason)
        return text % self._params if self._params else text

    def located(self, position: Position):
        """The same refusal with its place filled in, or, when it has one, with the place around it."""
        place = position if self.position is None else self.position.within(position)
        return type(self)(self._reason, place, **self._params)

    def __str__(self) -> str:
        if self.position is None:
            return self.reason
        return str(_("At %(position)s: %(reason)s")) % {"position": self.position, "reason": self.reason}


class ImportRejected(_Refusal):
    """Input that a reader does not accept: the only exception readers raise on bad input."""


class DamagedContent(ImportRejected):
    """Stored bytes that are not what their SHA-256 says."""


class ExportRefused(_Refusal):
    """Items that the chosen format or the target cannot hold."""


class InvalidValue(_Refusal, ValueError):
    """Text or number that does not fit a registry type."""
