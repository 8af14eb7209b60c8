"""A parser of search filters after RFC 4515, written for the tests alone: what a server would understand."""

import re

ATTRIBUTE = re.compile(rb"[A-Za-z][A-Za-z0-9-]*(;[A-Za-z0-9-]+)*")


class FilterSyntaxError(ValueError):
    """The text is not exactly one filter."""


def parse(text: str):
    """Return nested tuples.

    ("&", …), ("|", …), ("!", inner), ("=", attribute, value), ("=*", attribute), ("sub", attribute, parts),
    (">=", …), ("<=", …), ("ext", attribute, rule, value); attributes in lower case, values as the bytes that are meant.
    """
    data = text.encode()
    tree, end = _filter(data, 0)
    if end != len(data):
        raise FilterSyntaxError(f"text after the filter: {data[end:]!r}")
    return tree


def _filter(data: bytes, at: int):
    at = _expect(data, at, b"(")
    mark = data[at : at + 1]
    if mark in (b"&", b"|"):
        at += 1
        items = []
        while data[at : at + 1] == b"(":
            item, at = _filter(data, at)
            items.append(item)
        tree = (mark.decode(), *items)
    elif mark == b"!":
        inner, at = _filter(data, at + 1)
        tree = ("!", inner)
    else:
        tree, at = _item(data, at)
    return tree, _expect(data, at, b")")


def _item(data: bytes, at: int):
    end = at
    while end < len(data) and data[end : end + 1] not in (b"(", b")"):
        end += 1
    text = data[at:end]
    extended = re.fullmatch(rb"([A-Za-z][A-Za-z0-9-]*):([0-9A-Za-z.]+):=(.*)", text, re.DOTALL)
    if extended:
        return ("ext", _name(extended[1]), extended[2].decode(), _value(extended[3])), end
    name, sign, value = text.partition(b"=")
    if not sign:
        raise FilterSyntaxError(f"no comparison in {text!r}")
    for operator in (b">", b"<"):
        if name.endswith(operator):
            return (operator.decode() + "=", _name(name[:-1]), _value(value)), end
    if value == b"*":
        return ("=*", _name(name)), end
    if b"*" in value:
        return ("sub", _name(name), tuple(_value(part) for part in value.split(b"*"))), end
    return ("=", _name(name), _value(value)), end


def _name(data: bytes) -> str:
    if not ATTRIBUTE.fullmatch(data):
        raise FilterSyntaxError(f"not an attribute: {data!r}")
    return data.decode().lower()


def _value(data: bytes) -> bytes:
    if b"\0" in data or b"*" in data:
        raise FilterSyntaxError(f"unescaped character in {data!r}")
    parts = data.split(b"\\")
    value = parts[0]
    for part in parts[1:]:
        if not re.match(rb"[0-9A-Fa-f]{2}", part):
            raise FilterSyntaxError(f"bad escape in {data!r}")
        value += bytes.fromhex(part[:2].decode()) + part[2:]
    return value


def _expect(data: bytes, at: int, mark: bytes) -> int:
    if data[at : at + 1] != mark:
        raise FilterSyntaxError(f"{mark!r} expected at {at} of {data!r}")
    return at + 1
