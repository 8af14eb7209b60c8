"""What the text of paths and names costs: counted by every reader, refused before it is in memory."""

import sys
import tracemalloc
import zipfile

import pytest

from personalization.formats import manifest
from personalization.formats.bundle import open_source
from personalization.formats.collection import ItemSet, apply
from personalization.formats.errors import ImportRejected
from personalization.formats.items import File, Folder, KeyDeletion, RegistryKey, RegistryValue
from personalization.formats.limits import DEFAULT_LIMITS, Limits
from personalization.formats.tally import text_cost
from tests.formats.hives import HiveBuilder, Key
from tests.formats.test_memory import MIB, measure

LONG = "k" * 255
FEW = Limits(text_bytes=20_000)


def chain(depth, leaves):
    """A hive with `leaves` empty keys below one chain of `depth` keys with the longest names."""
    key = Key(LONG, [], [Key(f"{number:05}") for number in range(leaves)])
    for _level in range(depth - 1):
        key = Key(LONG, [], [key])
    return HiveBuilder(Key("root", [], [Key("Software", [], [key])]))


def exported(keys):
    path = "\\".join(["HKEY_CURRENT_USER", "Software", *[LONG] * 5])
    return "REGEDIT4\n" + "".join(f"[{path}\\{number}]\n" for number in range(keys))


def as_hive(folder):
    return chain(5, 20).write(folder / "NTUSER.DAT"), "byte "


def as_reg_export(folder):
    path = folder / "a.reg"
    path.write_text(exported(20))
    return path, "line "


def as_folder(folder):
    (folder / "profile").mkdir()
    as_reg_export(folder / "profile")
    return folder / "profile", "“a.reg”, line "


def as_archive(folder):
    as_reg_export(folder)
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        archive.write(folder / "a.reg", "a.reg")
    return folder / "a.zip", "“a.reg”, line "


def as_folder_of_deep_files(folder):
    below = folder / "profile" / "Documents" / ("k" * 200) / ("k" * 200)
    below.mkdir(parents=True)
    for number in range(50):
        (below / str(number)).touch()
    return folder / "profile", "“Documents/"


def as_archive_of_deep_files(folder):
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        for number in range(50):
            archive.writestr("/".join(["Documents", *["k" * 200] * 2, str(number)]), b"")
    return folder / "a.zip", "“Documents/"


@pytest.mark.parametrize(
    "write", [as_hive, as_reg_export, as_folder, as_archive, as_folder_of_deep_files, as_archive_of_deep_files]
)
def test_long_paths_are_counted_in_every_source_and_refused_with_their_place(tmp_path, write):
    path, place = write(tmp_path)
    with open_source(path) as source:
        assert len(source.changes) >= 20
    reason = "paths and names of all items are longer than 20000 bytes"
    with pytest.raises(ImportRejected, match=reason) as refused, open_source(path, limits=FEW):
        pass
    assert str(refused.value).startswith(f"At {place}")


def test_several_registry_files_of_one_bundle_share_one_count(tmp_path):
    for name in ("a.reg", "b.reg"):
        (tmp_path / name).write_text(exported(12))
    with open_source(tmp_path / "a.reg", limits=FEW), open_source(tmp_path / "b.reg", limits=FEW):
        pass
    with pytest.raises(ImportRejected, match="“b.reg”, line ") as refused, open_source(tmp_path, limits=FEW):
        pass
    assert "20000 bytes" in str(refused.value)


def test_names_of_values_and_of_deleted_ones_count_like_paths(tmp_path):
    for data in ("dword:0", "-"):
        values = "".join(f'"{number}{"n" * 1000}"={data}\n' for number in range(20))
        (tmp_path / "a.reg").write_text(f"REGEDIT4\n[HKEY_CURRENT_USER\\A]\n{values}")
        with pytest.raises(ImportRejected, match="20000 bytes"), open_source(tmp_path / "a.reg", limits=FEW):
            pass


@pytest.mark.parametrize(
    "text", ["HKCU\\Software", "\u00e9" * 50, "\u65e5" * 50, "k" * 50 + "\U0001f600", "\ud800", ""]
)
def test_a_text_costs_what_it_takes_in_memory_or_in_a_manifest(text):
    line = manifest.encode([RegistryValue("HKCU", text, 3, b"")])
    bare = manifest.encode([RegistryValue("HKCU", "", 3, b"")])
    assert text_cost(text) >= max(sys.getsizeof(text), len(line) - len(bare))


def test_a_small_hive_of_long_paths_is_refused_before_it_takes_memory(tmp_path):
    path = chain(250, 4000).write(tmp_path / "NTUSER")
    assert path.stat().st_size < MIB
    [(growth, result)] = measure([path]).values()
    assert "At byte" in result
    assert "paths and names" in result
    assert growth < DEFAULT_LIMITS.text_bytes + 30 * MIB, f"{growth >> 20} MB"


def test_a_tree_of_deep_keys_costs_its_names_not_the_path_of_every_level():
    keys = [RegistryKey("\\".join(["HKCU", str(number), *["k" * 50] * 200])) for number in range(10, 30)]
    files = [File("\\".join(["%APPDATA%", str(number), *["k" * 50] * 200]), 0, b"") for number in range(10, 30)]
    tracemalloc.start()
    try:
        held = ItemSet([*keys, *files])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert list(held) == [*keys, *files]
    assert peak < 10 * MIB, f"{peak >> 20} MB"


def test_an_item_shares_its_path_with_the_tree_and_with_its_neighbours():
    path = "\\".join(["HKCU", LONG])
    given = [RegistryValue(f"{path}", name, 3, b"") for name in "ab"]
    assert [item.path is path for item in apply((), given)] == [True, True]
    first, second = manifest.decode(manifest.encode(given))
    assert first.path is second.path


def test_keys_and_folders_that_are_only_passed_count_as_items():
    limits = Limits(registry_items=5, files=5)
    assert len(apply((), [RegistryKey("HKCU\\1\\2\\3\\4")], limits=limits)) == 1
    with pytest.raises(ImportRejected, match="more than 5 registry items"):
        apply((), [RegistryKey("HKCU\\1\\2\\3\\4\\5")], limits=limits)
    deep = "%APPDATA%\\" + "\\".join(map(str, range(30)))
    with pytest.raises(ImportRejected, match="more than 5 files and folders"):
        apply((), [Folder(deep)], limits=limits)


def test_what_is_deleted_makes_room_again():
    held = ItemSet([RegistryKey("HKCU\\1\\2\\3\\4")], replace=True, limits=Limits(registry_items=5))
    for _round in range(3):
        held.apply(KeyDeletion("HKCU\\1\\2\\3\\4"))
        held.put(RegistryKey("HKCU\\9\\2\\3\\4"))
        held.apply(KeyDeletion("HKCU\\9"))
        held.put(RegistryKey("HKCU\\1\\2\\3\\4"))
    assert list(held) == [RegistryKey("HKCU\\1\\2\\3\\4")]
    deep = File("%APPDATA%\\a\\" + "\\".join(map(str, range(15))), 0, b"")
    held = ItemSet(replace=True, limits=Limits(files=5))
    for _round in range(5):
        held.put(deep)
        held.put(File("%APPDATA%\\a", 0, b""))
    assert list(held) == [File("%APPDATA%\\a", 0, b"")]


def test_a_manifest_is_never_written_larger_than_it_may_be_read():
    items = [RegistryValue("HKCU\\A", f"v{number:03}", 3, bytes(60)) for number in range(100)]
    whole = manifest.encode(items)
    assert manifest.encode(items, limits=Limits(manifest_bytes=len(whole))) == whole
    less = Limits(manifest_bytes=len(whole) - 1)
    with pytest.raises(ImportRejected, match="At “HKCU.A”: The settings are more than"):
        manifest.encode(items, limits=less)
    with pytest.raises(ImportRejected, match="The settings are more than"):
        manifest.check(whole, limits=less)


def test_a_state_that_grew_by_changes_has_the_limits_of_an_import():
    items = [RegistryValue("HKCU\\A", f"v{number:03}", 3, bytes(60)) for number in range(100)]
    for limits, reason in [
        (Limits(registry_items=99), "more than 99 registry items"),
        (Limits(registry_bytes=5999), "more than 5999 bytes"),
        (Limits(text_bytes=5000), "longer than 5000 bytes"),
    ]:
        with pytest.raises(ImportRejected, match=f"At “HKCU.A”: .*{reason}"):
            manifest.encode(items, limits=limits)


@pytest.mark.realdata
def test_a_real_hive_stays_far_below_the_limit(real_hive):
    limits = Limits(text_bytes=DEFAULT_LIMITS.text_bytes // 10, manifest_bytes=DEFAULT_LIMITS.manifest_bytes // 10)
    with open_source(real_hive("NTUSER_with_winscp.DAT"), allow_dirty=True, limits=limits) as source:
        assert len(manifest.encode(source.items(), limits=limits)) > MIB
