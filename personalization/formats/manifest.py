"""Canonical bytes of a snapshot: the same settings always give the same bytes, so their SHA-256 names them.

JSON Lines, ASCII (a lone UTF-16 surrogate survives as its escape), `\\n` after every line. The first line is the
header, every other one an item, in the order of `items.sort_key`:

    {"format":"roamkeep-manifest","version":1,"keys":1,"values":2,"folders":1,"files":1,"bytes":2052}
    ["k",path]
    ["v",path,name,type,base64 of the data]              data up to 1,024 bytes
    ["v",path,name,type,size,sha256 in hexadecimal]      more, kept as a blob
    ["d",path]
    ["f",path,size,sha256 in hexadecimal]

Counts are of the items below, `bytes` is the data of all values and the contents of all files.
"""

from __future__ import annotations

import base64
import dataclasses
import io
import itertools
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from personalization.formats.collection import canonical
from personalization.formats.compression import digest
from personalization.formats.errors import ImportRejected, at_entry, at_line
from personalization.formats.items import (
    BlobRef,
    ContentSource,
    File,
    Folder,
    InMemory,
    Item,
    RegistryKey,
    RegistryValue,
    sort_key,
)
from personalization.formats.limits import DEFAULT_LIMITS, Limits
from personalization.formats.tally import Tally
from personalization.formats.values import RegistryType

FORMAT = "roamkeep-manifest"
VERSION = 1
INLINE_BYTES = 1024
"""Data of a value up to this size lies in the manifest itself."""

_BATCH = 256  # lines parsed at once: five times as fast as one by one


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts of items, and bytes of value data and file contents together."""

    keys: int = 0
    values: int = 0
    folders: int = 0
    files: int = 0
    bytes: int = 0

    @property
    def registry_items(self) -> int:
        return self.keys + self.values

    @property
    def items(self) -> int:
        return self.keys + self.values + self.folders + self.files


@dataclass(frozen=True, slots=True)
class Difference:
    """What changed from one manifest to another, each list in manifest order; `changed` holds (before, after)."""

    added: list[Item]
    removed: list[Item]
    changed: list[tuple[Item, Item]]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


def encode(items: Iterable[Item], *, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """The manifest of `items`, in whatever order they come.

    Every path is checked here, whoever made the items. Raises `ImportRejected` for paths outside the user's settings,
    items that come twice, names that differ by case alone, and for more than `limits` allow: what is written can be
    read again.
    """
    return _encode_canonical(canonical(_counted(items, limits), limits=limits), limits)


def _counted(items: Iterable[Item], limits: Limits) -> Iterator[Item]:
    """The same items, as far as the limits of an import go: changes upon changes must not grow past them either."""
    tally = Tally(limits)
    for item in items:
        try:
            tally.add(item)
        except ImportRejected as refusal:
            raise refusal.located(at_entry(item.path)) from None
        yield item


def _encode_canonical(items: list[Item], limits: Limits) -> bytes:
    header = {"format": FORMAT, "version": VERSION, **dataclasses.asdict(_count(items))}
    target = io.BytesIO()
    target.write(_dump(header).encode("ascii") + b"\n")
    for item in items:
        target.write(_line(item).encode("ascii") + b"\n")
        _check_size(target.tell(), limits, item)
    return target.getvalue()


def _check_size(size: int, limits: Limits, item: Item | None = None) -> None:
    """What the store would not read again is not written: its readers have the same limit."""
    if size > limits.manifest_bytes:
        place = at_entry(item.path) if item else None
        raise ImportRejected(
            _("The settings are more than %(limit)s bytes in the form in which they are stored."),
            place,
            limit=limits.manifest_bytes,
        )


def _count(items: Iterable[Item]) -> Totals:
    counts: dict[type, int] = {RegistryKey: 0, RegistryValue: 0, Folder: 0, File: 0}
    size = 0
    for item in items:
        counts[type(item)] += 1
        size += getattr(item, "size", 0)
    return Totals(counts[RegistryKey], counts[RegistryValue], counts[Folder], counts[File], size)


_dump = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode


def _line(item: Item) -> str:
    if isinstance(item, RegistryValue):
        head = ["v", item.path, item.name, int(item.type)]
        ref = value_blob(item)
        if ref is not None:
            return _dump([*head, ref.size, ref.sha256.hex()])
        assert isinstance(item.data, bytes)
        return _dump([*head, base64.b64encode(item.data).decode("ascii")])
    if isinstance(item, File):
        return _dump(["f", item.path, item.size, item.sha256.hex()])
    return _dump(["k" if isinstance(item, RegistryKey) else "d", item.path])


def value_blob(item: RegistryValue) -> BlobRef | None:
    """The blob that holds the data of a value, None when the data lies in the manifest."""
    if isinstance(item.data, BlobRef):
        return item.data
    return BlobRef(digest(item.data), len(item.data)) if len(item.data) > INLINE_BYTES else None


def blobs(items: Iterable[Item]) -> Iterator[tuple[BlobRef, ContentSource]]:
    """What has to be stored beside the manifest of `items`, each distinct content once, with where to read it.

    Items whose contents are not at hand (`BlobRef` data, `source` None) are passed over.
    """
    seen: set[bytes] = set()
    for item in items:
        ref, source = _content_of(item)
        if ref is not None and source is not None and ref.sha256 not in seen:
            seen.add(ref.sha256)
            yield ref, source


def _content_of(item: Item) -> tuple[BlobRef | None, ContentSource | None]:
    if isinstance(item, File):
        return BlobRef(item.sha256, item.size), item.source
    if isinstance(item, RegistryValue) and isinstance(item.data, bytes):
        return value_blob(item), InMemory(item.data)
    return None, None


def iterate(manifest: bytes) -> Iterator[Item]:
    """Items of a manifest, one at a time; data kept as a blob comes as `BlobRef`, files have no `source`.

    Raises `ImportRejected` with the line. Paths are taken as they are: use `check` for a manifest that a stranger made.
    """
    _header(manifest)
    numbered = _lines(manifest)
    path = ""
    while batch := list(itertools.islice(numbered, _BATCH)):
        lines = [line for _number, line in batch]
        try:
            rows = json.loads(b"[" + b",".join(lines) + b"]")
        except (ValueError, RecursionError):
            rows = []
        if len(rows) != len(batch):  # some line is not one row: find it
            rows = [_parse(line, number) for number, line in batch]
        for row, (number, _line) in zip(rows, batch, strict=True):
            item = _item(row, number, path)
            path = item.path
            yield item


def decode(manifest: bytes) -> list[Item]:
    """`iterate` as a list."""
    return list(iterate(manifest))


def check(manifest: bytes, *, limits: Limits = DEFAULT_LIMITS) -> None:
    """Refuses bytes that `encode` would not have written. Raises `ImportRejected`."""
    _check_size(len(manifest), limits)
    if encode(iterate(manifest), limits=limits) != manifest:
        raise ImportRejected(_("The manifest is not in its canonical form."))


def totals(manifest: bytes) -> Totals:
    """Counts and bytes from the header alone."""
    return _header(manifest)


def blob_digests(manifest: bytes) -> set[bytes]:
    """SHA-256 (32 bytes each) of every blob that the manifest needs."""
    return {ref.sha256 for ref in blob_refs(manifest)}


def blob_refs(manifest: bytes) -> set[BlobRef]:
    """Every blob that the manifest needs, with its size."""
    refs = set()
    for item in iterate(manifest):
        if isinstance(item, File):
            refs.add(BlobRef(item.sha256, item.size))
        elif isinstance(item, RegistryValue) and isinstance(item.data, BlobRef):
            refs.add(item.data)
    return refs


def with_contents(items: Iterable[Item], fetch: Callable[[bytes], bytes]) -> Iterator[Item]:
    """Items with their blobs: `fetch` gives the contents for a SHA-256. Values get their data, files a `source`."""
    for item in items:
        if isinstance(item, RegistryValue) and isinstance(item.data, BlobRef):
            yield dataclasses.replace(item, data=fetch(item.data.sha256))
        elif isinstance(item, File) and item.source is None:
            yield dataclasses.replace(item, source=_Fetched(item.sha256, fetch))
        else:
            yield item


@dataclass(frozen=True, slots=True)
class _Fetched:
    sha256: bytes
    fetch: Callable[[bytes], bytes]

    def open(self):
        return InMemory(self.fetch(self.sha256)).open()


def diff(before: bytes, after: bytes) -> Difference:
    """What changed between two manifests; costs little when little did."""
    _header(before), _header(after)
    old = dict(_lines_by_text(before))
    new = [(line, number) for line, number in _lines_by_text(after) if old.pop(line, None) is None]
    gone = {sort_key(item): item for item in (_item(_parse(line, number), number) for line, number in old.items())}
    come = {sort_key(item): item for item in (_item(_parse(line, number), number) for line, number in new)}
    return Difference(
        added=[item for key, item in come.items() if key not in gone],
        removed=[item for key, item in gone.items() if key not in come],
        changed=[(gone[key], item) for key, item in come.items() if key in gone],
    )


# --- lines ------------------------------------------------------------------------------------------------------------


def _header(manifest: bytes) -> Totals:
    end = manifest.find(b"\n")
    try:
        header = json.loads(manifest[: end if 0 <= end < 4096 else 4096])
        if header.pop("format") != FORMAT or header.pop("version") != VERSION:
            raise ValueError
        found = Totals(**header)
        if any(type(number) is not int or number < 0 for number in header.values()):
            raise ValueError
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise ImportRejected(_("This is not a manifest of version %(version)s."), at_line(1), version=VERSION) from None
    return found


def _lines(manifest: bytes) -> Iterator[tuple[int, bytes]]:
    start = manifest.find(b"\n") + 1
    number = 1
    while start and start < len(manifest):
        end = manifest.find(b"\n", start)
        number += 1
        if end < 0:
            raise ImportRejected(_("The manifest is cut off."), at_line(number))
        yield number, manifest[start:end]
        start = end + 1


def _lines_by_text(manifest: bytes) -> Iterator[tuple[bytes, int]]:
    for number, line in _lines(manifest):
        yield line, number


def _parse(line: bytes, number: int) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        raise _not_a_setting(number) from None


def _not_a_setting(number: int) -> ImportRejected:
    return ImportRejected(_("The line does not describe a setting."), at_line(number))


def _item(row: Any, number: int, shared: str = "") -> Item:
    """The item of a row. Its path is `shared` where that is the same text: values of one key then have one path."""
    try:
        tag, path, *rest = row
        if type(path) is not str:
            raise ValueError
        if path == shared:
            path = shared
        if tag == "v":
            return _value(path, *rest)
        if tag == "f":
            size, sha256 = rest
            return File(path, _size(size, 0), _sha256(sha256))
        if tag in ("k", "d") and not rest:
            return RegistryKey(path) if tag == "k" else Folder(path)
    except (ValueError, TypeError):
        pass
    raise _not_a_setting(number)


def _value(path: str, name: Any, kind: Any, data: Any, sha256: Any = None) -> RegistryValue:
    if type(name) is not str or type(kind) is not int or not 0 <= kind < 2**32:
        raise ValueError
    if sha256 is not None:
        return RegistryValue(path, name, RegistryType.of(kind), BlobRef(_sha256(sha256), _size(data, INLINE_BYTES + 1)))
    contents = base64.b64decode(data, validate=True)
    if len(contents) > INLINE_BYTES:
        raise ValueError
    return RegistryValue(path, name, RegistryType.of(kind), contents)


def _size(number: Any, least: int) -> int:
    if type(number) is not int or not least <= number < 2**63:
        raise ValueError
    return number


def _sha256(text: str) -> bytes:
    if len(text) != 64:
        raise ValueError
    return bytes.fromhex(text)
