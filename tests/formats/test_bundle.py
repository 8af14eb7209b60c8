"""Folders and archives read and written, and the sources a person can name."""

import io
import os
import zipfile
from pathlib import Path

import pytest
from hypothesis import given

from personalization.formats import manifest
from personalization.formats.bundle import SourceKind, open_source, write_folder, write_zip
from personalization.formats.errors import DamagedContent, ExportRefused, ImportRejected
from personalization.formats.items import (
    BlobRef,
    File,
    Folder,
    InMemory,
    KeyDeletion,
    RegistryKey,
    RegistryValue,
    in_memory_file,
)
from personalization.formats.limits import Limits
from personalization.formats.reg import write_reg
from tests.formats import strategies
from tests.formats.contents import read_contents
from tests.formats.hives import HiveBuilder, Key, changed_pages, log_entry, make_dirty, new_log
from tests.formats.strategies import examples

PROFILE = [
    RegistryKey("HKCU\\Software\\Empty"),
    RegistryValue("HKCU\\Software\\Acme", "name", 1, "Größe\0".encode("utf-16-le")),
    Folder("%DOCUMENTS%\\Leer"),
    in_memory_file("%APPDATA%\\Vim\\Übung.vim", b"set number\n" * 50_000),
    in_memory_file("%DOCUMENTS%\\archive.zip", b"PK\3\4 just a file"),
    in_memory_file("%LOCALAPPDATA%\\x", b""),
    in_memory_file("%USERPROFILE%\\.gitconfig", b"[user]"),
    in_memory_file("%USERPROFILE%\\UserProfile\\x", b"1"),
    in_memory_file("%USERPROFILE%\\exported.reg", b"a file, since it lies in the profile"),
]


def contents(items) -> list[bytes]:
    return [read_contents(item.source) for item in items if isinstance(item, File)]


def write(kind: str, items, path: Path) -> Path:
    if kind == "zip":
        with path.open("wb") as stream:
            write_zip(items, stream)
    else:
        write_folder(items, path)
    return path


@pytest.mark.parametrize("kind", ["zip", "folder"])
def test_an_export_gives_back_what_came_in_item_for_item(tmp_path, kind):
    with open_source(write(kind, PROFILE, tmp_path / "export")) as source:
        assert source.kind is (SourceKind.ARCHIVE if kind == "zip" else SourceKind.FOLDER)
        assert manifest.encode(source.items()) == manifest.encode(PROFILE)
        assert {item.path: read_contents(item.source) for item in source.items() if isinstance(item, File)} == {
            item.path: read_contents(item.source) for item in PROFILE if isinstance(item, File)
        }


@examples(15)
@given(strategies.all_items)
def test_any_settings_survive_folder_and_archive(tmp_path_factory, items):
    folder = tmp_path_factory.mktemp("export")
    for kind in ("zip", "folder"):
        with open_source(write(kind, items, folder / kind)) as source:
            assert source.items() == items
            assert contents(source.items()) == contents(items)


def test_the_same_items_give_the_same_archive(tmp_path):
    first, second = (write("zip", items, tmp_path / name) for name, items in [("a", PROFILE), ("b", PROFILE[::-1])])
    assert first.read_bytes() == second.read_bytes()


def test_an_archive_can_be_written_to_a_stream_that_cannot_seek(tmp_path):
    class Pipe(io.RawIOBase):
        def __init__(self):
            self.data = bytearray()

        def writable(self):
            return True

        def write(self, data):
            self.data += data
            return len(data)

    pipe = Pipe()
    write_zip(PROFILE, pipe)
    (tmp_path / "streamed.zip").write_bytes(pipe.data)
    with open_source(tmp_path / "streamed.zip") as source:
        assert manifest.encode(source.items()) == manifest.encode(PROFILE)


def test_archives_of_other_programs_are_read(tmp_path):
    folder = write("folder", PROFILE, tmp_path / "export")
    python = tmp_path / "python.zip"
    with zipfile.ZipFile(python, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, path.relative_to(folder))
    backslashes = tmp_path / "backslashes.zip"
    with zipfile.ZipFile(backslashes, "w") as archive:
        for path in sorted(folder.rglob("*")):
            entry = zipfile.ZipInfo(str(path.relative_to(folder)).replace("/", "\\") + "\\" * path.is_dir())
            archive.writestr(entry, b"" if path.is_dir() else path.read_bytes())
    for written in (python, backslashes):
        with open_source(written) as source:
            assert manifest.encode(source.items()) == manifest.encode(PROFILE)


def test_names_in_the_code_page_of_dos_and_undeclared_utf_8_are_read(tmp_path):
    from tests.formats.archives import Archive, Member

    for raw in ("Documents/Größe".encode("cp437"), "Documents/Größe".encode()):
        path = tmp_path / "names.zip"
        path.write_bytes(Archive([Member(raw, b"x", flags=0)]).build())
        with open_source(path) as source:
            assert source.items() == [in_memory_file("%DOCUMENTS%\\Größe", b"x")]


def test_a_copied_profile_is_taken_as_it_is(tmp_path):
    root = tmp_path / "alice"
    for name, data in {
        "AppData/Roaming/Vim/rc": b"1",
        "appdata/local/Acme/state.db": b"2",
        "Documents/Brief.txt": b"3",
        "Saved Games/score": b"4",
        ".ssh/config": b"5",
        "ntuser.ini": b"x",
        "NTUSER.DAT{53b39e88-18c4-11ea-a811-000d3aa4692b}.TM.blf": b"x",
        "ntuser.pol": b"x",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    (root / "Desktop").mkdir()
    tree = Key("root", [], [Key("Software", [], [Key("Acme", [("from", 1, "hive\0".encode("utf-16-le"))])])])
    HiveBuilder(tree).write(root / "ntuser.dat")
    text = 'REGEDIT4\n[HKEY_CURRENT_USER\\Software\\Acme]\n"from"="%s"\n'
    (root / "b.reg").write_text(text % "b")
    (root / "A.reg").write_text(text % "a" + "[-HKEY_CURRENT_USER\\Software\\Old]\n")
    with open_source(root) as source:
        assert source.items() == [
            RegistryValue("HKCU\\Software\\Acme", "from", 1, "b\0".encode("utf-16-le")),
            in_memory_file("%APPDATA%\\Vim\\rc", b"1"),
            in_memory_file("%DOCUMENTS%\\Brief.txt", b"3"),
            in_memory_file("%LOCALAPPDATA%\\Acme\\state.db", b"2"),
            in_memory_file("%SAVEDGAMES%\\score", b"4"),
            in_memory_file("%USERPROFILE%\\.ssh\\config", b"5"),
        ]
        assert KeyDeletion("HKCU\\Software\\Old") in source.changes
        assert sorted(source.ignored) == [
            "NTUSER.DAT{53b39e88-18c4-11ea-a811-000d3aa4692b}.TM.blf", "ntuser.ini", "ntuser.pol",
        ]  # fmt: skip


def hive_of(number: int) -> bytes:
    values = [("state", 4, number.to_bytes(4, "little"))]
    return HiveBuilder(Key("root", [], [Key("Software", [], [Key("Acme", values)])])).build()


def test_a_hive_is_recovered_from_the_logs_beside_it_alone_and_in_a_bundle(tmp_path):
    before, after = hive_of(1), hive_of(2)
    root = tmp_path / "bob"
    root.mkdir()
    (root / "NTUSER.DAT").write_bytes(make_dirty(before, (2, 1)))
    expected = [RegistryValue("HKCU\\Software\\Acme", "state", 4, b"\2\0\0\0")]
    for source_path in (root, root / "NTUSER.DAT"):
        with pytest.raises(ImportRejected, match="not closed properly"), open_source(source_path):
            pass
        with open_source(source_path, allow_dirty=True) as source:
            assert source.items() == [RegistryValue("HKCU\\Software\\Acme", "state", 4, b"\1\0\0\0")]
    log = new_log(before, 1, log_entry(1, len(before) - 4096, changed_pages(before, after)))
    (root / "ntuser.dat.LOG1").write_bytes(b"")
    (root / "ntuser.dat.log2").write_bytes(log)
    with zipfile.ZipFile(tmp_path / "bob.zip", "w") as archive:
        for path in root.iterdir():
            archive.write(path, path.name)
    for source_path in (root, root / "NTUSER.DAT", tmp_path / "bob.zip"):
        with open_source(source_path) as source:
            assert source.items() == expected


def test_single_files_are_known_by_their_contents(tmp_path):
    for name, write_it, kind in [
        ("settings.txt", lambda stream: write_reg(PROFILE, stream), SourceKind.REG_EXPORT),
        ("backup.bin", lambda stream: stream.write(hive_of(1)), SourceKind.HIVE),
        ("bundle", lambda stream: write_zip(PROFILE, stream), SourceKind.ARCHIVE),
    ]:
        with (tmp_path / name).open("wb") as stream:
            write_it(stream)
        with open_source(tmp_path / name) as source:
            assert source.kind is kind
            assert source.items()
    (tmp_path / "picture").write_bytes(b"\x89PNG\r\n")
    with pytest.raises(ImportRejected, match="line 1:"), open_source(tmp_path / "picture"):
        pass


def test_a_refusal_in_a_bundle_names_the_file_and_the_place_in_it(tmp_path):
    root = tmp_path / "bundle"
    root.mkdir()
    (root / "ok.reg").write_text("REGEDIT4\n")
    (root / "machine.reg").write_text("REGEDIT4\n\n[HKEY_LOCAL_MACHINE\\Software]\n")
    with pytest.raises(ImportRejected) as refused, open_source(root):
        pass
    assert str(refused.value) == (
        "At “machine.reg”, line 3: HKEY_LOCAL_MACHINE is not part of a user's settings; "
        "only HKEY_CURRENT_USER is accepted."
    )
    (root / "machine.reg").unlink()
    (root / "NTUSER.DAT").write_bytes(hive_of(1)[:5000])
    with (
        pytest.raises(ImportRejected, match="At “NTUSER.DAT”, byte 5000: The registry hive is cut off"),
        open_source(root),
    ):
        pass


# --- folders ----------------------------------------------------------------------------------------------------------


def refusal(path: Path, **options) -> str:
    with pytest.raises(ImportRejected) as refused, open_source(path, **options):
        pass
    return str(refused.value)


def test_links_and_devices_in_a_folder_are_refused(tmp_path):
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_text("secret")
    for number, make in enumerate([
        lambda root: (root / "link").symlink_to(secret / "key"),
        lambda root: (root / "folder").symlink_to(secret),
        lambda root: (root / "nowhere").symlink_to("nowhere"),
        lambda root: os.mkfifo(root / "pipe"),
    ]):  # fmt: skip
        root = tmp_path / f"bundle {number}" / "Documents"
        root.mkdir(parents=True)
        make(root)
        message = refusal(root.parent)
        assert "Links and devices are refused" in message
        assert message.startswith("At “Documents/")


def test_a_file_that_becomes_a_link_while_it_is_read_is_refused(tmp_path, monkeypatch):
    from personalization.formats.bundle import source as module

    root = tmp_path / "bundle"
    (root / "Documents").mkdir(parents=True)
    (root / "Documents" / "a").write_text("x")
    (tmp_path / "secret").write_text("secret")
    really = module.read_file

    def swapped(folder, names):
        (root / "Documents" / "a").unlink()
        (root / "Documents" / "a").symlink_to(tmp_path / "secret")
        return really(folder, names)

    monkeypatch.setattr(module, "read_file", swapped)
    assert "Links and devices are refused" in refusal(root)


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (["Documents/a", "Documents/A"], "upper and lower case"),
        (["Documents/é", "Documents/e\u0301"], "spelling of accents"),
        (["Documents/Sub/a", "Documents/sub/b"], "upper and lower case"),
        (["Documents/a", "UserProfile/Documents/A"], "upper and lower case"),
        (["Documents/a", "UserProfile/Documents/a"], "comes twice"),
        (["Documents/NUL.txt"], "device"),
        (["Documents/a:b"], "colon"),
        (["Documents/a\\b"], "does not allow"),
        (["Documents/dot."], "dot or a space"),
        (["Documents/space "], "dot or a space"),
        (["Documents/a\nb"], "does not allow"),
        (["Documents"], "known folder itself"),
        ([b"Documents/\xff\xfe"], "not valid text"),
        (["a.reg", "A.REG"], "comes twice"),
    ],
)
def test_names_that_windows_cannot_hold_are_refused(tmp_path, names, reason):
    root = tmp_path / "bundle"
    root.mkdir()
    for name in names:
        path = os.fsencode(root) + b"/" + os.fsencode(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(b"REGEDIT4\n")
    message = refusal(root)
    assert reason in message
    assert message.startswith("At “")
    assert message.isprintable()


def test_each_cap_of_a_folder_stops_the_reader_and_leaves_nothing(tmp_path):
    root, spool = tmp_path / "bundle", tmp_path / "spool"
    (root / "Documents" / "deep").mkdir(parents=True)
    spool.mkdir()
    for i in range(5):
        (root / "Documents" / "deep" / f"{i}").write_bytes(bytes([i]) * 1000)
    with open_source(
        root, spool_folder=spool, limits=Limits(files=7, file_bytes=1000, total_bytes=5000, depth=3)
    ) as source:
        assert len(source.items()) == 5
        assert len(list(spool.iterdir())) == 1
    assert list(spool.iterdir()) == []
    for limits, reason in [
        (Limits(files=6), "more than 6 files and folders"),
        (Limits(file_bytes=999), "larger than 999 bytes"),
        (Limits(total_bytes=4999), "together is larger than 4999 bytes"),
        (Limits(depth=1), "deeper than 1"),
    ]:
        assert reason in refusal(root, spool_folder=spool, limits=limits)
        assert list(spool.iterdir()) == []


def test_an_unreadable_file_is_named(tmp_path, monkeypatch):
    root = tmp_path / "bundle"
    (root / "Documents").mkdir(parents=True)
    (root / "Documents" / "locked").write_text("x")
    really = os.open

    def denied(path, flags, *arguments, **options):
        if path == "locked":
            raise PermissionError(13, "Permission denied")
        return really(path, flags, *arguments, **options)

    monkeypatch.setattr(os, "open", denied)
    assert refusal(root) == "At “Documents/locked”: It cannot be read."


# --- writing ----------------------------------------------------------------------------------------------------------


def test_an_export_never_writes_over_something(tmp_path):
    target = tmp_path / "export"
    target.mkdir()
    write_folder(PROFILE, target)  # an empty folder may be there
    assert list(tmp_path.iterdir()) == [target]
    with pytest.raises(ExportRefused, match="not empty"):
        write_folder(PROFILE, target)
    (tmp_path / "file").write_text("x")
    with pytest.raises(ExportRefused, match="not empty"):
        write_folder(PROFILE, tmp_path / "file")


@pytest.mark.parametrize("kind", ["zip", "folder"])
def test_contents_that_are_missing_or_damaged_stop_the_export(tmp_path, kind):
    good = in_memory_file("%DOCUMENTS%\\a", b"good")
    for source, error in [
        (None, ExportRefused),
        (InMemory(b"evil"), DamagedContent),
        (InMemory(b"good, and more"), DamagedContent),
        (InMemory(b""), DamagedContent),
    ]:
        with pytest.raises(error, match="DOCUMENTS"):
            write(kind, [File(good.path, good.size, good.sha256, source)], tmp_path / "export")
    with pytest.raises(ExportRefused, match="big"):
        write(kind, [RegistryValue("HKCU\\A", "big", 3, BlobRef(bytes(32), 2000))], tmp_path / "export")
    if kind == "folder":
        assert list(tmp_path.iterdir()) == []


def test_a_name_too_long_for_the_file_system_stops_the_export_by_name(tmp_path):
    item = in_memory_file("%DOCUMENTS%\\" + "ä" * 255, b"x")
    with pytest.raises(ExportRefused, match="too long for this file system"):
        write_folder([item], tmp_path / "export")
    assert list(tmp_path.iterdir()) == []
    with open_source(write("zip", [item], tmp_path / "export.zip")) as source:
        assert source.items() == [item]
