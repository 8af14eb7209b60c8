"""Folders: walked without ever following a link."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from django.utils.translation import gettext_lazy as _

from personalization.formats.bundle.spool import CHUNK
from personalization.formats.errors import ImportRejected, at_entry
from personalization.formats.limits import Limits

_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a pipe must not block


def walk_folder(root: Path, limits: Limits) -> Iterator[tuple[tuple[str, ...], bool]]:
    """(names below `root`, is it a folder) of everything in it, sorted by name. Raises `ImportRejected` with the name
    for links, devices, unreadable folders, and past the number and depth allowed."""
    pending: list[tuple[str, ...]] = [()]
    count = 0
    while pending:
        parent = pending.pop()
        with _opened(root, parent) as folder:
            found = sorted(os.listdir(folder))  # noqa: PTH208 (an open folder has no path)
            folders = []
            for name in found:
                names = (*parent, name)
                count += 1
                if count > limits.files:
                    raise ImportRejected(_("There are more than %(limit)s files and folders."), limit=limits.files)
                try:
                    mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
                except OSError:
                    raise ImportRejected(_("It cannot be read."), at_entry("/".join(names))) from None
                if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
                    raise ImportRejected(_("Links and devices are refused."), at_entry("/".join(names)))
                if stat.S_ISDIR(mode):
                    if len(names) > limits.depth:
                        raise ImportRejected(
                            _("Folders are nested deeper than %(limit)s levels."),
                            at_entry("/".join(names)),
                            limit=limits.depth,
                        )
                    folders.append(names)
                yield names, stat.S_ISDIR(mode)
        pending.extend(reversed(folders))


def read_file(root: Path, names: tuple[str, ...]) -> Iterator[bytes]:
    """The contents of a file below `root` in chunks. Raises `ImportRejected` with the name."""
    with _opened(root, names) as file:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise ImportRejected(_("Links and devices are refused."), at_entry("/".join(names)))
        while chunk := os.read(file, CHUNK):
            yield chunk


@contextmanager
def _opened(root: Path, names: tuple[str, ...]) -> Iterator[int]:
    """An open file or folder, reached one name at a time so that no link on the way is followed."""
    with ExitStack() as stack:
        current = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        stack.callback(os.close, current)
        for depth, name in enumerate(names, start=1):
            flags = _FOLDER_FLAGS if depth < len(names) else _FILE_FLAGS
            try:
                current = os.open(name, flags, dir_fd=current)
            except OSError as error:
                is_link = error.errno in (errno.ELOOP, errno.ENOTDIR, errno.ENXIO)
                reason = _("Links and devices are refused.") if is_link else _("It cannot be read.")
                raise ImportRejected(reason, at_entry("/".join(names))) from None
            stack.callback(os.close, current)
        yield current
