"""Safe access to the cells of a hive file: every offset checked, no cell read twice."""

from __future__ import annotations

import os
import struct
from typing import Any

from django.utils.translation import gettext_lazy as _
from regipy.structs import REGF_HEADER

from personalization.formats.errors import ImportRejected, at_offset
from personalization.formats.limits import Limits

BASE_BLOCK = 4096
SECTOR = 512
PAGE = 4096
SIGNATURE = b"regf"

_FILE_NAME = slice(48, 112)
_FIRST_READ = 516
_CELL_SIZE = struct.Struct("<i")
_HIVE_BIN = struct.Struct("<4sII")


def parse(structure: Any, data: bytes, offset: int) -> Any:
    """One record by a regipy (construct) definition. Raises `ImportRejected` whatever the library raises."""
    try:
        return structure.parse(data)
    except Exception:
        raise damaged(offset) from None


def damaged(offset: int) -> ImportRejected:
    """The refusal of a hive that is not sound at this byte."""
    return ImportRejected(_("The registry hive is damaged."), at_offset(offset))


def too_large(limits: Limits) -> ImportRejected:
    """The refusal of a hive past `limits.hive_bytes`."""
    limit = limits.hive_bytes
    return ImportRejected(_("The registry hive is larger than %(limit)s bytes."), at_offset(limit), limit=limit)


def checksum(block: bytes) -> int:
    """XOR-32 of the first 508 bytes of a base block; 0 and -1 are never used."""
    result = 0
    for word in struct.unpack("<127I", block[:508]):
        result ^= word
    return {0: 1, 0xFFFFFFFF: 0xFFFFFFFE}.get(result, result)


class BaseBlock:
    """The first sector of a hive or of a transaction log."""

    def __init__(self, sector: bytes) -> None:
        if len(sector) < SECTOR or not sector.startswith(SIGNATURE):
            raise ImportRejected(_("The file is not a registry hive."), at_offset(0))
        # The name may be cut in the middle of a character, which must not keep the rest from being read.
        self.file_name = sector[_FILE_NAME].decode("utf-16-le", "replace").partition("\0")[0]
        self.sector = sector[:SECTOR]
        self._header = parse(REGF_HEADER, sector[:48] + bytes(64) + sector[112:SECTOR], 0)
        self.has_valid_checksum = self._header.checksum == checksum(sector)
        self.primary_sequence = self._header.primary_sequence_num
        self.secondary_sequence = self._header.secondary_sequence_num
        self.timestamp = self._header.last_modification_time
        self.version = (self._header.major_version, self._header.minor_version)
        self.file_type = self._header.file_type
        self.file_format = self._header.file_format
        self.root_offset = self._header.root_key_offset
        self.data_size = self._header.hive_bins_data_size
        self.clustering_factor = self._header.clustering_factor

    @property
    def is_dirty(self) -> bool:
        return not self.has_valid_checksum or self.primary_sequence != self.secondary_sequence


def read_base_block(file: int) -> BaseBlock:
    """The base block of the hive in an open file."""
    return BaseBlock(os.pread(file, SECTOR, 0))


class Cells:
    """Allocated cells of the hive in the open file `file`.

    Reading a cell a second time is refused: in a sound hive each of them belongs to one record, so a second reference
    is a loop, or a small file that pretends to be a large one. It also bounds the work by the size of the file.
    """

    def __init__(self, file: int, base: BaseBlock, limits: Limits) -> None:
        self._file = file
        self._size = base.data_size
        file_size = os.fstat(file).st_size
        if file_size > limits.hive_bytes:
            raise too_large(limits)
        if base.version[0] != 1 or base.version[1] not in (3, 4, 5, 6) or base.file_type != 0 or base.file_format != 1:
            raise ImportRejected(_("The registry hive is of a version that cannot be read."), at_offset(20))
        if not self._size or self._size % PAGE or BASE_BLOCK + self._size > file_size:
            raise ImportRejected(_("The registry hive is cut off."), at_offset(file_size))
        self._check_bins()
        self._visited = bytearray(self._size // 64 + 1)

    def _check_bins(self) -> None:
        """Bins must follow each other without a gap: a torn write shows here first."""
        offset = 0
        while offset < self._size:
            header = os.pread(self._file, _HIVE_BIN.size, BASE_BLOCK + offset)
            if len(header) < _HIVE_BIN.size:
                raise damaged(BASE_BLOCK + offset)
            signature, own_offset, size = _HIVE_BIN.unpack(header)
            if signature != b"hbin" or own_offset != offset or not size or size % PAGE or offset + size > self._size:
                raise damaged(BASE_BLOCK + offset)
            offset += size

    def position(self, offset: int) -> int:
        """Place in the file of a cell's data."""
        return BASE_BLOCK + offset + 4

    def read(self, offset: int, most: int) -> tuple[bytes, int]:
        """(up to `most` bytes of the cell's data, how many it has). Raises `ImportRejected` with the place."""
        if offset % 8 or offset < 32 or offset + 8 > self._size:
            raise damaged(BASE_BLOCK + min(offset, self._size))
        bit, byte = 1 << (offset >> 3 & 7), offset >> 6
        if self._visited[byte] & bit:
            raise damaged(BASE_BLOCK + offset)
        self._visited[byte] |= bit
        data = os.pread(self._file, _FIRST_READ, BASE_BLOCK + offset)
        if len(data) < 8:
            raise damaged(BASE_BLOCK + offset)
        size = -_CELL_SIZE.unpack_from(data)[0]  # allocated cells have a negative size
        if size < 8 or size % 8 or offset + size > self._size:
            raise damaged(BASE_BLOCK + offset)
        wanted = min(size - 4, most)
        if wanted > _FIRST_READ - 4:
            data = os.pread(self._file, wanted + 4, BASE_BLOCK + offset)
        data = data[4 : 4 + wanted]
        if len(data) < wanted:
            raise damaged(BASE_BLOCK + offset)
        return data, size - 4

    def read_exactly(self, offset: int, count: int) -> bytes:
        data, _available = self.read(offset, count)
        if len(data) < count:
            raise damaged(BASE_BLOCK + offset)
        return data
