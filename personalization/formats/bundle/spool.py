"""Contents on their way in: kept on disk, never in memory, inside one temporary folder that goes away."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

from django.utils.translation import gettext_lazy as _

from personalization.formats.errors import ImportRejected
from personalization.formats.items import File, FileOnDisk
from personalization.formats.limits import Limits

CHUNK = 1 << 16


class Spool:
    """Counts what it is given against `limits.total_bytes`. A context manager: leaving it removes everything."""

    def __init__(self, limits: Limits, parent: Path | None = None) -> None:
        self._limits = limits
        self._folder = tempfile.TemporaryDirectory(prefix="import-", dir=parent)
        self._total = 0
        self._count = 0

    def __enter__(self) -> Spool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._folder.cleanup()

    def store(self, path: str, chunks: Iterable[bytes], *, most: int) -> File:
        """Writes the chunks under a name of the spool's own; equal contents are kept once.

        Raises `ImportRejected`, without a position, past `most` bytes or the total allowed.
        """
        digest, size = hashlib.sha256(), 0
        self._count += 1
        arriving = Path(self._folder.name, f"arriving-{self._count}")
        with arriving.open("xb") as target:
            for chunk in chunks:
                size += len(chunk)
                self._total += len(chunk)
                if size > most:
                    raise ImportRejected(_("The file is larger than %(limit)s bytes."), limit=most)
                if self._total > self._limits.total_bytes:
                    raise ImportRejected(
                        _("Everything together is larger than %(limit)s bytes."), limit=self._limits.total_bytes
                    )
                digest.update(chunk)
                target.write(chunk)
        kept = arriving.with_name(digest.hexdigest())
        arriving.replace(kept)
        return File(path, size, digest.digest(), FileOnDisk(kept))
