"""Registry hives and transaction logs written for the tests, by this module or by hivex, never by the code under test.

What `HiveBuilder` writes is read by hivex as well, so a mistake here cannot agree with the same mistake there.
"""

from __future__ import annotations

import json
import struct
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

NOWHERE = 0xFFFFFFFF
SEGMENT = 16_344
SYSTEM_PYTHON = "/usr/bin/python3"  # Debian's python3-hivex belongs to it


@dataclass
class Key:
    """A key to write. `raw_name` and `flags` override what follows from the name."""

    name: str
    values: list[tuple[str, int, bytes]] = field(default_factory=list)
    keys: list[Key] = field(default_factory=list)
    raw_name: bytes | None = None
    flags: int | None = None


def split_name(name: str) -> tuple[bytes, bool]:
    """(bytes, is it compressed): one byte a character where Latin-1 can, as Windows does."""
    try:
        return name.encode("latin-1"), True
    except UnicodeEncodeError:
        return name.encode("utf-16-le", "surrogatepass"), False


def checksum(block: bytes) -> int:
    value = 0
    for (word,) in struct.iter_unpack("<I", block[:508]):
        value ^= word
    return value if value not in (0, NOWHERE) else {0: 1, NOWHERE: 0xFFFFFFFE}[value]


class HiveBuilder:
    """Writes a hive of one bin. `list_style` is lf, lh, li or ri (lists of `per_list` below an index root)."""

    def __init__(self, root: Key, *, list_style: str = "lh", per_list: int = 3, minor: int = 5, file_name: str = ""):
        self.data = bytearray(b"hbin" + bytes(28))
        self.list_style, self.per_list, self.minor, self.file_name = list_style, per_list, minor, file_name
        descriptor = struct.pack("<BBHIIII", 1, 0, 0x8000, 0, 0, 0, 0)
        self.security = self.cell(bytes(20) + descriptor)
        sk = struct.pack("<2sHIIII", b"sk", 0, self.security, self.security, 1, len(descriptor))
        self.patch(self.security, sk)
        self.root = self.key(root, NOWHERE, is_root=True)

    def cell(self, content: bytes, size: int | None = None) -> int:
        """Offset of a new allocated cell with this content."""
        total = size or -(-(len(content) + 4) // 8) * 8
        offset = len(self.data)
        self.data += struct.pack("<i", -total) + content + bytes(total - 4 - len(content))
        return offset

    def patch(self, offset: int, content: bytes, at: int = 0) -> None:
        self.data[offset + 4 + at : offset + 4 + at + len(content)] = content

    def key(self, key: Key, parent: int, is_root: bool = False) -> int:
        raw, compressed = split_name(key.name)
        raw = raw if key.raw_name is None else key.raw_name
        flags = key.flags if key.flags is not None else (0x20 if compressed else 0) | (0x2C if is_root else 0)
        offset = self.cell(bytes(76) + raw)
        children = [self.key(child, offset) for child in key.keys]
        values = [self.value(*value) for value in key.values]
        listed = self.subkey_list(children, key.keys)
        node = struct.pack(
            "<2sHQIIIIIIIIIIIIIIIHH", b"nk", flags, 0, 0, parent, len(children), 0, listed,
            NOWHERE, len(values), self.cell(struct.pack(f"<{len(values)}I", *values)) if values else NOWHERE,
            self.security, NOWHERE, 510, 0, 510, 65536, 0, len(raw), 0,
        )  # fmt: skip
        self.patch(offset, node)
        return offset

    def subkey_list(self, offsets: list[int], keys: list[Key]) -> int:
        if not offsets:
            return NOWHERE
        if self.list_style != "ri":
            return self.leaf(self.list_style, offsets, keys)
        leaves = [
            self.leaf(("lf", "lh", "li")[i % 3], offsets[start : start + self.per_list], keys[start:])
            for i, start in enumerate(range(0, len(offsets), self.per_list))
        ]
        return self.cell(struct.pack(f"<2sH{len(leaves)}I", b"ri", len(leaves), *leaves))

    def leaf(self, style: str, offsets: list[int], keys: list[Key]) -> int:
        content = struct.pack("<2sH", style.encode(), len(offsets))
        for offset, key in zip(offsets, keys, strict=False):
            content += struct.pack("<I", offset)
            if style == "lh":
                hashed = 0
                for (unit,) in struct.iter_unpack("<H", key.name.upper().encode("utf-16-le", "surrogatepass")):
                    hashed = (hashed * 37 + unit) & NOWHERE
                content += struct.pack("<I", hashed)
            elif style == "lf":
                content += key.name.encode("latin-1", "replace")[:4].ljust(4, b"\0")
        return self.cell(content)

    def value(self, name: str, type: int, data: bytes) -> int:
        raw, compressed = split_name(name)
        size = len(data)
        if size <= 4:
            size, where = size | 0x80000000, int.from_bytes(data.ljust(4, b"\0"), "little")
        elif size > SEGMENT and self.minor > 3:
            where = self.big_data(data)
        else:
            where = self.cell(data)
        return self.cell(struct.pack("<2sHIIIHH", b"vk", len(raw), size, where, type, int(compressed), 0) + raw)

    def big_data(self, data: bytes) -> int:
        segments = [self.cell(data[i : i + SEGMENT]) for i in range(0, len(data), SEGMENT)]
        listed = self.cell(struct.pack(f"<{len(segments)}I", *segments))
        return self.cell(struct.pack("<2sHI", b"db", len(segments), listed))

    def build(self, *, sequences: tuple[int, int] = (1, 1)) -> bytes:
        """The file: base block, one bin, what is left of the last page as a free cell."""
        data = bytearray(self.data)
        free = -len(data) % 4096
        if free:
            data += struct.pack("<i", free) + bytes(free - 4)
        struct.pack_into("<II", data, 4, 0, len(data))
        return base_block(self.root, len(data), sequences, minor=self.minor, file_name=self.file_name) + bytes(data)

    def write(self, path: Path, **options) -> Path:
        path.write_bytes(self.build(**options))
        return path


def base_block(
    root: int, size: int, sequences: tuple[int, int], *, minor: int = 5, file_name: str = "", type: int = 0
) -> bytes:
    block = bytearray(4096)
    struct.pack_into("<4sIIQIIIIIII", block, 0, b"regf", *sequences, 0, 1, minor, type, 1, root, size, 1)
    block[48:112] = file_name.encode("utf-16-le")[:64].ljust(64, b"\0")
    return sealed(block)


def sealed(block: bytes | bytearray) -> bytes:
    block = bytearray(block)
    struct.pack_into("<I", block, 508, checksum(block))
    return bytes(block)


# --- transaction logs -------------------------------------------------------------------------------------------------


def marvin32(data: bytes) -> int:
    """Written from the description of the algorithm, on Python integers of any size."""
    low, high = 0x7A4E55C5, 0x82EF4D88

    def rotate(value: int, by: int) -> int:
        return (value << by | value >> 32 - by) % 2**32

    padded = data + b"\x80"
    padded += bytes(-len(padded) % 4) + bytes(4)
    for i in range(0, len(padded), 4):
        low = (low + int.from_bytes(padded[i : i + 4], "little")) % 2**32
        high ^= low
        low = (rotate(low, 20) + high) % 2**32
        high = rotate(high, 9) ^ low
        low = (rotate(low, 27) + high) % 2**32
        high = rotate(high, 19)
    return high << 32 | low


def log_entry(sequence: int, size: int, pages: dict[int, bytes]) -> bytes:
    """One HvLE entry: pages by their offset in the hive bins data."""
    body = b"".join(struct.pack("<II", offset, len(page)) for offset, page in pages.items()) + b"".join(pages.values())
    body += bytes(-(40 + len(body)) % 512)
    head = struct.pack("<4sIIIIIQ", b"HvLE", 40 + len(body), 0, sequence, size, len(pages), marvin32(body))
    return head + struct.pack("<Q", marvin32(head)) + body


def new_log(hive: bytes, sequence: int, *entries: bytes) -> bytes:
    """A .LOG1 since Windows 8.1 whose base block announces `sequence`."""
    block = bytearray(hive[:512])
    struct.pack_into("<II", block, 4, sequence, sequence)
    struct.pack_into("<I", block, 28, 6)
    return sealed(block) + b"".join(entries)


def old_log(hive: bytes, after: bytes, sequence: int) -> bytes:
    """A .LOG until Windows 8: the sectors in which `after` differs from `hive`, both whole files of one size."""
    block = bytearray(after[:512])
    struct.pack_into("<II", block, 4, sequence, sequence)
    struct.pack_into("<I", block, 28, 1)
    count = (len(after) - 4096) // 512
    bitmap, pages = bytearray(count // 8), []
    for i in range(count):
        page = after[4096 + i * 512 : 4608 + i * 512]
        if page != hive[4096 + i * 512 : 4608 + i * 512]:
            bitmap[i // 8] |= 1 << i % 8
            pages.append(page)
    vector = b"DIRT" + bitmap
    return sealed(block) + vector + bytes(-len(vector) % 512) + b"".join(pages)


def changed_pages(before: bytes, after: bytes, page: int = 4096) -> dict[int, bytes]:
    """Pages of the hive bins data of `after` that differ, by offset."""
    return {
        i - 4096: after[i : i + page]
        for i in range(4096, len(after), page)
        if after[i : i + page] != before[i : i + page]
    }


def make_dirty(hive: bytes, sequences: tuple[int, int]) -> bytes:
    block = bytearray(hive)
    struct.pack_into("<II", block, 4, *sequences)
    return sealed(block[:512]) + hive[512:]


# --- hivex ------------------------------------------------------------------------------------------------------------

_HIVEX_WRITE = """
import hivex, json, sys
path, tree = sys.argv[1], json.load(sys.stdin)
hive = hivex.Hivex(path, write=True)
def fill(node, key):
    if key["values"]:
        hive.node_set_values(
            node, [{"key": n, "t": t, "value": bytes.fromhex(d)} for n, t, d in key["values"]])
    for child in key["keys"]:
        fill(hive.node_add_child(node, child["name"]), child)
fill(hive.root(), tree)
hive.commit(None)
"""

_HIVEX_READ = """
import hivex, json, sys
hive = hivex.Hivex(sys.argv[1])
def tree(node, is_root):
    values = []
    for value in hive.node_values(node):
        type, data = hive.value_value(value)
        values.append([hive.value_key(value), type, data.hex()])
    return {"name": "" if is_root else hive.node_name(node), "values": values,
            "keys": [tree(child, False) for child in hive.node_children(node)]}
sys.setrecursionlimit(5000)
json.dump(tree(hive.root(), True), sys.stdout)
"""


def _run_hivex(script: str, path: Path, input: str = "") -> str:
    done = subprocess.run(
        [SYSTEM_PYTHON, "-c", script, str(path)], input=input.encode(), capture_output=True, timeout=120
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode("utf-8", "surrogatepass")


def write_with_hivex(path: Path, root: Key) -> Path:
    """A hive whose every key and value hivex wrote, into an empty one."""
    HiveBuilder(Key("root")).write(path)
    _run_hivex(_HIVEX_WRITE, path, json.dumps(_as_json(root)))
    return path


def _as_json(key: Key) -> dict:
    return {
        "name": key.name,
        "values": [[name, type, data.hex()] for name, type, data in key.values],
        "keys": [_as_json(child) for child in key.keys],
    }


def read_with_hivex(path: Path) -> dict[tuple[str, str | None], tuple[int, str] | None]:
    """Everything in a hive as hivex reads it: (path below the root, value name) -> (type, hexadecimal data); keys
    themselves have the name None."""
    found: dict[tuple[str, str | None], tuple[int, str] | None] = {}

    def walk(key: dict, path: str) -> None:
        found[path, None] = None
        for name, type, data in key["values"]:
            found[path, name] = (type, data)
        for child in key["keys"]:
            walk(child, f"{path}\\{child['name']}")

    walk(json.loads(_run_hivex(_HIVEX_READ, path)), "HKCU")
    return found
