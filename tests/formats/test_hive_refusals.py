"""NTUSER.DAT read raw: nothing believed. What is damaged, too large or of the machine is refused with the byte."""

import struct
import sys

import pytest

from personalization.formats.errors import ImportRejected
from personalization.formats.hive import read_hive
from personalization.formats.items import RegistryKey
from personalization.formats.limits import Limits
from tests.formats.hive_trees import EVERYTHING, described, profile
from tests.formats.hives import NOWHERE, HiveBuilder, Key, sealed


def refusal(data: bytes, tmp_path, **options) -> ImportRejected:
    path = tmp_path / "NTUSER.DAT"
    path.write_bytes(data)
    with pytest.raises(ImportRejected) as refused:
        list(read_hive(path, **options))
    assert refused.value.position is not None
    return refused.value


def test_files_that_are_no_hives_are_refused(tmp_path):
    for data in (b"", b"regf", bytes(8192), b"PK\3\4" + bytes(5000)):
        assert "not a registry hive" in str(refusal(data, tmp_path))


def test_torn_and_cut_hives_are_refused_with_the_byte(tmp_path):
    good = HiveBuilder(EVERYTHING).build()
    assert "byte 8192: The registry hive is cut off" in str(refusal(good[:8192], tmp_path))
    assert "cut off" in str(refusal(good[:-1], tmp_path))
    assert "byte 4096: The registry hive is damaged" in str(refusal(good[:4096] + bytes(len(good) - 4096), tmp_path))
    assert "header of the registry hive is damaged" in str(refusal(good[:50] + b"x" + good[51:], tmp_path))
    old = bytearray(good)
    struct.pack_into("<I", old, 24, 1)
    assert "version" in str(refusal(sealed(old[:512]) + good[512:], tmp_path))


def damage(change) -> bytes:
    """A hive whose HKCU\\Software\\Acme holds long and short values and two subkeys, after `change(builder)`."""
    tree = profile(
        Key(
            "Acme",
            [("long", 3, bytes(64)), ("big", 3, bytes(40_000)), ("short", 4, bytes(4))],
            [Key("One"), Key("Two")],
        )
    )
    builder = HiveBuilder(tree)
    change(builder)
    return builder.build()


def cell_of(builder: HiveBuilder, signature: bytes, number: int = 0) -> int:
    """Offset of the numbered cell that begins with this signature."""
    offset = 32
    while offset < len(builder.data):
        if builder.data[offset + 4 : offset + 4 + len(signature)] == signature:
            if number == 0:
                return offset
            number -= 1
        offset += -struct.unpack_from("<i", builder.data, offset)[0]
    raise AssertionError(f"no cell {signature!r}")


def node(builder: HiveBuilder, name: str) -> int:
    number = 0
    while True:
        offset = cell_of(builder, b"nk", number)
        if builder.data[offset + 80 : offset + 80 + len(name)] == name.encode():
            return offset
        number += 1


def word(builder: HiveBuilder, offset: int, at: int, value: int) -> None:
    builder.patch(offset, struct.pack("<I", value), at)


def set_root(value: int):
    return lambda builder: setattr(builder, "root", value)


def root_inside_a_value(builder: HiveBuilder) -> None:
    """A key node, whole in itself, four bytes off: inside the data of a value."""
    old = builder.root + 4
    key = bytes(builder.data[old : old + 20]) + struct.pack("<IIII", 0, 0, NOWHERE, NOWHERE)
    key += struct.pack("<III", 0, NOWHERE, builder.security) + bytes(builder.data[old + 48 : old + 84])
    builder.root = builder.cell(struct.pack("<i", -88) + key) + 4


DAMAGES = {
    "root inside a value": root_inside_a_value,
    "root outside": set_root(0x7FFFFFF8),
    "root nowhere": set_root(NOWHERE),
    "root not aligned": set_root(36),
    "root in the header of the bin": set_root(8),
    "root of another kind": lambda b: setattr(b, "root", b.security),
    "a key below itself": lambda b: word(b, cell_of(b, b"lh"), 4, b.root),
    "a key below two keys": lambda b: word(b, cell_of(b, b"lh", 1), 12, node(b, "One")),
    "a list of two keys": lambda b: word(b, node(b, "One"), 28, cell_of(b, b"lh")) or word(b, node(b, "One"), 20, 2),
    "more subkeys than listed": lambda b: word(b, node(b, "Acme"), 20, 3),
    "fewer subkeys than listed": lambda b: word(b, node(b, "Acme"), 20, 1),
    "a list longer than its cell": lambda b: b.patch(cell_of(b, b"lh"), struct.pack("<H", 60_000), 2),
    "an unknown list": lambda b: b.patch(cell_of(b, b"lh"), b"xx"),
    "an index root below another": lambda b: b.patch(cell_of(b, b"lh"), b"ri"),
    "a list nowhere": lambda b: word(b, node(b, "Acme"), 28, NOWHERE),
    "more values than listed": lambda b: word(b, node(b, "Acme"), 36, 4_000),
    "a huge number of values": lambda b: word(b, node(b, "Acme"), 36, 0x7FFFFFFF),
    "values nowhere": lambda b: word(b, node(b, "Acme"), 40, NOWHERE),
    "a value that is a key": lambda b: b.patch(cell_of(b, b"vk"), b"nk"),
    "a value name past its cell": lambda b: b.patch(cell_of(b, b"vk"), struct.pack("<H", 60_000), 2),
    "value data past its cell": lambda b: word(b, cell_of(b, b"vk"), 4, 1_000),
    "inline data of five bytes": lambda b: word(b, cell_of(b, b"vk"), 4, 0x80000005),
    "two values with one data cell": lambda b: word(
        b, cell_of(b, b"vk", 2), 4, 8
    ) or word(b, cell_of(b, b"vk", 2), 8, struct.unpack_from("<I", b.data, cell_of(b, b"vk") + 12)[0]),
    "big data with too few segments": lambda b: b.patch(cell_of(b, b"db"), struct.pack("<H", 2), 2),
    "big data with too many segments": lambda b: b.patch(cell_of(b, b"db"), struct.pack("<H", 9), 2),
    "a free cell in use": lambda b: struct.pack_into("<i", b.data, node(b, "One"), 80),
    "a cell past the end": lambda b: struct.pack_into("<i", b.data, node(b, "One"), -0x7FFFFFF8),
    "a cell of odd size": lambda b: struct.pack_into("<i", b.data, node(b, "One"), -84),
    "two keys of one name": lambda b: b.patch(node(b, "Two"), b"oNE", 76),
    "an odd number of bytes in a name": lambda b: b.patch(node(b, "Two"), struct.pack("<H", 0), 2),
    "a backslash in a name": lambda b: b.patch(node(b, "Two"), b"T\\o", 76),
    "a control character in a name": lambda b: b.patch(node(b, "Two"), b"T\0o", 76),
    "an empty name": lambda b: b.patch(node(b, "Two"), struct.pack("<H", 0), 72),
    "a name past its cell": lambda b: b.patch(node(b, "Two"), struct.pack("<H", 500), 72),
    "a name of 600 bytes": lambda b: b.patch(node(b, "Two"), struct.pack("<H", 600), 72),
}  # fmt: skip


def test_the_hive_before_damage_is_sound(tmp_path):
    path = tmp_path / "NTUSER.DAT"
    path.write_bytes(damage(lambda builder: None))
    assert len(described(path)) == 8


@pytest.mark.parametrize("change", DAMAGES.values(), ids=DAMAGES)
def test_damage_is_refused_with_the_byte(tmp_path, change):
    refused = refusal(damage(change), tmp_path)
    assert str(refused).startswith("At byte ")


def test_bins_have_to_follow_each_other(tmp_path):
    good = HiveBuilder(EVERYTHING).build()
    for at, value in [(0, b"hbim"), (4, b"\0\x10\0\0"), (8, b"\0\0\0\0"), (8, b"\1\x10\0\0"), (8, b"\0\xf0\xff\x7f")]:
        broken = good[: 4096 + at] + value + good[4096 + at + 4 :]
        assert "byte 4096: The registry hive is damaged" in str(refusal(broken, tmp_path))


def test_keys_may_be_512_deep_and_not_deeper(tmp_path):
    recursion_limit = sys.getrecursionlimit()
    sys.setrecursionlimit(10_000)  # the builder of the tests needs it, the reader does not

    def nested(depth: int) -> Key:
        key = Key("x")
        for _ in range(depth - 2):
            key = Key("x", [], [key])
        return Key("root", [], [Key("Software", [], [key])])

    path, deeper = HiveBuilder(nested(512)).write(tmp_path / "deep"), HiveBuilder(nested(513)).build()
    sys.setrecursionlimit(recursion_limit)
    assert len(described(path)) == 513
    assert "deeper than 512" in str(refusal(deeper, tmp_path))


def test_each_cap_stops_the_reader(tmp_path):
    data = HiveBuilder(profile(Key("Acme", [(f"v{i}", 3, bytes(100)) for i in range(10)]))).build()
    path = tmp_path / "good"
    path.write_bytes(data)
    assert len(described(path, limits=Limits(registry_items=13, registry_bytes=1000, value_bytes=100))) == 13
    for limits, reason in [
        (Limits(registry_items=12), "more than 12 registry items"),
        (Limits(registry_bytes=999), "hold more than 999 bytes"),
        (Limits(value_bytes=99), "holds more than 99 bytes"),
        (Limits(depth=1), "deeper than 1"),
        (Limits(hive_bytes=4096), "larger than 4096 bytes"),
    ]:
        assert reason in str(refusal(data, tmp_path, limits=limits))


@pytest.mark.parametrize(
    "name", ["SYSTEM", "\\SystemRoot\\System32\\Config\\SOFTWARE", "\\SystemRoot\\System32\\Config\\SAM"]
)
def test_a_hive_of_the_machine_is_refused_by_its_name(tmp_path, name):
    # A base block has room for the last 32 characters only.
    data = HiveBuilder(EVERYTHING, file_name=name[-32:]).build()
    path = tmp_path / "NTUSER.DAT"
    path.write_bytes(data)
    if len(name) <= 32:
        assert "not a user's hive" in str(refusal(data, tmp_path))


def test_a_hive_without_any_key_of_a_user_is_refused(tmp_path):
    machine = Key("root", [], [Key("Microsoft"), Key("Classes")])
    assert "none of the keys Software" in str(refusal(HiveBuilder(machine).build(), tmp_path))
    empty = HiveBuilder(Key("root")).write(tmp_path / "empty")
    assert list(read_hive(empty)) == [RegistryKey("HKCU")]
