"""The one counter of what an import holds: every reader asks it before it keeps an item."""

from __future__ import annotations

import sys
from json.encoder import encode_basestring_ascii

from django.utils.translation import gettext_lazy as _

from personalization.formats.errors import ImportRejected, Position
from personalization.formats.items import Change, File, Folder, RegistryValue, ValueDeletion
from personalization.formats.limits import Limits


class Tally:
    """Counts items, their paths and names, and the data of values, over all readers of one import.

    A path counts with every item that has it, although items of one key share it in memory: each line of a manifest
    writes it out again.
    """

    __slots__ = ("_data", "_limits", "_path", "_path_cost", "_registry_items", "_text")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._registry_items = self._text = self._data = 0
        self._path, self._path_cost = "", 0

    def add(self, change: Change, place: Position | None = None) -> None:
        """Counts one item or deletion. Raises `ImportRejected` at `place` for the first one past a limit."""
        limits = self._limits
        if change.path is not self._path:
            self._path, self._path_cost = change.path, text_cost(change.path)
        self._text += self._path_cost
        if isinstance(change, RegistryValue | ValueDeletion):
            self._text += text_cost(change.name)
        if not isinstance(change, File | Folder):
            self._registry_items += 1
        if isinstance(change, RegistryValue):
            self._data += change.size
        if self._registry_items > limits.registry_items:
            raise ImportRejected(_("There are more than %(limit)s registry items."), place, limit=limits.registry_items)
        if self._data > limits.registry_bytes:
            raise ImportRejected(
                _("The registry values hold more than %(limit)s bytes."), place, limit=limits.registry_bytes
            )
        if self._text > limits.text_bytes:
            raise ImportRejected(
                _("The paths and names of all items are longer than %(limit)s bytes together."),
                place,
                limit=limits.text_bytes,
            )


def text_cost(text: str) -> int:
    """Bytes of a text in memory or in a manifest, whichever is more: one rare letter makes every letter four bytes
    wide in memory, in a manifest only that one is six or twelve."""
    return max(sys.getsizeof(text), len(encode_basestring_ascii(text)))
