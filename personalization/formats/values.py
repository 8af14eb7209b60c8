"""Registry types, and their data as a person reads and edits it."""

from __future__ import annotations

from enum import IntEnum

from django.utils.translation import gettext_lazy as _

from personalization.formats.errors import InvalidValue

Readable = str | int | list[str] | bytes


class RegistryType(IntEnum):
    """REG_* types of winnt.h. Other numbers are allowed in a registry and kept as plain integers."""

    NONE = 0
    SZ = 1
    EXPAND_SZ = 2
    BINARY = 3
    DWORD = 4
    DWORD_BIG_ENDIAN = 5
    LINK = 6
    MULTI_SZ = 7
    RESOURCE_LIST = 8
    FULL_RESOURCE_DESCRIPTOR = 9
    RESOURCE_REQUIREMENTS_LIST = 10
    QWORD = 11

    @classmethod
    def of(cls, number: int) -> int:
        """The member with this number, or the number itself (0 to 4294967295) when Windows has no name for it."""
        return _KNOWN.get(number, number)


_KNOWN: dict[int, RegistryType] = {int(member): member for member in RegistryType}

TEXT_TYPES = frozenset({RegistryType.SZ, RegistryType.EXPAND_SZ, RegistryType.LINK})
_INTEGERS: dict[int, tuple[int, str]] = {
    RegistryType.DWORD: (4, "little"),
    RegistryType.DWORD_BIG_ENDIAN: (4, "big"),
    RegistryType.QWORD: (8, "little"),
}


def type_name(number: int) -> str:
    """`REG_SZ`, or `REG_0x1f` for a number without a name."""
    known = _KNOWN.get(number)
    return f"REG_{known.name}" if known is not None else f"REG_{number:#x}"


def encode_text(text: str) -> bytes:
    """Registry bytes of a string without its terminator."""
    return text.encode("utf-16-le", "surrogatepass")


def decode_text(data: bytes) -> str:
    """Text of registry bytes of even length, terminator and all; a lone surrogate survives."""
    return data.decode("utf-16-le", "surrogatepass")


def decode_value(type: int, data: bytes) -> Readable:
    """`data` as a person reads it: str for text types, int for numbers, list of str for REG_MULTI_SZ, else bytes.

    Data that is not well-formed for its type (a three-byte REG_DWORD, text with an odd byte or a NUL inside, as
    programs do write) comes back as bytes, so that nothing is hidden.
    """
    if type in _INTEGERS:
        size, order = _INTEGERS[type]
        return int.from_bytes(data, order) if len(data) == size else data  # type: ignore[arg-type]
    if type in TEXT_TYPES and len(data) % 2 == 0:
        text = decode_text(data).rstrip("\0")
        return data if "\0" in text else text
    if type == RegistryType.MULTI_SZ and len(data) % 2 == 0:
        return _split_strings(decode_text(data))
    return data


def _split_strings(text: str) -> list[str]:
    """Each string ends with NUL and one more NUL ends the list; a missing last NUL is forgiven."""
    if text in ("", "\0"):
        return []
    body = text[:-1] if text.endswith("\0\0") else text
    return body.removesuffix("\0").split("\0")


def encode_value(type: int, value: Readable) -> bytes:
    """Registry bytes of an edited value; bytes are taken as they are for every type.

    Numbers may be int or text, decimal or 0x form (AC-SCS-3); binary data may be hexadecimal text with spaces or
    commas; REG_MULTI_SZ takes a list of strings, empty ones included. Raises `InvalidValue`.
    """
    if isinstance(value, bytes | bytearray):
        return bytes(value)
    if type in _INTEGERS:
        size, order = _INTEGERS[type]
        return _parse_integer(value, size).to_bytes(size, order)  # type: ignore[arg-type]
    if type in TEXT_TYPES:
        return encode_text(_checked_text(value)) + b"\0\0"
    if type == RegistryType.MULTI_SZ:
        if not isinstance(value, list | tuple):
            raise InvalidValue(_("Enter a list of texts."))
        return b"".join(encode_text(_checked_text(text)) + b"\0\0" for text in value) + b"\0\0"
    return _parse_hexadecimal(value)


def _checked_text(value: Readable) -> str:
    if not isinstance(value, str):
        raise InvalidValue(_("Enter a text."))
    if "\0" in value:
        raise InvalidValue(_("A text cannot hold the NUL character."))
    return value


def _parse_integer(value: Readable, size: int) -> int:
    highest = 256**size - 1
    number: int | None = None
    if isinstance(value, int) and not isinstance(value, bool):
        number = value
    elif isinstance(value, str):
        digits = value.strip().lower()
        # int() alone would also take underscores, signs and other scripts' digits.
        if digits.isascii() and digits.isdigit() and len(digits) <= 25:
            number = int(digits)
        elif digits.startswith("0x") and 0 < len(digits) - 2 <= 20 and set(digits[2:]) <= set("0123456789abcdef"):
            number = int(digits, 16)
    if number is None or not 0 <= number <= highest:
        raise InvalidValue(
            _("Enter a whole number from 0 to %(highest)s, or from 0x0 to %(hexadecimal)s."),
            highest=highest,
            hexadecimal=f"{highest:#x}",
        )
    return number


def _parse_hexadecimal(value: Readable) -> bytes:
    if isinstance(value, str):
        try:
            return bytes.fromhex(value.replace(",", " "))
        except ValueError:
            pass
    raise InvalidValue(_("Enter bytes as pairs of hexadecimal digits, for example 0a ff 10."))
