"""Keys and values of a user's hive, raw."""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from django.utils.translation import gettext_lazy as _
from regipy.exceptions import UnidentifiedHiveException
from regipy.hive_types import NTUSER_HIVE_TYPE
from regipy.structs import BIG_DATA_BLOCK, CM_KEY_NODE, VALUE_KEY
from regipy.utils import identify_hive_type

from personalization.formats.errors import ImportRejected, Position, at_offset
from personalization.formats.hive.cells import SIGNATURE, BaseBlock, Cells, damaged, parse, read_base_block
from personalization.formats.hive.recovery import recover
from personalization.formats.items import RegistryItem, RegistryKey, RegistryValue
from personalization.formats.limits import DEFAULT_LIMITS, Limits
from personalization.formats.paths import (
    LONGEST_KEY_NAME,
    LONGEST_VALUE_NAME,
    REGISTRY_ROOT,
    key_name,
    upcase,
    value_name,
)
from personalization.formats.tally import Tally
from personalization.formats.values import RegistryType

_INLINE = 0x80000000
_TOMBSTONE = 0x0002
_SEGMENT = 16_344
_KEY_NODE = 76
_VALUE_RECORD = 20
_LIST_ENTRY_SIZES = {b"lf": 8, b"lh": 8, b"li": 4}
_USUAL_KEYS = frozenset({"SOFTWARE", "CONTROL PANEL", "ENVIRONMENT"})


def is_hive(start: bytes) -> bool:
    """Whether a file that begins so is a registry hive (or one of its logs)."""
    return start.startswith(SIGNATURE)


def read_hive(
    path: Path,
    *,
    logs: Sequence[Path] = (),
    allow_dirty: bool = False,
    limits: Limits = DEFAULT_LIMITS,
    tally: Tally | None = None,
) -> Iterator[RegistryItem]:
    """Every key and value of an NTUSER.DAT, its root as HKCU, parents first; data exactly as stored.

    A hive that was not closed properly is recovered from `logs` (its .LOG1 and .LOG2, in any order) in a temporary
    file; without logs that fit it is refused, unless `allow_dirty` takes it as it lies. Security descriptors, class
    names and timestamps are not settings and are left out. `tally` counts on from other readers of the same import.
    Memory: one value, the keys still to visit, and 1/64 of the file's size. Raises `ImportRejected` with the offset in
    the (recovered) file for anything damaged.
    """
    with ExitStack() as stack:
        hive = _open(stack, path)
        base = read_base_block(hive)
        if base.is_dirty:
            recovered = stack.enter_context(tempfile.TemporaryFile())
            opened = [_open(stack, log) for log in logs]
            if opened and recover(hive, opened, recovered.fileno(), limits=limits):
                hive = recovered.fileno()
                base = read_base_block(hive)
            elif not allow_dirty or not base.has_valid_checksum:
                raise _refuse_dirty(base, bool(opened))
        _refuse_machine_hive(base)
        tally = tally or Tally(limits)
        _refuse_foreign_root(_Walk(Cells(hive, base, limits), base, limits, tally).names_below_root())
        yield from _Walk(Cells(hive, base, limits), base, limits, tally)


def _open(stack: ExitStack, path: Path) -> int:
    return stack.enter_context(path.open("rb")).fileno()


def _refuse_dirty(base: BaseBlock, has_logs: bool) -> ImportRejected:
    if has_logs:
        reason = _("The registry hive was not closed properly, and its transaction logs do not belong to it.")
    elif base.has_valid_checksum:
        reason = _("The registry hive was not closed properly; its transaction logs (.LOG1, .LOG2) are needed.")
    else:
        reason = _("The header of the registry hive is damaged.")
    return ImportRejected(reason, at_offset(0))


def _refuse_machine_hive(base: BaseBlock) -> None:
    try:
        kind = identify_hive_type(base.file_name)
    except UnidentifiedHiveException:
        return
    if kind != NTUSER_HIVE_TYPE:
        raise ImportRejected(
            _("This is not a user's hive but “%(kind)s”; only NTUSER.DAT is accepted."), at_offset(48), kind=kind
        )


def _refuse_foreign_root(names: set[str]) -> None:
    """Hives saved by tools carry no name, but every user has one of these keys, and no hive of the machine does."""
    if names and not names & _USUAL_KEYS:
        raise ImportRejected(
            _("This is not a user's hive: it has none of the keys Software, Control Panel and Environment."),
            at_offset(0),
        )


class _Walk:
    def __init__(self, cells: Cells, base: BaseBlock, limits: Limits, tally: Tally) -> None:
        self._cells = cells
        self._root = base.root_offset
        self._limits = limits
        self._tally = tally

    def __iter__(self) -> Iterator[RegistryItem]:
        pending: list[tuple[int, str, int, set[str]]] = [(self._root, "", 0, set())]
        while pending:
            offset, parent, depth, siblings = pending.pop()
            place = at_offset(self._cells.position(offset))
            if depth > self._limits.depth:
                raise ImportRejected(
                    _("Keys are nested deeper than %(limit)s levels."), place, limit=self._limits.depth
                )
            node, name = self._key_node(offset)
            if depth == 0:
                path = REGISTRY_ROOT
            else:
                path = f"{parent}\\{_located(key_name, name, place)}"
                if upcase(name) in siblings:
                    raise damaged(self._cells.position(offset))
                siblings.add(upcase(name))
            key = RegistryKey(path)
            self._tally.add(key, place)
            yield key
            if node.values_count and not node.flags.KEY_PREDEF_HANDLE:
                yield from self._values(node, path)
            if node.subkey_count:
                below: set[str] = set()
                pending.extend((child, path, depth + 1, below) for child in reversed(self._subkeys(node)))

    def names_below_root(self) -> set[str]:
        node, _name = self._key_node(self._root)
        children = self._subkeys(node) if node.subkey_count else []
        return {upcase(self._key_node(child)[1]) for child in children}

    # --- keys ---

    def _key_node(self, offset: int) -> tuple[Any, str]:
        data, _available = self._cells.read(offset, _KEY_NODE + 2 * LONGEST_KEY_NAME + 2)
        position = self._cells.position(offset)
        if len(data) < _KEY_NODE or not data.startswith(b"nk"):
            raise damaged(position)
        size = int.from_bytes(data[72:74], "little")
        if size > 2 * LONGEST_KEY_NAME:
            raise damaged(position)
        node = parse(CM_KEY_NODE, data[2:], position)
        return node, _decode_name(node.key_name_string, node.flags.KEY_COMP_NAME, position)

    def _subkeys(self, node: Any) -> list[int]:
        """Offsets of the subkeys of a key, in the order of the hive."""
        data, position = self._list(node.subkeys_list_offset)
        if data.startswith(b"ri"):
            lists = [self._list(offset) for offset in self._elements(data, 4, position)]
        else:
            lists = [(data, position)]
        children: list[int] = []
        for data, place in lists:
            size = _LIST_ENTRY_SIZES.get(data[:2])
            if size is None:
                raise damaged(place)
            children += self._elements(data, size, place)
        if len(children) != node.subkey_count:
            raise damaged(position)
        return children

    def _list(self, offset: int) -> tuple[bytes, int]:
        data, _available = self._cells.read(offset, 4 + 8 * 0xFFFF)
        return data, self._cells.position(offset)

    def _elements(self, data: bytes, size: int, position: int) -> list[int]:
        count = int.from_bytes(data[2:4], "little")
        if len(data) < 4 + size * count:
            raise damaged(position)
        return [word for (word,) in struct.iter_unpack("<I" + "x" * (size - 4), data[4 : 4 + size * count])]

    # --- values ---

    def _values(self, node: Any, path: str) -> Iterator[RegistryValue]:
        if node.values_count > self._limits.registry_items:
            raise damaged(self._cells.position(node.values_list_offset))
        offsets = self._cells.read_exactly(node.values_list_offset, 4 * node.values_count)
        names: set[str] = set()
        for (offset,) in struct.iter_unpack("<I", offsets):
            position = self._cells.position(offset)
            place = at_offset(position)
            head, _available = self._cells.read(offset, _VALUE_RECORD + 2 * LONGEST_VALUE_NAME + 2)
            name_size = int.from_bytes(head[2:4], "little")
            if len(head) < _VALUE_RECORD + name_size or name_size > 2 * LONGEST_VALUE_NAME:
                raise damaged(position)
            if int.from_bytes(head[16:18], "little") & _TOMBSTONE:
                continue
            record = parse(VALUE_KEY, head, position)
            name = _located(value_name, _decode_name(record.name, record.flags.VALUE_COMP_NAME, position), place)
            if upcase(name) in names:
                raise damaged(position)
            names.add(upcase(name))
            data = self._data(record, place, position)
            value = RegistryValue(path, name, RegistryType.of(int(record.data_type)), data)
            self._tally.add(value, place)
            yield value

    def _data(self, record: Any, place: Position, position: int) -> bytes:
        size = record.data_size & ~_INLINE
        if record.data_size & _INLINE:
            if size > 4:
                raise damaged(position)
            return record.data_offset.to_bytes(4, "little")[:size]
        if not size:
            return b""
        if size > self._limits.value_bytes:
            limit = self._limits.value_bytes
            raise ImportRejected(_("The value holds more than %(limit)s bytes."), place, limit=limit)
        data, available = self._cells.read(record.data_offset, size)
        # Old hives, and those of other programs, keep large values in one cell; then the first bytes mean nothing.
        if available >= size:
            return data
        if size <= _SEGMENT or not data.startswith(b"db"):
            raise damaged(self._cells.position(record.data_offset))
        return self._big_data(data, size, self._cells.position(record.data_offset))

    def _big_data(self, data: bytes, size: int, position: int) -> bytes:
        block = parse(BIG_DATA_BLOCK, data, position)
        if block.number_of_segments != -(-size // _SEGMENT):
            raise damaged(position)
        offsets = self._cells.read_exactly(block.offset_to_list_of_segments, 4 * block.number_of_segments)
        parts = []
        for (offset,) in struct.iter_unpack("<I", offsets):
            parts.append(self._cells.read_exactly(offset, min(size, _SEGMENT)))
            size -= len(parts[-1])
        return b"".join(parts)


def _decode_name(raw: bytes, is_compressed: bool, position: int) -> str:
    """A compressed name is the low bytes of its UTF-16 units, which is Latin-1."""
    if is_compressed:
        return raw.decode("latin-1")
    if len(raw) % 2:
        raise damaged(position)
    return raw.decode("utf-16-le", "surrogatepass")


def _located(check: Callable[[str], str], name: str, place: Position) -> str:
    try:
        return check(name)
    except ImportRejected as refusal:
        raise refusal.located(place) from None
