"""Normal form of items, and edits of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.formats.collection import ItemSet, apply, canonical
from personalization.formats.errors import ImportRejected
from personalization.formats.items import (
    File,
    Folder,
    KeyDeletion,
    RegistryKey,
    RegistryValue,
    ValueDeletion,
    in_memory_file,
    sort_key,
)
from personalization.formats.paths import registry_key, upcase
from tests.formats import strategies
from tests.formats.contents import read_contents
from tests.formats.strategies import examples

# Few keys, so that changes meet.
few_paths = st.lists(st.sampled_from(["A", "a", "B"]), max_size=3).map(lambda names: "\\".join(["HKCU", *names]))
few_names = st.sampled_from(["", "v", "V"])
changes = (
    strategies.registry_values
    | st.builds(RegistryValue, few_paths, few_names, st.just(4), st.binary(max_size=1))
    | st.builds(RegistryKey, few_paths)
    | st.builds(KeyDeletion, few_paths)
    | st.builds(ValueDeletion, few_paths, few_names)
)


def value(path: str, name: str = "", data: bytes = b"") -> RegistryValue:
    return RegistryValue(path, name, 3, data)


def expected_after(changes) -> tuple[set[str], dict[tuple[str, str], tuple[int, bytes]]]:
    """Identities of the empty keys and of the values left by changes, worked out from flat tables."""
    keys: set[str] = set()
    values: dict[tuple[str, str], tuple[int, bytes]] = {}
    for change in changes:
        path = registry_key(change.path)
        match change:
            case RegistryKey():
                keys.add(path)
            case RegistryValue():
                keys.add(path)
                values[path, upcase(change.name)] = (change.type, change.data)
            case ValueDeletion():
                values.pop((path, upcase(change.name)), None)
            case KeyDeletion():
                keys = {key for key in keys if key != path and not key.startswith(path + "\\")}
                values = {k: v for k, v in values.items() if k[0] != path and not k[0].startswith(path + "\\")}
    holding = {path for path, _name in values}
    leaves = {key for key in keys if not any(other == key or other.startswith(key + "\\") for other in holding)}
    return {leaf for leaf in leaves if not any(other.startswith(leaf + "\\") for other in leaves)}, values


@examples(40)
@given(st.lists(changes, max_size=30))
def test_changes_have_the_effect_they_have_in_windows(changes):
    result = apply((), changes)
    keys, values = expected_after(changes)
    assert {registry_key(item.path) for item in result if isinstance(item, RegistryKey)} == keys
    assert {
        (registry_key(item.path), upcase(item.name)): (item.type, item.data)
        for item in result
        if isinstance(item, RegistryValue)
    } == values


@examples(30)
@given(strategies.all_items, st.randoms())
def test_normal_form_is_sorted_unique_and_the_same_from_any_order(items, random):
    assert items == sorted(items, key=sort_key)
    assert len({sort_key(item) for item in items}) == len(items)
    shuffled = list(items)
    random.shuffle(shuffled)
    assert canonical(shuffled) == items


def test_keys_with_something_in_them_are_left_out():
    assert canonical([RegistryKey("HKCU\\A"), RegistryKey("HKCU\\A\\B"), value("HKCU\\A\\B\\C")]) == [
        value("HKCU\\A\\B\\C")
    ]
    assert canonical([Folder("%DOCUMENTS%\\a"), in_memory_file("%DOCUMENTS%\\a\\f", b"")]) == [
        in_memory_file("%DOCUMENTS%\\a\\f", b"")
    ]


def test_the_first_spelling_of_a_key_is_kept():
    assert canonical([value("HKCU\\Software", "a"), value("HKCU\\SOFTWARE\\Acme", "b")]) == [
        value("HKCU\\Software", "a"),
        value("HKCU\\Software\\Acme", "b"),
    ]


@pytest.mark.parametrize(
    "items",
    [
        [value("HKCU\\A", "x"), value("HKCU\\a", "X")],
        [in_memory_file("%DOCUMENTS%\\a", b""), in_memory_file("%DOCUMENTS%\\a", b"1")],
        [in_memory_file("%DOCUMENTS%\\a", b""), in_memory_file("%DOCUMENTS%\\A", b"")],
        [in_memory_file("%DOCUMENTS%\\é", b""), in_memory_file("%DOCUMENTS%\\e\u0301", b"")],
        [in_memory_file("%DOCUMENTS%\\Sub\\a", b""), in_memory_file("%DOCUMENTS%\\sub\\b", b"")],
        [in_memory_file("%DOCUMENTS%\\a", b""), in_memory_file("%DOCUMENTS%\\a\\b", b"")],
        [in_memory_file("%DOCUMENTS%\\a\\b", b""), in_memory_file("%DOCUMENTS%\\a", b"")],
        [Folder("%DOCUMENTS%\\a"), Folder("%DOCUMENTS%\\a")],
        [RegistryKey("HKLM\\Software")],
        [Folder("%DOCUMENTS%\\..\\x")],
        [in_memory_file("C:\\x", b"")],
    ],
)
def test_items_that_cannot_be_beside_each_other_are_refused_by_name(items):
    with pytest.raises(ImportRejected) as refused:
        canonical(items)
    assert refused.value.position is not None
    assert items[-1].path.split("\\")[-1].casefold() in str(refused.value).casefold()


def test_a_later_file_takes_the_place_of_an_earlier_one_or_of_a_folder():
    old, new = in_memory_file("%DOCUMENTS%\\a", b"old"), in_memory_file("%DOCUMENTS%\\A", b"new")
    assert apply([old], [new]) == [in_memory_file("%DOCUMENTS%\\a", b"new")]
    inside = in_memory_file("%DOCUMENTS%\\a\\b", b"")
    assert apply([inside], [old]) == [old]
    assert apply([old], [inside]) == [inside]


def test_deleting_a_key_takes_everything_below_it_and_nothing_else():
    items = ItemSet(
        [value("HKCU\\A\\B", "x"), value("HKCU\\A\\B\\C", "y"), value("HKCU\\A\\Bee", "z"), value("HKCU\\A", "w")]
    )
    assert items.delete_key("HKCU\\a\\b") == 4  # two keys, two values
    assert list(items) == [value("HKCU\\A", "w"), value("HKCU\\A\\Bee", "z")]
    assert items.delete_key("HKCU\\A\\B") == 0


def test_a_key_can_come_back_after_it_was_deleted():
    first, again = value("HKCU\\A\\B", "x"), value("HKCU\\A\\B", "y")
    assert apply([first], [KeyDeletion("HKCU\\A"), again]) == [again]


def test_keys_that_were_only_passed_go_with_the_last_thing_below_them():
    deep, root = value("HKCU\\A\\B\\C", "x"), RegistryKey("HKCU")
    assert apply([deep], [KeyDeletion("HKCU\\A\\B\\C")]) == []
    assert apply([deep], [root, KeyDeletion("HKCU\\A\\B\\C")]) == [root]
    beside = value("HKCU\\A", "y")
    assert apply([deep, beside], [KeyDeletion("HKCU\\A\\B\\C")]) == [beside]


def test_deleting_a_value_leaves_its_key():
    items = ItemSet([value("HKCU\\A", "x")])
    assert items.delete_value("HKCU\\A", "X") is True
    assert items.delete_value("HKCU\\A", "x") is False
    assert list(items) == [RegistryKey("HKCU\\A")]


def test_files_keep_the_place_of_their_contents():
    item = in_memory_file("%APPDATA%\\x", b"hello")
    [kept] = canonical([item])
    assert isinstance(kept, File)
    assert read_contents(kept.source) == b"hello"
