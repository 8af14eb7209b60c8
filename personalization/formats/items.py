"""What a user's settings are made of: registry values and keys, files and folders.

Paths are canonical (`paths.registry_path`, `paths.file_path`); readers make them so and `manifest.encode` checks them
once more, so that nothing else has to.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol

from personalization.formats.paths import file_key, order, registry_key, upcase


class ContentSource(Protocol):
    """Something that can be opened, again and again, to read a file's contents."""

    def open(self) -> BinaryIO: ...


@dataclass(frozen=True, slots=True)
class FileOnDisk:
    """Contents in a file of ours, such as the spool of an import."""

    path: Path

    def open(self) -> BinaryIO:
        return self.path.open("rb")


@dataclass(frozen=True, slots=True)
class InMemory:
    """Contents at hand."""

    data: bytes

    def open(self) -> BinaryIO:
        return io.BytesIO(self.data)


@dataclass(frozen=True, slots=True)
class BlobRef:
    """Contents kept elsewhere: SHA-256 (32 bytes) and size in bytes."""

    sha256: bytes
    size: int


@dataclass(frozen=True, slots=True)
class RegistryKey:
    """A key that exists. In normal form only for keys with nothing in them: others exist through what they hold."""

    path: str


@dataclass(frozen=True, slots=True)
class RegistryValue:
    """A value: `name` '' is the key's default value, `type` a `RegistryType` or another number, `data` the raw bytes
    of the registry (text is UTF-16LE with its terminator, when it has one), or where they are kept."""

    path: str
    name: str
    type: int
    data: bytes | BlobRef

    @property
    def size(self) -> int:
        return self.data.size if isinstance(self.data, BlobRef) else len(self.data)


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that exists. In normal form only for folders with nothing in them."""

    path: str


@dataclass(frozen=True, slots=True)
class File:
    """A file: SHA-256 (32 bytes) and size of its contents, and where these can be read, which is not compared."""

    path: str
    size: int
    sha256: bytes
    source: ContentSource | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class KeyDeletion:
    """`[-HKEY_CURRENT_USER\\…]` of a .reg file: the key with everything in it goes."""

    path: str


@dataclass(frozen=True, slots=True)
class ValueDeletion:
    """`"name"=-` of a .reg file."""

    path: str
    name: str


RegistryItem = RegistryKey | RegistryValue
Item = RegistryKey | RegistryValue | Folder | File
Change = Item | KeyDeletion | ValueDeletion

_KINDS: dict[type, int] = {RegistryKey: 1, RegistryValue: 2, Folder: 3, File: 4}


def in_memory_file(path: str, data: bytes) -> File:
    """A `File` whose contents are at hand."""
    return File(path, len(data), hashlib.sha256(data).digest(), InMemory(data))


def sort_key(item: Item) -> tuple[int, str, str]:
    """Order in a manifest: kind, path, name; two items with one key are the same setting."""
    kind = _KINDS[type(item)]
    if isinstance(item, RegistryValue):
        return kind, order(registry_key(item.path)), upcase(item.name)
    return kind, order(registry_key(item.path) if kind == 1 else file_key(item.path)), ""
