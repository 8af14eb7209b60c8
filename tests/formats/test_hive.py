"""NTUSER.DAT read raw: nothing lost, nothing believed."""

import struct
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.formats import manifest
from personalization.formats.collection import canonical
from personalization.formats.errors import ImportRejected
from personalization.formats.hive import read_hive
from personalization.formats.items import RegistryKey, RegistryValue
from personalization.formats.limits import Limits
from tests.formats import strategies
from tests.formats.hives import (
    NOWHERE,
    SEGMENT,
    HiveBuilder,
    Key,
    base_block,
    read_with_hivex,
    sealed,
    write_with_hivex,
)
from tests.formats.strategies import examples


def utf16(text: str) -> bytes:
    return text.encode("utf-16-le", "surrogatepass")


def profile(*keys: Key, values=()) -> Key:
    return Key("root", list(values), [Key("Software", [], list(keys))])


def described(path, **options) -> dict:
    """What the reader finds, in the form of `read_with_hivex`."""
    return {
        (item.path, None if isinstance(item, RegistryKey) else item.name): (
            None if isinstance(item, RegistryKey) else (int(item.type), item.data.hex())
        )
        for item in read_hive(path, **options)
    }


def expected(key: Key, path: str = "HKCU") -> dict:
    found: dict = {(path, None): None}
    found |= {(path, name): (type, data.hex()) for name, type, data in key.values}
    for child in key.keys:
        found |= expected(child, f"{path}\\{child.name}")
    return found


EVERYTHING = profile(
    Key("Types", [(f"type {number}", number, bytes(range(number % 9))) for number in [*range(12), 16, 0xFFFF0012]]),
    Key("Sizes", [(f"{size} bytes", 3, bytes([size % 251]) * size) for size in (0, 1, 3, 4, 5, 100, 5000, SEGMENT)]),
    Key("Big", [(f"{size}", 3, bytes(i % 253 for i in range(size))) for size in (16_352, 2 * SEGMENT, 100_000)]),
    Key("Texts", [("", 1, utf16("default\0")), ("list", 7, utf16("a\0\0b\0\0")), ("odd", 1, b"abc"), ("nul", 1, b"")]),
    Key("Größe", [("Übung", 1, utf16("é\0"))]),
    Key("日本語", [("語", 1, utf16("語\0"))], [Key("Ж"), Key("emoji \U0001f600")]),
    Key("Many", [(f"v{i}", 4, i.to_bytes(4, "little")) for i in range(300)], [Key(f"k{i}") for i in range(100)]),
    values=[("at the root", 4, b"\1\0\0\0")],
)


@pytest.mark.parametrize("list_style", ["lf", "lh", "li", "ri"])
def test_everything_in_a_hive_is_read_as_hivex_reads_it(tmp_path, list_style):
    path = HiveBuilder(EVERYTHING, list_style=list_style).write(tmp_path / "NTUSER.DAT")
    assert described(path) == expected(EVERYTHING) == read_with_hivex(path)


def test_a_hive_written_by_hivex_is_read(tmp_path):
    path = write_with_hivex(tmp_path / "NTUSER.DAT", EVERYTHING)
    assert described(path) == expected(EVERYTHING)


def test_what_hivex_cannot_read_is_read_too(tmp_path):
    tree = profile(
        Key("big", [(f"{size}", 3, b"db" + bytes(size - 2)) for size in (16_345, 16_346, 2 * SEGMENT + 1)]),
        Key("lone \ud800", [("\udfff", 1, utf16("\ud800\0")), ("a\0b\n", 4, b"\1\2\3\4")]),
        Key("k" * 255, [("v" * 16_383, 4, b"\1\2\3\4")]),
    )
    assert described(HiveBuilder(tree).write(tmp_path / "NTUSER.DAT")) == expected(tree)


def test_a_large_value_of_an_old_hive_lies_in_one_cell(tmp_path):
    tree = profile(Key("Old", [("big", 3, b"db\1\0" + bytes(50_000))]))
    assert described(HiveBuilder(tree, minor=3).write(tmp_path / "NTUSER.DAT")) == expected(tree)


def test_parents_come_before_what_is_in_them(tmp_path):
    path = HiveBuilder(EVERYTHING).write(tmp_path / "NTUSER.DAT")
    seen = set()
    for item in read_hive(path):
        if isinstance(item, RegistryKey):
            assert item.path == "HKCU" or item.path.rpartition("\\")[0] in seen
            seen.add(item.path)
        else:
            assert item.path in seen


@examples(15)
@given(strategies.registries)
def test_any_settings_survive_being_written_as_a_hive(tmp_path_factory, items):
    root = Key("root", [], [Key("Environment")])
    for item in items:
        node = root
        for name in item.path.split("\\")[1:]:
            found = next((child for child in node.keys if child.name == name), None)
            if found is None:
                found = Key(name)
                node.keys.append(found)
            node = found
        if isinstance(item, RegistryValue):
            node.values.append((item.name, item.type, item.data))
    path = HiveBuilder(root, list_style="ri").write(tmp_path_factory.mktemp("hive") / "NTUSER.DAT")
    below_environment = any(item.path.upper().startswith("HKCU\\ENVIRONMENT") for item in items)
    read = canonical(read_hive(path))
    assert [item for item in read if below_environment or item != RegistryKey("HKCU\\Environment")] == [
        item for item in items if item != RegistryKey("HKCU")
    ]


# --- refused ----------------------------------------------------------------------------------------------------------


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


def test_the_users_own_name_of_the_hive_is_accepted(tmp_path):
    path = HiveBuilder(EVERYTHING, file_name="\\Users\\alice\\ntuser.dat").write(tmp_path / "NTUSER.DAT")
    assert described(path) == expected(EVERYTHING)


SMALL = profile(
    Key(
        "Acme", [("a", 1, utf16("text\0")), ("big", 3, bytes(17_000)), ("", 4, b"\1\0\0\0")], [Key("Über"), Key("日本")]
    ),
    Key("Vim"),
)
GOOD = {style: HiveBuilder(SMALL, list_style=style).build() for style in ("lf", "lh", "li", "ri")}


def attempt(path, data: bytes) -> None:
    path.write_bytes(data)
    for allow_dirty in (False, True):
        try:
            for item in read_hive(path, allow_dirty=allow_dirty):
                assert item.path.startswith("HKCU")
        except ImportRejected as refused:
            assert str(refused).startswith("At byte")


@examples(80)
@given(
    st.sampled_from(sorted(GOOD)),
    st.lists(
        st.tuples(
            st.integers(0, 2**20),
            st.binary(min_size=1, max_size=4) | st.integers(0, 2000).map(lambda n: struct.pack("<I", n * 8)),
        ),
        min_size=1,
        max_size=8,
    ),
    st.booleans(),
)
def test_mutated_hives_are_read_or_refused_and_nothing_else(tmp_path, style, edits, keep_checksum):
    data = bytearray(GOOD[style])
    for position, replacement in edits:
        # Most of a hive is the data of its big value: aim at the rest.
        position %= len(data)
        data[position : position + len(replacement)] = replacement
    data[:512] = sealed(data[:512]) if keep_checksum else data[:512]
    attempt(tmp_path / "mutated", bytes(data))


@examples(40)
@given(st.binary(max_size=3000))
def test_arbitrary_bytes_are_read_or_refused_and_nothing_else(tmp_path, data):
    attempt(tmp_path / "arbitrary", data)
    body = bytearray(b"hbin" + struct.pack("<II", 0, 4096) + bytes(20) + data)[:4096].ljust(4096, b"\0")
    attempt(tmp_path / "arbitrary", base_block(32, 4096, (1, 1)) + bytes(body))


# --- real hives -------------------------------------------------------------------------------------------------------


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["NTUSER.DAT", "NTUSER_modified.DAT"])
def test_a_real_hive_is_read_value_for_value_as_hivex_reads_it(real_hive, name):
    path = real_hive(name)
    found = described(path)
    assert len(found) > 5000
    assert found == read_with_hivex(path)


@pytest.mark.realdata
def test_the_two_states_of_one_user_differ_by_what_changed(real_hive):
    before, after = (manifest.encode(read_hive(real_hive(name))) for name in ("NTUSER.DAT", "NTUSER_modified.DAT"))
    found = manifest.diff(before, after)
    assert 0 < len(found.added) + len(found.removed) + len(found.changed) < 100
    assert manifest.totals(before).values > 4000


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["NTUSER_with_winscp.DAT", "transactions_NTUSER.DAT"])
def test_a_real_dirty_hive_without_its_logs_is_refused_unless_allowed(real_hive, name):
    path = real_hive(name)
    with pytest.raises(ImportRejected, match="not closed properly"):
        list(read_hive(path))
    try:
        found = described(path, allow_dirty=True)
    except ImportRejected as refused:
        assert "damaged" in str(refused)
    else:
        assert found == read_with_hivex(path)


@pytest.mark.realdata
def test_a_real_damaged_hive_is_refused(real_hive, monkeypatch):
    path = real_hive("corrupted_system_hive")
    with pytest.raises(ImportRejected, match="not a user's hive"):
        list(read_hive(path))
    anonymous = bytearray(path.read_bytes())
    anonymous[48:112] = bytes(64)
    path.write_bytes(sealed(anonymous[:512]) + bytes(anonymous[512:]))
    with pytest.raises(ImportRejected, match="At byte"):
        list(read_hive(path, allow_dirty=True))
