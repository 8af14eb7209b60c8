"""Transaction logs (.LOG1, .LOG2) put back into a hive that was not closed properly.

Follows "Windows registry file format specification", sections "Format of transaction log files", "Dirty state of a
hive" and "Multiple transaction log files": the old format (DIRT, until Windows 8) and the new one (HvLE, since 8.1).
"""

from __future__ import annotations

import itertools
import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _
from regipy.structs import HVLE_BLOCK_HEADER_SIZE

from personalization.formats.errors import ImportRejected
from personalization.formats.hive.cells import BASE_BLOCK, PAGE, SECTOR, BaseBlock, checksum, too_large
from personalization.formats.limits import Limits

_OLD_TYPES = (1, 2)
_NEW_TYPE = 6
_MARVIN_SEED = (0x7A4E55C5, 0x82EF4D88)
_MASK = 0xFFFFFFFF
_ENTRY = struct.Struct("<5I2Q")
_CHUNK = 1 << 20


def recover(hive: int, logs: Sequence[int], target: int, *, limits: Limits) -> bool:
    """Copies the hive to `target` with its logs applied; all are open files. False when no log belongs to it."""
    for log in logs:
        if os.fstat(log).st_size > limits.log_bytes:
            raise ImportRejected(_("The transaction log is larger than %(limit)s bytes."), limit=limits.log_bytes)
    base = BaseBlock(os.pread(hive, SECTOR, 0))
    candidates = [log for log in map(_open_log, logs) if log is not None]
    _copy(hive, target)
    return _apply_new(base, candidates, target, limits) or _apply_old(base, candidates, target, limits)


@dataclass(frozen=True, slots=True)
class _Log:
    file: int
    base: BaseBlock


def _open_log(file: int) -> _Log | None:
    try:
        base = BaseBlock(os.pread(file, SECTOR, 0))
    except ImportRejected:
        return None
    return _Log(file, base) if base.has_valid_checksum else None


def _copy(source: int, target: int) -> None:
    position = 0
    while chunk := os.pread(source, _CHUNK, position):
        _write(target, chunk, position)
        position += len(chunk)


def _write(target: int, data: bytes, position: int) -> None:
    while data:
        written = os.pwrite(target, data, position)
        data, position = data[written:], position + written


def _write_base_block(target: int, sector: bytes, *, sequence: int, data_size: int) -> None:
    """A clean base block of a primary file: equal sequence numbers, type 0, right checksum."""
    block = bytearray(sector)
    struct.pack_into("<II", block, 4, sequence, sequence)
    struct.pack_into("<I", block, 28, 0)
    struct.pack_into("<I", block, 40, data_size)
    struct.pack_into("<I", block, 508, checksum(bytes(block)))
    _write(target, bytes(block), 0)


# --- new format -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Entry:
    sequence: int
    data_size: int
    pages: tuple[tuple[int, bytes], ...]


def _entries(log: _Log) -> Iterator[_Entry]:
    """Sound entries that follow each other, from the first one the log's own base block announces.

    What lies behind them is left over from earlier rounds and would take the hive back.
    """
    position, expected = SECTOR, log.base.primary_sequence
    while (header := os.pread(log.file, HVLE_BLOCK_HEADER_SIZE, position)).startswith(b"HvLE"):
        if len(header) < HVLE_BLOCK_HEADER_SIZE:
            return
        size, _flags, sequence, data_size, count, pages_hash, header_hash = _ENTRY.unpack_from(header, 4)
        if size % SECTOR or data_size % PAGE or sequence != expected:
            return
        if HVLE_BLOCK_HEADER_SIZE + 8 * count > size or position + size > os.fstat(log.file).st_size:
            return
        raw = os.pread(log.file, size, position)
        if header_hash != marvin32(raw[:32]) or pages_hash != marvin32(raw[HVLE_BLOCK_HEADER_SIZE:]):
            return
        pages = []
        start = HVLE_BLOCK_HEADER_SIZE + 8 * count
        for page_offset, page_size in struct.iter_unpack("<II", raw[HVLE_BLOCK_HEADER_SIZE:start]):
            if start + page_size > size or page_offset + page_size > data_size:
                return
            pages.append((page_offset, raw[start : start + page_size]))
            start += page_size
        yield _Entry(sequence, data_size, tuple(pages))
        position += size
        expected = sequence + 1


def _apply_new(base: BaseBlock, logs: list[_Log], target: int, limits: Limits) -> bool:
    own = sorted((log for log in logs if log.base.file_type == _NEW_TYPE), key=lambda log: log.base.primary_sequence)
    if not base.has_valid_checksum:
        own = own[-1:]
    last: int | None = None
    sector = base.sector if base.has_valid_checksum else own[0].base.sector if own else b""
    for log in own:
        if base.has_valid_checksum and log.base.primary_sequence < base.secondary_sequence:
            continue
        if last is not None and log.base.primary_sequence != last + 1:
            break
        for entry in _entries(log):
            if BASE_BLOCK + entry.data_size > limits.hive_bytes:
                raise too_large(limits)
            if os.fstat(target).st_size < BASE_BLOCK + entry.data_size:
                os.ftruncate(target, BASE_BLOCK + entry.data_size)
            for offset, page in entry.pages:
                _write(target, page, BASE_BLOCK + offset)
            _write_base_block(target, sector, sequence=entry.sequence, data_size=entry.data_size)
            last = entry.sequence
    return last is not None


def marvin32(data: bytes) -> int:
    """Marvin32 with the seed of registry logs: a 64-bit number."""
    low, high = _MARVIN_SEED
    whole = len(data) // 4 * 4
    tail = int.from_bytes(data[whole:] + b"\x80", "little")
    words = struct.iter_unpack("<I", memoryview(data)[:whole])
    for (word,) in itertools.chain(words, ((tail,), (0,))):
        low = (low + word) & _MASK
        high ^= low
        low = (((low << 20 | low >> 12) & _MASK) + high) & _MASK
        high = (high << 9 | high >> 23) & _MASK ^ low
        low = (((low << 27 | low >> 5) & _MASK) + high) & _MASK
        high = (high << 19 | high >> 13) & _MASK
    return high << 32 | low


# --- old format -------------------------------------------------------------------------------------------------------


def _apply_old(base: BaseBlock, logs: list[_Log], target: int, limits: Limits) -> bool:
    own = [
        log
        for log in logs
        if log.base.file_type in _OLD_TYPES and log.base.primary_sequence == log.base.secondary_sequence
    ]
    if base.has_valid_checksum:
        own = [log for log in own if log.base.timestamp == base.timestamp]
    else:
        own.sort(key=lambda log: log.base.timestamp, reverse=True)
    return bool(own) and _apply_dirty_vector(own[0], target, limits)


def _apply_dirty_vector(log: _Log, target: int, limits: Limits) -> bool:
    data_size = log.base.data_size
    if data_size % PAGE or BASE_BLOCK + data_size > limits.hive_bytes:
        return False
    sector = SECTOR * max(1, min(log.base.clustering_factor, 8))
    bitmap = os.pread(log.file, 4 + data_size // SECTOR // 8, sector)
    if len(bitmap) < 4 + data_size // SECTOR // 8 or not bitmap.startswith(b"DIRT"):
        return False
    dirty = [i * 8 + bit for i, byte in enumerate(bitmap[4:]) if byte for bit in range(8) if byte >> bit & 1]
    start = sector + -(-len(bitmap) // sector) * sector
    if start + len(dirty) * SECTOR > os.fstat(log.file).st_size:
        return False
    if os.fstat(target).st_size < BASE_BLOCK + data_size:
        os.ftruncate(target, BASE_BLOCK + data_size)
    for i, page in enumerate(dirty):
        _write(target, os.pread(log.file, SECTOR, start + i * SECTOR), BASE_BLOCK + page * SECTOR)
    _write_base_block(target, log.base.sector, sequence=log.base.primary_sequence, data_size=data_size)
    return True
