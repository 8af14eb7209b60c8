"""ZIP archives that say one thing and hold another, written byte by byte."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field


@dataclass
class Member:
    """One entry. Everything but `name` and `data` overrides what follows from them."""

    name: bytes
    data: bytes = b""
    method: int = 8
    flags: int = 0x800
    packed: bytes | None = None
    size: int | None = None
    packed_size: int | None = None
    crc: int | None = None
    local_name: bytes | None = None
    local_method: int | None = None
    system: int = 3
    attributes: int = 0o100600 << 16
    offset: int | None = None
    extra: bytes = b""
    has_local: bool = True


@dataclass
class Archive:
    members: list[Member] = field(default_factory=list)
    count: int | None = None
    directory_size: int | None = None
    directory_offset: int | None = None
    comment: bytes = b""
    disk: int = 0
    prefix: bytes = b""

    def build(self) -> bytes:
        data, directory = bytearray(self.prefix), bytearray()
        for member in self.members:
            packed = member.packed if member.packed is not None else pack(member.data, member.method)
            crc = zlib.crc32(member.data) if member.crc is None else member.crc
            size = len(member.data) if member.size is None else member.size
            packed_size = len(packed) if member.packed_size is None else member.packed_size
            offset = len(data) if member.offset is None else member.offset
            local_name = member.name if member.local_name is None else member.local_name
            local_method = member.method if member.local_method is None else member.local_method
            common = (crc, packed_size, size)
            if member.has_local:
                data += struct.pack(
                    "<4s5H3I2H", b"PK\3\4", 20, member.flags, local_method, 0, 33, *common, len(local_name), 0
                )
                data += local_name + packed
            directory += struct.pack(
                "<4s4B4H3I5H2I", b"PK\1\2", 20, member.system, 20, 0, member.flags, member.method, 0, 33, *common,
                len(member.name), len(member.extra), 0, 0, 0, member.attributes, offset,
            )  # fmt: skip
            directory += member.name + member.extra
        count = len(self.members) if self.count is None else self.count
        end = struct.pack(
            "<4s4H2IH", b"PK\5\6", self.disk, 0, count, count,
            len(directory) if self.directory_size is None else self.directory_size,
            len(data) if self.directory_offset is None else self.directory_offset, len(self.comment),
        )  # fmt: skip
        return bytes(data + directory) + end + self.comment


def pack(data: bytes, method: int) -> bytes:
    if method != 8:
        return data
    stream = zlib.compressobj(9, zlib.DEFLATED, -15)
    return stream.compress(data) + stream.flush()
