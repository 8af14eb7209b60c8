"""Canonical bytes of a snapshot."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.formats import manifest
from personalization.formats.collection import apply
from personalization.formats.compression import digest
from personalization.formats.errors import ImportRejected
from personalization.formats.items import (
    BlobRef,
    File,
    Folder,
    RegistryKey,
    RegistryValue,
    in_memory_file,
    sort_key,
)
from tests.formats import strategies
from tests.formats.contents import read_contents
from tests.formats.strategies import examples

PROFILE = [
    RegistryKey("HKCU\\Software\\Empty"),
    RegistryValue("HKCU\\Software\\Acme", "", 1, "Größe\0".encode("utf-16-le")),
    RegistryValue("HKCU\\Software\\Acme", "\ud800", 7, b"\0\0"),
    RegistryValue("HKCU\\Software\\Acme", "big", 3, bytes(5000)),
    Folder("%DOCUMENTS%\\Leer"),
    in_memory_file("%APPDATA%\\Vim\\rc", b"set number\n"),
]


def test_the_format_does_not_drift():
    """Snapshots are named by this digest for ever: whoever changes the bytes has to raise the version."""
    assert manifest.encode(PROFILE).decode("ascii").splitlines() == [
        '{"format":"roamkeep-manifest","version":1,"keys":1,"values":3,"folders":1,"files":1,"bytes":5025}',
        '["k","HKCU\\\\Software\\\\Empty"]',
        '["v","HKCU\\\\Software\\\\Acme","",1,"RwByAPYA3wBlAAAA"]',
        '["v","HKCU\\\\Software\\\\Acme","big",3,5000,'
        '"7ca5bd879f393d9dd05b14f38add9c0fc6b67928f7f2d261b2e47a32ee8219e3"]',
        '["v","HKCU\\\\Software\\\\Acme","\\ud800",7,"AAA="]',
        '["d","%DOCUMENTS%\\\\Leer"]',
        '["f","%APPDATA%\\\\Vim\\\\rc",11,"c820691ecae2ceddcc74fc5007dddef91648448637083e61c2e7aeb9cbcdf0e3"]',
    ]


@examples(30)
@given(strategies.all_items, st.randoms())
def test_the_same_items_give_the_same_bytes_in_any_order(items, random):
    encoded = manifest.encode(items)
    shuffled = list(items)
    random.shuffle(shuffled)
    assert manifest.encode(shuffled) == encoded
    assert encoded.isascii()
    manifest.check(encoded)


@examples(30)
@given(strategies.all_items)
def test_what_is_encoded_comes_back_with_its_contents(items):
    encoded = manifest.encode(items)
    stored = {ref.sha256: read_contents(source) for ref, source in manifest.blobs(items)}
    assert set(stored) == manifest.blob_digests(encoded)
    back = list(manifest.with_contents(manifest.iterate(encoded), stored.__getitem__))
    assert back == items
    assert [read_contents(item.source) for item in back if isinstance(item, File)] == [
        read_contents(item.source) for item in items if isinstance(item, File)
    ]
    # Without its blobs at hand a manifest can still be written again.
    assert manifest.encode(manifest.iterate(encoded)) == encoded


@examples(25)
@given(strategies.all_items)
def test_totals_are_those_of_the_items(items):
    totals = manifest.totals(manifest.encode(items))
    assert totals.items == len(items)
    assert totals.registry_items == sum(isinstance(item, RegistryKey | RegistryValue) for item in items)
    assert totals.bytes == sum(getattr(item, "size", 0) for item in items)


@examples(30)
@given(strategies.all_items, strategies.all_items)
def test_a_difference_leads_from_one_manifest_to_the_other(before, after):
    old, new = manifest.encode(before), manifest.encode(after)
    found = manifest.diff(old, new)
    assert bool(found) == (old != new)
    items = {sort_key(item): item for item in manifest.decode(old)}
    for item in found.removed:
        assert items.pop(sort_key(item)) == item
    for item, becomes in found.changed:
        assert items[sort_key(item)] == item != becomes
        items[sort_key(item)] = becomes
    for item in found.added:
        assert sort_key(item) not in items
        items[sort_key(item)] = item
    assert sorted(items.values(), key=sort_key) == manifest.decode(new)
    assert found.added == sorted(found.added, key=sort_key)


@pytest.mark.parametrize(("size", "is_inline"), [(0, True), (1024, True), (1025, False), (100_000, False)])
def test_values_over_one_kilobyte_become_blobs(size, is_inline):
    [item] = manifest.decode(manifest.encode([RegistryValue("HKCU\\A", "v", 3, b"x" * size)]))
    assert item.data == (b"x" * size if is_inline else BlobRef(digest(b"x" * size), size))
    assert item.size == size


def test_each_content_is_stored_once():
    twice = [in_memory_file("%DOCUMENTS%\\a", b"same"), in_memory_file("%DOCUMENTS%\\b", b"same")]
    assert [ref for ref, _source in manifest.blobs(twice)] == [BlobRef(digest(b"same"), 4)]


@pytest.mark.parametrize(
    "path", ["HKLM\\Software", "HKCU\\a\0b", "%APPDATA%\\..\\x", "C:\\x", "%APPDATA%\\NUL", "HKCU\\" + "k" * 256]
)
def test_nothing_outside_the_users_settings_gets_into_a_snapshot(path):
    item = RegistryKey(path) if path.startswith("HK") else Folder(path)
    with pytest.raises(ImportRejected):
        manifest.encode([item])


def lines(*items: str, **counts: int) -> bytes:
    header = {"format": "roamkeep-manifest", "version": 1, "keys": 0, "values": 0, "folders": 0, "files": 0, "bytes": 0}
    return "\n".join([json.dumps(header | counts, separators=(",", ":")), *items, ""]).encode()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (b"", 1),
        (b"{}\n", 1),
        (b'{"format":"roamkeep-manifest","version":2}\n', 1),
        (lines(keys=-1), 1),
        (lines(more=1), 1),
        (lines("[]"), 2),
        (lines('["k","HKCU"]', '["k",5]'), 3),
        (lines('["v","HKCU","",-1,""]'), 2),
        (lines('["v","HKCU","",4294967296,""]'), 2),
        (lines('["v","HKCU","",true,""]'), 2),
        (lines('["v","HKCU","",1,"!!"]'), 2),
        (lines(f'["v","HKCU","",1,"{"QUFB" * 400}"]'), 2),
        (lines('["v","HKCU","",1,5,"00"]'), 2),
        (lines(f'["v","HKCU","",1,5,"{"00" * 32}"]'), 2),
        (lines(f'["f","%APPDATA%\\\\x",-1,"{"00" * 32}"]'), 2),
        (lines('["k","HKCU"]')[:-1], 2),
        (lines("[" * 100_000), 2),
    ],
)
def test_a_broken_manifest_is_refused_with_its_line(text, line):
    with pytest.raises(ImportRejected, match=f"line {line}:"):
        manifest.decode(text)


@pytest.mark.parametrize(
    "text",
    [
        lines('["k","HKCU\\\\b"]', '["k","HKCU\\\\a"]', keys=2),
        lines('["k","HKCU\\\\a"]', '["k","HKCU\\\\A"]', keys=2),
        lines('["k","HKCU\\\\a"]', '["v","HKCU\\\\a","",1,""]', keys=1, values=1),
        lines('["k", "HKCU\\\\a"]', keys=1),
        lines('["k","HKEY_CURRENT_USER\\\\a"]', keys=1),
        lines('["k","HKCU\\\\a"]', keys=2),
        lines('["k","HKLM\\\\a"]', keys=1),
        lines('["d","%APPDATA%\\\\..\\\\x"]', folders=1),
    ],
)
def test_a_strangers_manifest_has_to_be_canonical(text):
    with pytest.raises(ImportRejected):
        manifest.check(text)


@examples(40)
@given(
    strategies.registries, st.lists(st.tuples(st.integers(0, 10_000), st.binary(max_size=3)), min_size=1, max_size=4)
)
def test_a_mutated_manifest_is_read_or_refused_and_nothing_else(items, edits):
    mutated = bytearray(manifest.encode(items))
    for position, replacement in edits:
        mutated[position % len(mutated) : position % len(mutated) + len(replacement)] = replacement
    try:
        manifest.check(bytes(mutated))
        manifest.diff(manifest.encode(items), bytes(mutated))
    except ImportRejected as refused:
        assert str(refused)


def test_edits_of_a_snapshot_are_one_pass():
    """Decode, change, encode: what the bulk operations do with each distinct manifest."""
    before = manifest.encode(PROFILE)
    changed = RegistryValue("HKCU\\Software\\Acme", "size", 4, b"\1\0\0\0")
    after = manifest.encode(apply(manifest.iterate(before), [changed]))
    assert manifest.diff(before, after) == manifest.Difference([changed], [], [])
    assert digest(before) != digest(after)
