"""`.reg` exports: "Windows Registry Editor Version 5.00" (UTF-16 or UTF-8) and REGEDIT4 (ANSI).

Source: "How to add, modify, or delete registry subkeys and values by using a .reg file", Microsoft; where it is silent,
what regedit writes. Two things are stricter than regedit, which passes over what it does not understand: a line that is
not a key, a value or a comment is refused, and so is a single backslash in a text.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from typing import BinaryIO, Protocol

from django.utils.translation import gettext_lazy as _

from personalization.formats.collection import canonical
from personalization.formats.errors import ExportRefused, ImportRejected, at_entry, at_line, shown
from personalization.formats.items import (
    BlobRef,
    Change,
    File,
    Folder,
    Item,
    KeyDeletion,
    RegistryKey,
    RegistryValue,
    ValueDeletion,
)
from personalization.formats.limits import DEFAULT_LIMITS, Limits
from personalization.formats.paths import LONGEST_VALUE_NAME, registry_path, value_name
from personalization.formats.tally import Tally
from personalization.formats.values import RegistryType, decode_text, encode_text

HEADER_5 = "Windows Registry Editor Version 5.00"
HEADER_4 = "REGEDIT4"
ANSI = "cp1252"
ANSI_CODE_PAGES = (
    *("cp874", "cp932", "cp936", "cp949", "cp950"),
    *(f"cp{number}" for number in range(1250, 1259)),
    *("cp437", "cp850", "cp852", "cp866", "latin-1"),
)
"""Code pages that a Windows has for its ANSI or OEM texts, and Latin-1. Python knows many codecs that are none: some
give no text, some would unpack it."""
UTF_16 = "utf-16-le"
UTF_8 = "utf-8"

_CHUNK = 1 << 16
_LINE_WIDTH = 78
_ANSI_TEXT_TYPES = frozenset({RegistryType.SZ, RegistryType.EXPAND_SZ, RegistryType.MULTI_SZ})
_HEX = re.compile(r"hex(?:\(([0-9a-f]{1,8})\))?:", re.IGNORECASE)
_DWORD = re.compile(r"dword:\s*([0-9a-f]{1,8})\s*(?:;.*)?", re.IGNORECASE)
_BLANK_OR_COMMENT = re.compile(r"\s*(?:;.*)?", re.DOTALL)
_SINGLE_BACKSLASH = re.compile(r'(?<!\\)(?:\\\\)*\\(?![\\"])')


def _keep_undefined_byte(error: UnicodeError) -> tuple[str, int]:
    """Windows maps the five bytes without a letter in cp1252 to the control characters of the same number."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return chr(error.object[error.start]), error.start + 1


codecs.register_error("roamkeep.keep_undefined_byte", _keep_undefined_byte)


# --- reading ----------------------------------------------------------------------------------------------------------


def check_code_page(name: str) -> None:
    """Raises `ImportRejected`, without a position, for anything but one of `ANSI_CODE_PAGES`."""
    if name.lower() not in ANSI_CODE_PAGES:
        raise ImportRejected(
            _("“%(name)s” is not a code page of REGEDIT4 files. There are: %(known)s."),
            name=shown(name),
            known=", ".join(ANSI_CODE_PAGES),
        )


def read_reg(
    stream: BinaryIO, *, ansi: str = ANSI, limits: Limits = DEFAULT_LIMITS, tally: Tally | None = None
) -> Iterator[Change]:
    """Keys, values and deletions in the order of the file; `collection.apply` makes items of them.

    `ansi` is the code page of a REGEDIT4 file, `tally` counts on from other readers of the same import. Holds one value
    at a time in memory. Raises `ImportRejected` with the line for anything that is not understood, for keys outside
    HKEY_CURRENT_USER and when a cap of `limits` is passed.
    """
    reader = _Reader(stream, ansi=ansi, limits=limits, tally=tally or Tally(limits))
    try:
        yield from reader
    except ImportRejected as refusal:
        place = at_line(max(1, reader.line_number))  # an empty file has no line at all
        raise refusal if refusal.position is not None else refusal.located(place) from None


class _Reader:
    def __init__(self, stream: BinaryIO, *, ansi: str, limits: Limits, tally: Tally) -> None:
        self._limits = limits
        self._tally = tally
        self._ansi = ansi
        self._is_ansi = False
        self._lines = self._decoded_lines(stream)
        self.line_number = 0

    def __iter__(self) -> Iterator[Change]:
        self._read_header()
        key: str | None = None
        for line in self._lines:
            text = line.strip()
            if not text or text[0] == ";":
                continue
            change: Change
            if text[0] == "[":
                change, key = self._parse_key(text)
            elif text[0] in '@"':
                if key is None:
                    raise ImportRejected(_("A value stands before the first key."))
                change = self._parse_value(line.lstrip(), key)
            else:
                raise ImportRejected(_("The line is neither a key, nor a value, nor a comment."))
            self._tally.add(change)
            yield change

    # --- lines ---

    def _decoded_lines(self, stream: BinaryIO) -> Iterator[str]:
        """Lines with their ends; numbers them. Splits at line feeds only: other separators may stand in names."""
        rest = ""
        longest = 3 * self._limits.value_bytes + 8 * LONGEST_VALUE_NAME  # "xx," per byte of data, and a name
        for text in self._decoded_chunks(stream):
            *lines, last = text.split("\n")
            for line in lines:
                self.line_number += 1
                yield rest + line + "\n"
                rest = ""
            rest += last
            if len(rest) > longest:
                self.line_number += 1
                raise ImportRejected(_("The line is too long."))
        if rest:
            self.line_number += 1
            yield rest

    def _decoded_chunks(self, stream: BinaryIO) -> Iterator[str]:
        chunk = stream.read(_CHUNK)
        decoder, skip = self._choose_decoder(chunk)
        chunk, size = chunk[skip:], len(chunk)
        while True:
            try:
                text = decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                yield error.object[: error.start].decode(error.encoding, "surrogatepass")
                self.line_number += 1
                raise ImportRejected(_("The text is not valid in the file's encoding.")) from None
            if not chunk:
                yield text
                return
            yield text
            chunk = stream.read(_CHUNK)
            size += len(chunk)
            if size > self._limits.reg_bytes:
                raise ImportRejected(_("The file is larger than %(limit)s bytes."), limit=self._limits.reg_bytes)

    def _choose_decoder(self, start: bytes) -> tuple[codecs.IncrementalDecoder, int]:
        for mark, encoding in (
            (codecs.BOM_UTF8, UTF_8),
            (codecs.BOM_UTF16_LE, UTF_16),
            (codecs.BOM_UTF16_BE, "utf-16-be"),
        ):
            if start.startswith(mark):
                return codecs.getincrementaldecoder(encoding)("surrogatepass"), len(mark)
        if start[1:2] == b"\0":
            return codecs.getincrementaldecoder(UTF_16)("surrogatepass"), 0
        if start.lstrip().startswith(HEADER_4.encode()):
            return codecs.getincrementaldecoder(self._ansi)("roamkeep.keep_undefined_byte"), 0
        return codecs.getincrementaldecoder(UTF_8)("surrogatepass"), 0

    def _read_header(self) -> None:
        for line in self._lines:
            if line.strip():
                self._is_ansi = line.strip() == HEADER_4
                if self._is_ansi or line.strip() == HEADER_5:
                    return
                break
        raise ImportRejected(_("The file does not begin with “%(five)s” or “%(four)s”."), five=HEADER_5, four=HEADER_4)

    # --- keys ---

    def _parse_key(self, text: str) -> tuple[Change, str]:
        inner, bracket, rest = text[1:].rpartition("]")
        if not bracket or not _BLANK_OR_COMMENT.fullmatch(rest):
            raise ImportRejected(_("The key has no closing bracket."))
        path = registry_path(inner.removeprefix("-"), limits=self._limits)
        return (KeyDeletion(path) if inner.startswith("-") else RegistryKey(path)), path

    # --- values ---

    def _parse_value(self, line: str, key: str) -> Change:
        if line[0] == "@":
            name, rest = "", line[1:]
        else:
            name, rest = self._parse_quoted(line)
            name = value_name(name)
        rest = rest.lstrip()
        if not rest.startswith("="):
            raise ImportRejected(_("The value has no equals sign."))
        rest = rest[1:].lstrip()
        if rest.startswith("-") and _BLANK_OR_COMMENT.fullmatch(rest[1:]):
            return ValueDeletion(key, name)
        type, data = self._parse_data(rest)
        if len(data) > self._limits.value_bytes:
            raise ImportRejected(_("The value holds more than %(limit)s bytes."), limit=self._limits.value_bytes)
        return RegistryValue(key, name, RegistryType.of(type), data)

    def _parse_data(self, text: str) -> tuple[int, bytes]:
        if text.startswith('"'):
            value, rest = self._parse_quoted(text)
            if not _BLANK_OR_COMMENT.fullmatch(rest):
                raise ImportRejected(_("There is something after the closing quotation mark."))
            return RegistryType.SZ, encode_text(value) + b"\0\0"
        if match := _DWORD.fullmatch(text.rstrip()):
            return RegistryType.DWORD, int(match[1], 16).to_bytes(4, "little")
        if match := _HEX.match(text):
            type = RegistryType.BINARY if match[1] is None else int(match[1], 16)
            data = self._parse_hex(text[match.end() :])
            if self._is_ansi and type in _ANSI_TEXT_TYPES:
                data = encode_text(data.decode(self._ansi, "roamkeep.keep_undefined_byte"))
            return type, data
        raise ImportRejected(_("The value's data is neither text, nor dword:, nor hex:."))

    def _parse_quoted(self, text: str) -> tuple[str, str]:
        """(text between quotation marks, what follows); the text may run over several lines."""
        parts: list[str] = []
        size, start = 0, 1
        while True:
            end = start
            while (end := text.find('"', end)) >= 0 and _is_escaped(text, start, end):
                end += 1
            part = text[start : end if end >= 0 else len(text)]
            if _SINGLE_BACKSLASH.search(part):
                raise ImportRejected(_("A backslash in a text has to be written twice."))
            parts.append(part)
            size += len(part)
            if end >= 0:
                return re.sub(r'\\([\\"])', r"\1", "".join(parts)), text[end + 1 :]
            if size > self._limits.value_bytes:
                raise ImportRejected(_("The text has no closing quotation mark."))
            text, start = next(self._lines, ""), 0
            if not text:
                raise ImportRejected(_("The text has no closing quotation mark."))

    def _parse_hex(self, text: str) -> bytes:
        data = bytearray()
        while True:
            text = text.partition(";")[0].strip()
            continues = text.endswith("\\")
            data += _parse_pairs(text.removesuffix("\\").rstrip(), continues)
            if len(data) > 2 * self._limits.value_bytes:
                raise ImportRejected(_("The value holds more than %(limit)s bytes."), limit=self._limits.value_bytes)
            if not continues:
                return bytes(data)
            text = next(self._lines, "")
            while text and _is_comment(text):
                text = next(self._lines, "")
            if not text:
                raise ImportRejected(_("The file ends inside a value."))


def _parse_pairs(pairs: str, continues: bool) -> bytes:
    """Bytes of one line: pairs (or, in hand-written files, lone digits) with commas between them."""
    if not pairs:
        return b""
    body = pairs.removesuffix(",")
    try:
        if (continues and body == pairs) or ",," in body.replace(" ", "") or body.strip(" ")[-1:] == ",":
            raise ValueError
        try:
            data = bytes.fromhex(body.replace(",", " "))
        except ValueError:
            if len(body) > _CHUNK:
                raise
            data = bytes.fromhex(" ".join(digits.strip().zfill(2) for digits in body.split(",")))
        # fromhex alone would also take "0a0b" for two bytes.
        if len(data) != body.count(",") + 1:
            raise ValueError
    except ValueError:
        raise ImportRejected(_("The bytes are not pairs of hexadecimal digits with commas between them.")) from None
    return data


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith(";")


def _is_escaped(text: str, start: int, end: int) -> bool:
    """Whether an odd number of backslashes stands before `end`."""
    count = 0
    while end - count > start and text[end - count - 1] == "\\":
        count += 1
    return count % 2 == 1


# --- writing ----------------------------------------------------------------------------------------------------------


class SupportsWrite(Protocol):
    """Anything bytes can be written to."""

    def write(self, data: bytes, /) -> object: ...


def write_reg(items: Iterable[Item], stream: SupportsWrite, *, encoding: str = UTF_16) -> None:
    """Writes the registry items of `items` as regedit does ("Version 5.00", CRLF); files and folders are not written.

    `encoding` is `UTF_16` (as regedit, with its mark) or `UTF_8` (without). Reading gives the same items back. Raises
    `ExportRefused` for a value whose data is not at hand (`BlobRef`), before anything after it is written.
    """
    mark = codecs.BOM_UTF16_LE if encoding == UTF_16 else b""
    stream.write(mark)

    def write(text: str) -> None:
        stream.write(text.encode(encoding, "surrogatepass"))

    write(f"{HEADER_5}\r\n")
    registry = canonical(item for item in items if not isinstance(item, File | Folder))
    current = None
    # Empty keys come first in normal form; a path opens its section once for all its values.
    for item in registry:
        assert isinstance(item, RegistryKey | RegistryValue)
        if item.path != current:
            current = item.path
            write(f"\r\n[HKEY_CURRENT_USER{current[4:]}]\r\n")
        if isinstance(item, RegistryValue):
            write(_format_value(item, encoding))
    write("\r\n")


def _format_value(item: RegistryValue, encoding: str) -> str:
    if isinstance(item.data, BlobRef):
        raise ExportRefused(_("The data of the value is not at hand."), at_entry(f"{item.path}\\{item.name}"))
    name = f'"{_escape(item.name)}"' if item.name else "@"
    text = _plain_text(item.type, item.data, encoding)
    if text is not None:
        return f'{name}="{_escape(text)}"\r\n'
    if item.type == RegistryType.DWORD and len(item.data) == 4:
        return f"{name}=dword:{int.from_bytes(item.data, 'little'):08x}\r\n"
    prefix = "hex:" if item.type == RegistryType.BINARY else f"hex({item.type:x}):"
    return f"{name}={prefix}{_format_bytes(item.data, len(name) + 1 + len(prefix))}\r\n"


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _plain_text(type: int, data: bytes, encoding: str) -> str | None:
    """The text of a REG_SZ that quotation marks can hold without loss, else None."""
    if type != RegistryType.SZ or len(data) % 2 or data[-2:] != b"\0\0":
        return None
    text = decode_text(data[:-2])
    if any(c < " " and c != "\t" for c in text):
        return None
    if encoding == UTF_8 and any("\ud800" <= c <= "\udfff" for c in text):
        return None
    return text


def _format_bytes(data: bytes, column: int) -> str:
    """Bytes as regedit breaks them: 25 on a line of 80 columns, two spaces before the next."""
    first = max(1, (_LINE_WIDTH - column) // 3)
    pairs = [f"{byte:02x}" for byte in data]
    lines = [",".join(pairs[:first])]
    per_line = (_LINE_WIDTH - 2) // 3
    lines += [",".join(pairs[i : i + per_line]) for i in range(first, len(pairs), per_line)]
    return ",\\\r\n  ".join(lines)
