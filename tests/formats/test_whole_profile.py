"""A whole profile of a dozen programs, written by hivex, through every reader and writer, equal at the end."""

import pytest

from personalization.formats import manifest
from personalization.formats.bundle import open_source, write_folder, write_zip
from personalization.formats.collection import apply, canonical
from personalization.formats.compression import compress, decompress, digest
from personalization.formats.hive import read_hive
from personalization.formats.items import File, RegistryKey, RegistryValue
from personalization.formats.reg import UTF_8, UTF_16, read_reg, write_reg
from personalization.formats.templates import read_template, sort_items
from personalization.formats.values import RegistryType, decode_value
from tests.formats.contents import read_contents
from tests.formats.hives import Key, read_with_hivex, write_with_hivex
from tests.formats.whole_profile import as_hive, as_template, make_files, make_programs

PROGRAMS = make_programs()


def flatten(key: Key, path: str = "HKCU"):
    yield RegistryKey(path)
    for name, type, data in key.values:
        yield RegistryValue(path, name, type, data)
    for child in key.keys:
        yield from flatten(child, f"{path}\\{child.name}")


EXPECTED = canonical(flatten(as_hive(PROGRAMS)))


@pytest.fixture(scope="module")
def hive(tmp_path_factory):
    return write_with_hivex(tmp_path_factory.mktemp("profile") / "NTUSER.DAT", as_hive(PROGRAMS))


@pytest.fixture(scope="module")
def items(hive):
    return canonical(read_hive(hive))


def test_every_value_that_hivex_wrote_is_read(hive, items):
    assert items == EXPECTED
    written = read_with_hivex(hive)
    for item in items:
        if isinstance(item, RegistryValue):
            assert written[item.path, item.name] == (item.type, item.data.hex())
    kinds = {item.type for item in items if isinstance(item, RegistryValue)}
    assert kinds >= {int(kind) for kind in RegistryType}
    assert max(item.size for item in items if isinstance(item, RegistryValue)) > 16 * 1024


def test_lists_with_empty_texts_are_shown_as_they_were_written(items):
    shown = {item.name: decode_value(item.type, item.data) for item in items if getattr(item, "type", None) == 7}
    assert shown["Accounts"] == ["alice@acme.example", "", "support@acme.example", ""]
    assert shown["Empty list"] == []
    assert shown["List of one empty text"] == [""]
    assert shown["Unterminated"] == ["a", "b"]


@pytest.mark.parametrize("encoding", [UTF_16, UTF_8])
def test_it_survives_a_reg_export(items, tmp_path, encoding):
    with (tmp_path / "export.reg").open("wb") as stream:
        write_reg(items, stream, encoding=encoding)
    with (tmp_path / "export.reg").open("rb") as stream:
        assert apply((), read_reg(stream)) == items


def test_it_is_sorted_into_its_programs_and_every_group_survives_the_store_and_the_export(items, tmp_path):
    files = make_files(PROGRAMS)
    templates = [read_template(as_template(vendor, key)) for vendor, key in PROGRAMS]
    groups = sort_items([*items, *files], templates)
    assert {template and template.id: len(found) for template, found in groups.items()} == {
        "PostMail": 45, "WeltblickBrowser": 7, "InkwellEditor": 6, "ShellwerkTerminal": 4, "KontorERP": 246,
        "FernblickRemote": 4, "RechenwerkSheets": 8, "BildhausPictures": 5, "NotizNotes": 4, "KalenderCalendar": 302,
        "DruckerPrint": 4, "BaukastenIDE": 15_002, None: 2,
    }  # fmt: skip
    store: dict[bytes, bytes] = {}

    def fetch(sha256: bytes) -> bytes:
        return decompress(store[sha256], sha256=sha256, max_size=1_000_000)

    for number, group in enumerate(groups.values()):
        encoded = manifest.encode(group)
        store[digest(encoded)] = compress(encoded)
        store |= {ref.sha256: compress(read_contents(source)) for ref, source in manifest.blobs(group)}
        unpacked = decompress(store[digest(encoded)], sha256=digest(encoded), max_size=10_000_000)
        restored = list(manifest.with_contents(manifest.iterate(unpacked), fetch))
        assert restored == canonical(group)
        with (tmp_path / f"{number}.zip").open("wb") as stream:
            write_zip(restored, stream)
        write_folder(restored, tmp_path / f"{number}")
        for name in (f"{number}.zip", f"{number}"):
            with open_source(tmp_path / name) as source:
                assert manifest.encode(source.items()) == encoded
                assert {item.path: read_contents(item.source) for item in source.items() if isinstance(item, File)} == {
                    item.path: read_contents(item.source) for item in group if isinstance(item, File)
                }
