"""Any source of settings that a person can name: a folder, a ZIP archive, a .reg export, an NTUSER.DAT."""

from __future__ import annotations

import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from django.utils.translation import gettext_lazy as _

from personalization.formats.bundle.archive import ARCHIVE_SIGNATURES, Entry, read_archive, unpack
from personalization.formats.bundle.folder import read_file, walk_folder
from personalization.formats.bundle.layout import LOG_SUFFIXES, Role, is_scaffold, most_bytes, path_of, role_of
from personalization.formats.bundle.spool import Spool
from personalization.formats.collection import ItemSet, apply
from personalization.formats.errors import ImportRejected, at_entry
from personalization.formats.hive import is_hive, read_hive
from personalization.formats.items import Change, File, FileOnDisk, Folder, Item
from personalization.formats.limits import DEFAULT_LIMITS, Limits
from personalization.formats.paths import file_name_key, upcase
from personalization.formats.reg import ANSI, check_code_page, read_reg
from personalization.formats.tally import Tally


class SourceKind(Enum):
    """What kind of file or folder a source is."""

    FOLDER = "folder"
    ARCHIVE = "archive"
    REG_EXPORT = "reg"
    HIVE = "hive"


@dataclass(frozen=True, slots=True)
class Source:
    """What a source holds. `changes` are its items and deletions in the order in which they act: hive, .reg files by
    name, files. `ignored` names what Windows keeps in a profile without being a setting."""

    kind: SourceKind
    changes: list[Change]
    ignored: list[str] = field(default_factory=list)

    def items(self) -> list[Item]:
        """The items alone, in normal form: what a user without settings would have after the import."""
        return apply((), self.changes)


@contextmanager
def open_source(
    path: Path,
    *,
    allow_dirty: bool = False,
    ansi: str = ANSI,
    spool_folder: Path | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Iterator[Source]:
    """Reads everything `path` holds; the contents of files can be read inside the `with` block only.

    Contents wait in a temporary folder (below `spool_folder`), which goes away at the end, refused or not. A hive is
    recovered from the logs beside it; `allow_dirty` takes it without. `ansi` is the code page of REGEDIT4 files. Raises
    `ImportRejected` with reason and position, and `OSError` when `path` itself cannot be opened.
    """
    check_code_page(ansi)
    if path.is_dir():
        with Spool(limits, spool_folder) as spool:
            yield _read_folder(path, spool, allow_dirty=allow_dirty, ansi=ansi, limits=limits)
        return
    if not stat.S_ISREG(path.stat().st_mode):  # a pipe would be waited for
        raise ImportRejected(_("Links and devices are refused."), at_entry(path.name))
    with path.open("rb") as file:
        start = file.read(4)
    if start in ARCHIVE_SIGNATURES:
        with Spool(limits, spool_folder) as spool:
            yield _read_archive(path, spool, allow_dirty=allow_dirty, ansi=ansi, limits=limits)
    elif is_hive(start):
        logs = _logs_beside(path)
        yield Source(SourceKind.HIVE, list(read_hive(path, logs=logs, allow_dirty=allow_dirty, limits=limits)))
    else:
        with path.open("rb") as file:
            yield Source(SourceKind.REG_EXPORT, list(read_reg(file, ansi=ansi, limits=limits)))


def _logs_beside(hive: Path) -> list[Path]:
    wanted = {upcase(hive.name + suffix): suffix for suffix in LOG_SUFFIXES}
    return sorted(entry for entry in hive.parent.iterdir() if upcase(entry.name) in wanted and entry.is_file())


def _read_folder(path: Path, spool: Spool, *, allow_dirty: bool, ansi: str, limits: Limits) -> Source:
    collector = _Collector(spool, limits)
    for names, is_folder in walk_folder(path, limits):
        collector.add(names, "/".join(names), None if is_folder else read_file(path, names))
    return collector.finish(SourceKind.FOLDER, allow_dirty=allow_dirty, ansi=ansi)


def _read_archive(path: Path, spool: Spool, *, allow_dirty: bool, ansi: str, limits: Limits) -> Source:
    collector = _Collector(spool, limits)
    with path.open("rb") as file:
        entries = read_archive(file, limits)
        collector.check(entries)  # before the first byte is unpacked
        for entry in entries:
            collector.add(entry.names, entry.name, None if entry.is_folder else unpack(file, entry))
    return collector.finish(SourceKind.ARCHIVE, allow_dirty=allow_dirty, ansi=ansi)


class _Collector:
    """Sorts what a bundle holds into files, registry files and what is ignored."""

    def __init__(self, spool: Spool, limits: Limits) -> None:
        self._spool = spool
        self._limits = limits
        self._tally = Tally(limits)
        self._files = ItemSet(limits=limits)
        self._registry: dict[str, tuple[Role, str, Path]] = {}
        self._ignored: list[str] = []

    def check(self, entries: Iterable[Entry]) -> None:
        """Refuses what `add` would, from the names and the declared sizes alone."""
        planned, tally = ItemSet(limits=self._limits), Tally(self._limits)
        for entry in entries:
            with _at(entry.name):
                names, size = entry.names, entry.info.file_size
                role = Role.FILE if entry.is_folder else role_of(names)
                most = most_bytes(names, self._limits)
                if not entry.is_folder and size > most:
                    raise ImportRejected(_("The file is larger than %(limit)s bytes."), limit=most)
                if role is Role.FILE and not (entry.is_folder and is_scaffold(names)):
                    path = path_of(names)
                    item = Folder(path) if entry.is_folder else File(path, size, b"")
                    tally.add(item)
                    planned.put(item)

    def add(self, names: tuple[str, ...], name: str, chunks: Iterable[bytes] | None) -> None:
        """Takes in a file, or a folder when `chunks` is None."""
        with _at(name):
            if chunks is None:
                if not is_scaffold(names):
                    self._put(Folder(path_of(names)))
                return
            role = role_of(names)
            if role is Role.IGNORED:
                self._ignored.append(name)
                return
            path = path_of(names) if role is Role.FILE else names[-1]
            stored = self._spool.store(path, chunks, most=most_bytes(names, self._limits))
            if role is Role.FILE:
                self._put(stored)
                return
            key = file_name_key(names[-1])
            if key in self._registry:
                raise ImportRejected(_("A file or folder comes twice."))
            assert isinstance(stored.source, FileOnDisk)
            self._registry[key] = (role, name, stored.source.path)

    def _put(self, item: File | Folder) -> None:
        self._tally.add(item)
        self._files.put(item)

    def finish(self, kind: SourceKind, *, allow_dirty: bool, ansi: str) -> Source:
        changes: list[Change] = []
        logs = [path for role, _name, path in self._registry.values() if role is Role.HIVE_LOG]
        for reader_role in (Role.HIVE, Role.REG_EXPORT):
            for _key, (role, name, path) in sorted(self._registry.items()):
                if role is not reader_role:
                    continue
                with _at(name):
                    for change in self._read(role, path, logs, allow_dirty=allow_dirty, ansi=ansi):
                        changes.append(change)
        changes += list(self._files)
        return Source(kind, changes, self._ignored)

    def _read(self, role: Role, path: Path, logs: list[Path], *, allow_dirty: bool, ansi: str) -> Iterator[Change]:
        if role is Role.HIVE:
            yield from read_hive(path, logs=logs, allow_dirty=allow_dirty, limits=self._limits, tally=self._tally)
            return
        with path.open("rb") as file:
            yield from read_reg(file, ansi=ansi, limits=self._limits, tally=self._tally)


@contextmanager
def _at(name: str) -> Iterator[None]:
    """Fills in which entry of a bundle a refusal speaks of."""
    try:
        yield
    except ImportRejected as refusal:
        if refusal.position is not None and refusal.position.is_entry:
            raise
        raise refusal.located(at_entry(name)) from None
