"""NTUSER.DAT read raw: nothing lost."""

import pytest
from hypothesis import given

from personalization.formats.collection import canonical
from personalization.formats.hive import read_hive
from personalization.formats.items import RegistryKey, RegistryValue
from tests.formats import strategies
from tests.formats.hive_trees import EVERYTHING, described, expected, profile, utf16
from tests.formats.hives import SEGMENT, HiveBuilder, Key, read_with_hivex, write_with_hivex
from tests.formats.strategies import examples


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


def test_the_users_own_name_of_the_hive_is_accepted(tmp_path):
    path = HiveBuilder(EVERYTHING, file_name="\\Users\\alice\\ntuser.dat").write(tmp_path / "NTUSER.DAT")
    assert described(path) == expected(EVERYTHING)
