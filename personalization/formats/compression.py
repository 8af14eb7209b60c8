"""zstd with a hard cap on what comes out, and SHA-256 of everything that is read back."""

from __future__ import annotations

import hashlib

import zstandard
from django.utils.translation import gettext_lazy as _

from personalization.formats.errors import DamagedContent

LEVEL = 3


def digest(data: bytes) -> bytes:
    """SHA-256, 32 bytes: the address of a manifest or of contents."""
    return hashlib.sha256(data).digest()


def compress(data: bytes) -> bytes:
    """One zstd frame. Its bytes may differ between library versions: `digest` is taken of what went in."""
    return zstandard.ZstdCompressor(level=LEVEL, write_content_size=True).compress(data)


def content_size(data: bytes) -> int:
    """Bytes that come out of a frame of `compress`, as it says itself; -1 where the frame is broken or does not say."""
    try:
        return int(zstandard.frame_content_size(data))
    except zstandard.ZstdError:
        return -1


def decompress(data: bytes, *, sha256: bytes, max_size: int) -> bytes:
    """What `compress` was given. Never holds more than `max_size` bytes of output.

    Raises `DamagedContent` when the frame is broken, would pass `max_size`, or holds something with another SHA-256.
    """
    damaged = _("Stored contents do not match their checksum.")
    try:
        declared = zstandard.frame_content_size(data)
        if declared > max_size:
            raise DamagedContent(_("Stored contents are larger than %(limit)s bytes."), limit=max_size)
        with zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=False) as reader:
            unpacked = reader.read(max_size + 1)
    except zstandard.ZstdError:
        raise DamagedContent(damaged) from None
    if len(unpacked) > max_size:
        raise DamagedContent(_("Stored contents are larger than %(limit)s bytes."), limit=max_size)
    if digest(unpacked) != sha256:
        raise DamagedContent(damaged)
    return unpacked
