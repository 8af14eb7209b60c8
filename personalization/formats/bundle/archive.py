"""ZIP archives from strangers: everything the table of contents says is checked before a byte is unpacked, and held
against what comes out while it is.

The table is read by the standard library; entries are unpacked here, because `zipfile` cuts a stream that is longer
than declared instead of refusing it, and lets entries overlap.
"""

from __future__ import annotations

import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from django.utils.translation import gettext_lazy as _

from personalization.formats.bundle.spool import CHUNK
from personalization.formats.errors import ImportRejected, Position, at_entry
from personalization.formats.limits import Limits

ARCHIVE_SIGNATURES = (b"PK\x03\x04", b"PK\x05\x06")

_END = struct.Struct("<4s4H2IH")
_END64_LOCATOR = struct.Struct("<4sIQI")
_END64 = struct.Struct("<4sQ2H2I4Q")
_CENTRAL = struct.Struct("<4s24x3H12x")  # signature; lengths of name, extra field and comment
_LOCAL = struct.Struct("<4s5H3I2H")
_LONGEST_COMMENT = 1 << 16
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_UTF8_NAME = 0x800
_DOS_FOLDER = 0x10
_DOS_REPARSE_POINT = 0x400
_UNIX_SYSTEMS = (3, 19)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: its path below the archive's root, and where its packed data lies."""

    name: str
    is_folder: bool
    info: zipfile.ZipInfo
    start: int
    """Offset of the packed data in the archive."""

    @property
    def names(self) -> tuple[str, ...]:
        # Not kept: hundreds of short names take many times the memory of the path they stand in.
        return tuple(self.name.replace("\\", "/").removesuffix("/").split("/"))


def read_archive(file: BinaryIO, limits: Limits) -> list[Entry]:
    """The entries of an archive, all checked. Raises `ImportRejected` with the entry."""
    size = os.fstat(file.fileno()).st_size
    _check_end(file.fileno(), size, limits)
    try:
        with zipfile.ZipFile(file) as archive:
            infos, end = archive.infolist(), archive.start_dir
    except Exception:  # zipfile raises far more than BadZipFile on a broken table of contents
        raise ImportRejected(_("The archive's table of contents is damaged.")) from None
    entries = [_check_entry(file.fileno(), info, limits) for info in infos]
    _check_sizes(infos, size, limits)
    _check_overlap(entries, end)
    return entries


def unpack(file: BinaryIO, entry: Entry) -> Iterator[bytes]:
    """The contents in chunks of at most 64 KiB. Raises `ImportRejected` where size or checksum lie."""
    info = entry.info
    lying = ImportRejected(_("The contents are not what the archive says of them."), at_entry(entry.name))
    packed = _packed(file.fileno(), entry.start, info.compress_size)
    size, crc = 0, 0
    for chunk in packed if info.compress_type == zipfile.ZIP_STORED else _inflate(packed, lying):
        size += len(chunk)
        crc = zlib.crc32(chunk, crc)
        if size > info.file_size:
            raise lying
        yield chunk
    if size != info.file_size or crc != info.CRC:
        raise lying


def _packed(file: int, start: int, size: int) -> Iterator[bytes]:
    position = start
    while position < start + size:
        chunk = os.pread(file, min(CHUNK, start + size - position), position)
        if not chunk:
            return
        yield chunk
        position += len(chunk)


def _inflate(packed: Iterator[bytes], lying: ImportRejected) -> Iterator[bytes]:
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        for chunk in packed:
            if stream.eof:
                raise lying
            while chunk and not stream.eof:
                yield stream.decompress(chunk, CHUNK)
                chunk = stream.unconsumed_tail
            if stream.unused_data:
                raise lying
        while not stream.eof and (rest := stream.decompress(b"", CHUNK)):
            yield rest
    except zlib.error:
        raise lying from None
    if not stream.eof:
        raise lying


# --- checks -----------------------------------------------------------------------------------------------------------


def _check_end(file: int, size: int, limits: Limits) -> None:
    """Refuses a table of contents too large to be read into memory, before it is."""
    tail_start = max(0, size - _END.size - _LONGEST_COMMENT)
    tail = os.pread(file, size - tail_start, tail_start)
    # Looked for in the order of zipfile: both must speak of the same record.
    at = len(tail) - _END.size
    if at < 0 or not tail.startswith(b"PK\x05\x06", at) or not tail.endswith(b"\0\0"):
        at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _END.size:
        raise ImportRejected(_("The archive is cut off: its end is missing."))
    _signature, disk, first_disk, _here, count, directory_size, _offset, _comment = _END.unpack_from(tail, at)
    if disk != first_disk:
        raise ImportRejected(_("The archive is one part of several."))
    locator_at = tail_start + at - _END64_LOCATOR.size
    locator = os.pread(file, _END64_LOCATOR.size, locator_at) if locator_at >= 0 else b""
    if len(locator) == _END64_LOCATOR.size and locator.startswith(b"PK\x06\x07"):
        # Readers differ in where they look for the record, so only one place is allowed: before its locator.
        record_at = locator_at - _END64.size
        record = os.pread(file, _END64.size, record_at) if record_at >= 0 else b""
        named_at = _END64_LOCATOR.unpack(locator)[2]
        if len(record) < _END64.size or not record.startswith(b"PK\x06\x06") or named_at != record_at:
            raise ImportRejected(_("The archive's table of contents is damaged."))
        count, directory_size = _END64.unpack(record)[7:9]
        end = record_at
    else:
        end = tail_start + at
    if directory_size > limits.files * limits.central_directory_bytes_per_file + CHUNK:
        raise ImportRejected(_("The archive's table of contents is too large."))
    if count > limits.files:
        raise _too_many(limits)
    _check_listed(file, end - directory_size, end, limits)


def _check_listed(file: int, start: int, end: int, limits: Limits) -> None:
    """Counts the entries between these offsets: the end record may lie, and zipfile makes an object of each of them."""
    count = 0
    while start < end:
        if count == limits.files:
            raise _too_many(limits)
        header = os.pread(file, _CENTRAL.size, start) if start >= 0 else b""
        if len(header) < _CENTRAL.size or not header.startswith(b"PK\x01\x02"):
            raise ImportRejected(_("The archive's table of contents is damaged."))
        start += _CENTRAL.size + sum(_CENTRAL.unpack(header)[1:])
        count += 1


def _too_many(limits: Limits) -> ImportRejected:
    return ImportRejected(_("There are more than %(limit)s files and folders."), limit=limits.files)


def _check_entry(file: int, info: zipfile.ZipInfo, limits: Limits) -> Entry:
    raw = _raw_name(info)
    name = _decode_name(info, raw)
    place = at_entry(name)
    if "\0" in name:
        raise ImportRejected(_("The path has a character that Windows does not allow in names."), place)
    if info.flag_bits & _ENCRYPTED:
        raise ImportRejected(_("The file is encrypted."), place)
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ImportRejected(_("The file is packed by a method that is not supported."), place)
    is_folder = _check_kind(info, name, place)
    if is_folder and (info.file_size or info.compress_size > 2):
        raise ImportRejected(_("A folder cannot have contents."), place)
    header = os.pread(file, _LOCAL.size, info.header_offset) if 0 <= info.header_offset < 2**63 else b""
    if len(header) < _LOCAL.size or not header.startswith(b"PK\x03\x04"):
        raise ImportRejected(_("The archive's table of contents points to something else."), place)
    fields = _LOCAL.unpack(header)
    method, name_length, extra_length = fields[3], fields[9], fields[10]
    if os.pread(file, name_length, info.header_offset + _LOCAL.size) != raw or method != info.compress_type:
        raise ImportRejected(_("The archive's table of contents points to something else."), place)
    entry = Entry(name, is_folder, info, info.header_offset + _LOCAL.size + name_length + extra_length)
    if len(entry.names) > limits.depth:
        raise ImportRejected(_("Folders are nested deeper than %(limit)s levels."), place, limit=limits.depth)
    return entry


def _raw_name(info: zipfile.ZipInfo) -> bytes:
    return info.orig_filename.encode("utf-8" if info.flag_bits & _UTF8_NAME else "cp437", "surrogatepass")


def _decode_name(info: zipfile.ZipInfo, raw: bytes) -> str:
    """Without the UTF-8 flag a name is cp437 (APPNOTE 4.4.4, D.1), but several programs write UTF-8 all the same."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return info.orig_filename


def _check_kind(info: zipfile.ZipInfo, name: str, place: Position) -> bool:
    """True for a folder, False for a file; anything else is refused."""
    mode = stat.S_IFMT(info.external_attr >> 16)
    if info.create_system not in _UNIX_SYSTEMS and mode != stat.S_IFLNK:
        mode = 0
    if mode not in (0, stat.S_IFREG, stat.S_IFDIR) or info.external_attr & _DOS_REPARSE_POINT:
        raise ImportRejected(_("Links and devices are refused."), place)
    return name.endswith(("/", "\\")) or mode == stat.S_IFDIR or bool(info.external_attr & _DOS_FOLDER)


def _check_sizes(infos: list[zipfile.ZipInfo], archive_size: int, limits: Limits) -> None:
    total = sum(info.file_size for info in infos)
    if total > limits.total_bytes:
        raise ImportRejected(_("Everything together is larger than %(limit)s bytes."), limit=limits.total_bytes)
    if total > limits.archive_ratio_floor and total > limits.archive_ratio * archive_size:
        raise ImportRejected(
            _("The archive unpacks to more than %(limit)s times its size."), limit=limits.archive_ratio
        )


def _check_overlap(entries: list[Entry], end: int) -> None:
    """Entries that share packed bytes are how a small archive unpacks to a huge one."""
    ordered = sorted(entries, key=lambda entry: entry.info.header_offset)
    for number, entry in enumerate(ordered, start=1):
        limit = ordered[number].info.header_offset if number < len(ordered) else end
        if entry.start + entry.info.compress_size > limit:
            raise ImportRejected(_("The archive's entries lie over each other."), at_entry(entry.name))
