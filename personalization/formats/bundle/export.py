"""Items written as a folder or a ZIP archive that reads back item for item."""

from __future__ import annotations

import errno
import hashlib
import shutil
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from django.utils.translation import gettext_lazy as _

from personalization.formats.bundle.layout import REGISTRY_EXPORT, names_of
from personalization.formats.bundle.spool import CHUNK
from personalization.formats.collection import canonical
from personalization.formats.errors import DamagedContent, ExportRefused, at_entry
from personalization.formats.items import File, Folder, Item, RegistryKey, RegistryValue
from personalization.formats.limits import DEFAULT_LIMITS, Limits
from personalization.formats.reg import write_reg

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a ZIP archive knows: the same items give the same bytes
_FILE_MODE = 0o100600 << 16
_FOLDER_MODE = 0o040700 << 16 | 0x10


def write_zip(items: Iterable[Item], stream: BinaryIO, *, limits: Limits = DEFAULT_LIMITS) -> None:
    """Writes a ZIP archive; the same items give the same bytes. `stream` need not be seekable.

    Raises `ExportRefused` for contents that are not at hand and `DamagedContent` for contents that do not match their
    SHA-256; what was written until then is no archive.
    """
    ordered = canonical(items, limits=limits)
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        if any(isinstance(item, RegistryKey | RegistryValue) for item in ordered):
            with archive.open(_entry(REGISTRY_EXPORT, _FILE_MODE), "w", force_zip64=_is_large(ordered)) as target:
                write_reg(ordered, target)
        for item in ordered:
            if isinstance(item, Folder):
                archive.writestr(_entry("/".join(names_of(item.path)) + "/", _FOLDER_MODE), b"")
            elif isinstance(item, File):
                entry = _entry("/".join(names_of(item.path)), _FILE_MODE)
                entry.file_size = item.size
                with archive.open(entry, "w") as target:
                    for chunk in _contents(item):
                        target.write(chunk)


def write_folder(items: Iterable[Item], target: Path, *, limits: Limits = DEFAULT_LIMITS) -> None:
    """Writes a new folder `target`, which must not exist or be empty; it appears whole or not at all.

    Raises `ExportRefused` and `DamagedContent` as `write_zip` does, also when `target` holds something already, and for
    names too long for this file system.
    """
    ordered = canonical(items, limits=limits)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ExportRefused(_("The folder to write to is not empty."), at_entry(str(target)))
    arriving = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        if any(isinstance(item, RegistryKey | RegistryValue) for item in ordered):
            with (arriving / REGISTRY_EXPORT).open("xb") as file:
                write_reg(ordered, file)
        for item in ordered:
            if isinstance(item, Folder | File):
                _write_file(arriving, item)
        arriving.rename(target)
    except BaseException:
        shutil.rmtree(arriving, ignore_errors=True)
        raise


def _write_file(root: Path, item: Folder | File) -> None:
    path = root.joinpath(*names_of(item.path))
    try:
        (path if isinstance(item, Folder) else path.parent).mkdir(mode=0o700, parents=True, exist_ok=True)
        if isinstance(item, File):
            with path.open("xb") as file:
                for chunk in _contents(item):
                    file.write(chunk)
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        raise ExportRefused(_("The name is too long for this file system."), at_entry(item.path)) from None


def _contents(item: File) -> Iterator[bytes]:
    """The contents in chunks, held against their SHA-256 and size."""
    if item.source is None:
        raise ExportRefused(_("The contents of the file are not at hand."), at_entry(item.path))
    digest, size = hashlib.sha256(), 0
    with item.source.open() as source:
        while chunk := source.read(CHUNK):
            digest.update(chunk)
            size += len(chunk)
            if size > item.size:
                break
            yield chunk
    if size != item.size or digest.digest() != item.sha256:
        raise DamagedContent(_("Stored contents do not match their checksum."), at_entry(item.path))


def _entry(name: str, mode: int) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system = 3
    entry.external_attr = mode
    return entry


def _is_large(items: list[Item]) -> bool:
    """Whether a .reg file of these items may pass the 2 GiB of a plain entry: at most 8 bytes stand for one."""
    return sum(item.size + 2 * len(item.name) + 200 for item in items if isinstance(item, RegistryValue)) > 1 << 27
