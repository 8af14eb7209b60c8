"""Archives that attack: bombs, lies, ways out. Nothing is left behind and nothing lands outside."""

import io
import struct
import tracemalloc
import zipfile
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.formats.bundle import open_source
from personalization.formats.errors import ImportRejected
from personalization.formats.items import File
from personalization.formats.limits import MIB, Limits
from tests.formats.archives import Archive, Member, pack
from tests.formats.contents import read_contents
from tests.formats.strategies import DEEP, examples


@pytest.fixture
def sandbox(tmp_path):
    """Opens an archive with a spool of its own, and checks afterwards that nothing else was written."""
    spool = tmp_path / "sandbox" / "spool"
    spool.mkdir(parents=True)

    def read(archive: Archive | bytes, **limits) -> dict[str, bytes]:
        path = tmp_path / "attack.zip"
        path.write_bytes(archive if isinstance(archive, bytes) else archive.build())
        before = sorted(tmp_path.rglob("*"))
        try:
            with open_source(path, spool_folder=spool, limits=Limits(**limits)) as source:
                return {item.path: read_contents(item.source) for item in source.items() if isinstance(item, File)}
        finally:
            assert sorted(tmp_path.rglob("*")) == before

    return read


def refused(sandbox, archive: Archive | bytes, **limits) -> str:
    with pytest.raises(ImportRejected) as refusal:
        sandbox(archive, **limits)
    assert "secret" not in str(refusal.value)
    return str(refusal.value)


@pytest.mark.parametrize("count", [1, 100])
def test_entries_are_counted_where_they_are_listed_not_where_their_number_is_said(sandbox, tmp_path, count):
    members = [Member(b"%d" % number, has_local=False) for number in range(50_000)]
    archive = Archive(members, count=count, prefix=b"PK\3\4").build()
    assert "more than 100 files" in refused(sandbox, archive, files=100, central_directory_bytes_per_file=60_000)
    tracemalloc.start()
    try:
        refused(sandbox, archive, files=100, central_directory_bytes_per_file=60_000)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1 << 20, f"{peak >> 10} KB"


def one(name: str, data: bytes = b"secret", **fields) -> Archive:
    return Archive([Member(name.encode(), data, **fields)])


def test_the_builder_of_these_archives_is_sound(sandbox):
    archive = Archive([Member(b"Documents/a", b"one"), Member(b"Documents/b", b"two", method=0)])
    with zipfile.ZipFile(io.BytesIO(archive.build())) as checked:
        assert checked.testzip() is None
    assert sandbox(archive) == {"%DOCUMENTS%\\a": b"one", "%DOCUMENTS%\\b": b"two"}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("../escape", "“..”"),
        ("Documents/../../escape", "“..”"),
        ("..\\escape", "“..”"),
        ("Documents\\..\\..\\escape", "“..”"),
        ("/etc/passwd", "empty name"),
        ("\\\\server\\share\\x", "empty name"),
        ("//server/share/x", "empty name"),
        ("C:\\Windows\\x", "colon"),
        ("C:/Windows/x", "colon"),
        ("C:x", "colon"),
        ("Documents/a.txt:stream", "colon"),
        ("Documents/a::$DATA", "colon"),
        ("Documents/NUL", "device"),
        ("Documents/con.txt", "device"),
        ("Documents/COM1/x", "device"),
        ("Documents/aux .x", "device"),
        ("Documents/a.", "dot or a space"),
        ("Documents/a ", "dot or a space"),
        ("Documents/sub./a", "dot or a space"),
        ("Documents/./a", "“.”"),
        ("Documents//a", "empty name"),
        ("Documents/a\nb", "does not allow"),
        ("Documents/a\x00b", "does not allow"),
        ("Documents/a*", "does not allow"),
        ("Documents/" + "n" * 256, "longer than 255"),
        ("Documents/" + "d/" * 600 + "x", "deeper than 512"),
        ("Documents", "known folder itself"),
        ("AppData/Roaming", "known folder itself"),
        ("", "empty name"),
    ],
)
def test_names_that_lead_out_or_that_windows_reserves_are_refused(sandbox, name, reason):
    assert reason in refused(sandbox, one(name))


@pytest.mark.parametrize(
    "names",
    [
        ("Documents/a", "Documents/a"),
        ("Documents/a", "Documents/A"),
        ("Documents/a", "Documents\\a"),
        ("Documents/a", "documents/a"),
        ("Documents/é", "Documents/e\u0301"),
        ("Documents/Sub/a", "Documents/sub/b"),
        ("Documents/a", "Documents/a/b"),
        ("Documents/a/b", "Documents/a"),
        ("Documents/a", "UserProfile/Documents/a"),
        ("Documents/d/", "Documents/d/"),
        ("Documents/d/", "Documents/D/"),
        ("x.reg", "X.REG"),
    ],
)
def test_names_that_meet_on_windows_are_refused(sandbox, names):
    data = b"REGEDIT4\n"
    archive = Archive([Member(name.encode(), b"" if name.endswith("/") else data) for name in names])
    assert refused(sandbox, archive).startswith("At “")


@pytest.mark.parametrize(
    "fields",
    [
        {"attributes": 0o120777 << 16},  # symbolic link
        {"attributes": 0o120777 << 16, "system": 0},
        {"attributes": 0o010644 << 16},  # pipe
        {"attributes": 0o060644 << 16},  # device
        {"attributes": 0x400, "system": 0},  # reparse point of Windows
    ],
)
def test_links_and_devices_are_refused(sandbox, fields):
    assert "Links and devices" in refused(sandbox, one("Documents/link", b"/etc/passwd", **fields))


def test_an_archive_in_an_archive_is_just_a_file(sandbox):
    inner = one("../escape").build()
    assert sandbox(one("Documents/inner.zip", inner)) == {"%DOCUMENTS%\\inner.zip": inner}


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"crc": 1}, "not what the archive says"),
        ({"size": 5}, "not what the archive says"),  # holds more than it says
        ({"size": 7}, "not what the archive says"),  # holds less
        ({"packed": b"\xff\xff\xff"}, "not what the archive says"),
        ({"packed": pack(b"secret", 8)[:-2]}, "not what the archive says"),
        ({"packed": pack(b"secret", 8) + b"more"}, "not what the archive says"),
        ({"packed": pack(b"secret", 8) + bytes(100_000)}, "not what the archive says"),
        ({"packed": b""}, "not what the archive says"),
        ({"method": 0, "size": 5}, "not what the archive says"),
        ({"method": 0, "size": 7}, "not what the archive says"),
        ({"packed_size": 100_000}, "lie over each other"),
        ({"packed_size": 0xFFFFFFFE}, "lie over each other"),
        ({"local_name": b"Documents/other"}, "points to something else"),
        ({"local_method": 0}, "points to something else"),
        ({"offset": 4}, "points to something else"),
        ({"offset": 0xFFFFFFF0}, "points to something else"),
        ({"flags": 0x801}, "encrypted"),
        ({"flags": 0x2801}, "encrypted"),
        ({"method": 12}, "method that is not supported"),
        ({"method": 14}, "method that is not supported"),
        ({"method": 99}, "method that is not supported"),
    ],
)
def test_an_entry_that_lies_is_refused_by_name(sandbox, fields, reason):
    message = refused(sandbox, one("Documents/a", **fields))
    assert reason in message
    assert message.startswith("At “Documents/a”")


def test_more_packed_bytes_after_the_end_are_noticed_wherever_chunks_end(sandbox, monkeypatch):
    packed = pack(b"secret", 8)
    for size in (1, len(packed), len(packed) + 1):
        monkeypatch.setattr("personalization.formats.bundle.archive.CHUNK", size)
        assert "not what the archive says" in refused(sandbox, one("Documents/a", packed=packed + b"more"))


def test_a_folder_with_contents_is_refused(sandbox):
    assert "cannot have contents" in refused(sandbox, one("Documents/d/", b"secret"))


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"disk": 1}, "one part of several"),
        ({"count": 0xFFFE}, None),  # a wrong count alone: readers go by the size of the table
        ({"directory_size": 10}, "damaged"),
        ({"directory_size": 0xFFFFFFF0}, "too large"),
        ({"directory_offset": 3}, None),
        ({"comment": b"x" * 60_000}, None),
    ],
)
def test_a_table_of_contents_that_lies_is_refused_or_does_no_harm(sandbox, fields, reason):
    archive = one("Documents/a", b"x")
    for name, value in fields.items():
        setattr(archive, name, value)
    if reason is None:
        try:
            assert sandbox(archive) == {"%DOCUMENTS%\\a": b"x"}
        except ImportRejected as refusal:
            assert str(refusal)
    else:
        assert reason in refused(sandbox, archive)


def test_an_archive_without_its_end_is_refused(sandbox):
    whole = one("Documents/a").build()
    for cut in (4, 30, len(whole) - 23, len(whole) - 1):
        assert "cut off" in refused(sandbox, whole[:cut])


def test_two_readers_of_the_end_cannot_be_told_different_things(sandbox):
    """A second end record inside the comment, and inside the last record's own fields."""
    whole = one("Documents/a", b"x").build()
    hidden = whole[:-2] + struct.pack("<H", 22) + b"PK\5\6" + bytes(18)
    try:
        assert sandbox(hidden) in ({}, {"%DOCUMENTS%\\a": b"x"})
    except ImportRejected as refusal:
        assert str(refusal)
    inside = bytearray(whole)
    struct.pack_into("<4s", inside, len(whole) - 6, b"PK\5\6")
    with pytest.raises(ImportRejected):
        sandbox(bytes(inside))


def test_a_bomb_is_refused_before_a_byte_is_unpacked(sandbox):
    packed = pack(bytes(40 * MIB), 8)
    assert len(packed) < 50_000
    assert "larger than 31457280 bytes" in refused(sandbox, one("Documents/a", b"", packed=packed, size=40 * MIB))
    members = [Member(b"Documents/%d" % i, b"", packed=pack(bytes(8 * MIB), 8), size=8 * MIB, crc=0) for i in range(10)]
    assert "more than 200 times its size" in refused(sandbox, Archive(members))
    assert "together is larger than" in refused(sandbox, Archive(members), total_bytes=79 * MIB)


def test_a_bomb_that_hides_its_size_is_stopped_while_it_is_unpacked(sandbox):
    packed = pack(bytes(40 * MIB), 8)
    assert "not what the archive says" in refused(sandbox, one("Documents/a", b"", packed=packed, size=100))
    # Declared just below the cap of one file, and more of it than may lie on disk.
    members = [Member(b"Documents/%d" % i, bytes(MIB)) for i in range(4)]
    assert "together is larger than" in refused(sandbox, Archive(members), total_bytes=4 * MIB - 1)


def test_entries_that_share_their_packed_bytes_are_refused(sandbox):
    """How 40 kB unpack to terabytes: many entries, one body."""
    kernel = pack(bytes(MIB), 8)
    crc = zlib.crc32(bytes(MIB))
    first = Member(b"Documents/0", b"", packed=kernel, size=MIB, crc=crc)
    quoted = [
        Member(b"Documents/0", b"", packed=kernel, size=MIB, crc=crc, has_local=False, offset=0) for _ in range(20)
    ]
    assert "over each other" in refused(sandbox, Archive([first, *quoted]))
    # Each local header quoted by the one before it: the data of one entry reaches over the next.
    inner = Archive([Member(b"Documents/b", b"x", method=0)]).build()
    over = Member(b"Documents/a", b"", method=0, packed=inner[: 30 + 11 + 1], size=42, crc=zlib.crc32(inner[:42]))
    nested = Member(b"Documents/b", b"x", method=0, has_local=False, offset=30 + 11)
    assert "over each other" in refused(sandbox, Archive([over, nested]))


def test_more_than_65535_entries_are_counted_not_wrapped_around(sandbox, tmp_path):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for i in range(65_537):
            archive.writestr(zipfile.ZipInfo(f"Documents/{i}/"), b"")
    assert "more than 65536 files and folders" in refused(sandbox, stream.getvalue(), files=65_536)
    if DEEP:
        assert sandbox(stream.getvalue()) == {}


def test_zip64_is_fine_and_its_record_is_believed_in_one_place_only(sandbox):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive, archive.open("Documents/a", "w", force_zip64=True) as entry:
        entry.write(b"x")
    assert sandbox(stream.getvalue()) == {"%DOCUMENTS%\\a": b"x"}
    plain = one("Documents/a", b"x").build()
    end = plain[-22:]
    size, offset = struct.unpack_from("<II", end, 12)
    record = struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44, 45, 45, 0, 0, 1, 1, size, offset)
    body = plain[:-22]
    good = body + record + struct.pack("<4sIQI", b"PK\6\7", 0, len(body), 1) + end
    assert sandbox(good) == {"%DOCUMENTS%\\a": b"x"}
    elsewhere = body + record + struct.pack("<4sIQI", b"PK\6\7", 0, 0, 1) + end
    assert "damaged" in refused(sandbox, elsewhere)
    missing = body + bytes(56) + struct.pack("<4sIQI", b"PK\6\7", 0, len(body), 1) + end
    assert "damaged" in refused(sandbox, missing)
    many = struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44, 45, 45, 0, 0, 2**60, 2**60, size, offset)
    assert "more than 100000 files" in refused(
        sandbox, body + many + struct.pack("<4sIQI", b"PK\6\7", 0, len(body), 1) + end
    )


def test_something_before_the_archive_does_no_harm(sandbox, tmp_path):
    """Self-extracting programs are no archives here: the file has to begin as one."""
    assert "line 1" in refused(sandbox, b"MZ" + one("Documents/a").build())
    shifted = Archive([Member(b"Documents/a", b"x")], prefix=b"PK\3\4 not an entry").build()
    assert sandbox(shifted) == {"%DOCUMENTS%\\a": b"x"}


GOOD = Archive(
    [
        Member(b"Documents/a", b"text " * 50),
        Member(b"AppData/Roaming/Vim/", b""),
        Member("Documents/Größe".encode(), b"x", method=0),
        Member(b"settings.reg", b'REGEDIT4\n[HKEY_CURRENT_USER\\A]\n"a"="b"\n'),
    ]
).build()


@examples(100)
@given(
    st.lists(
        st.tuples(
            st.integers(0, len(GOOD)),
            st.integers(0, 4),
            st.binary(max_size=4) | st.sampled_from([b"PK\1\2", b"PK\3\4", b"PK\5\6", b"PK\6\7", b"../", b"\xff" * 4]),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_mutated_archives_are_read_or_refused_and_nothing_else(tmp_path, edits):
    mutated = bytearray(GOOD)
    for position, length, replacement in edits:
        mutated[position : position + length] = replacement
    folder = tmp_path / "inside"
    folder.mkdir(exist_ok=True)
    path = folder / "mutated.zip"
    path.write_bytes(mutated)
    try:
        with open_source(path, spool_folder=folder) as source:
            source.items()
    except ImportRejected as refusal:
        assert str(refusal)
    assert list(folder.iterdir()) == [path]
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize("kind", ["stored", "deflated"])
def test_a_large_archive_streams(sandbox, kind, tmp_path):
    """Files are hashed on their way to disk: what comes back is what went in."""
    size = (200 if DEEP else 3) * MIB
    data = bytes(range(251)) * (size // 251)
    archive = one("Documents/a", data, method=0 if kind == "stored" else 8)
    assert sandbox(archive, file_bytes=size, archive_ratio=2000) == {"%DOCUMENTS%\\a": data}
