"""`.reg` exports, read and written."""

import io
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.formats.collection import apply
from personalization.formats.errors import ExportRefused, ImportRejected
from personalization.formats.items import (
    BlobRef,
    Folder,
    KeyDeletion,
    RegistryKey,
    RegistryValue,
    ValueDeletion,
    in_memory_file,
)
from personalization.formats.limits import Limits
from personalization.formats.reg import UTF_8, UTF_16, read_reg, write_reg
from tests.formats import strategies
from tests.formats.strategies import examples

HEADER = "Windows Registry Editor Version 5.00\r\n\r\n"
ACME = "[HKEY_CURRENT_USER\\Software\\Acme]\r\n"
PATH = "HKCU\\Software\\Acme"


def read(text: str | bytes, **options) -> list:
    return list(read_reg(io.BytesIO(text if isinstance(text, bytes) else text.encode()), **options))


def read_values(lines: str, **options) -> list[RegistryValue]:
    key, *values = read(HEADER + ACME + lines, **options)
    assert key == RegistryKey(PATH)
    return values


def written(items, encoding=UTF_16) -> bytes:
    stream = io.BytesIO()
    write_reg(items, stream, encoding=encoding)
    return stream.getvalue()


def utf16(text: str) -> bytes:
    return text.encode("utf-16-le", "surrogatepass")


@examples(60)
@given(strategies.registries, st.sampled_from([UTF_16, UTF_8]))
def test_what_is_written_reads_back_item_for_item(items, encoding):
    assert apply((), read(written(items, encoding))) == items


@pytest.mark.parametrize(
    ("line", "name", "type", "data"),
    [
        ('"a"="text"', "a", 1, utf16("text\0")),
        ('@="default"', "", 1, utf16("default\0")),
        ('"a"=""', "a", 1, utf16("\0")),
        ('"C:\\\\Tools \\"x\\""="say \\"hi\\" \\\\ there"', 'C:\\Tools "x"', 1, utf16('say "hi" \\ there\0')),
        ('  "a" = "b" ; why', "a", 1, utf16("b\0")),
        ('"a;b"=";c"', "a;b", 1, utf16(";c\0")),
        ('"a"="two\r\nlines"', "a", 1, utf16("two\r\nlines\0")),
        ('"two\nlines"=dword:1', "two\nlines", 4, b"\1\0\0\0"),
        ('"a"=dword:DEADbeef', "a", 4, bytes.fromhex("efbeadde")),
        ('"a"=dword:0000000a ; ten', "a", 4, b"\x0a\0\0\0"),
        ('"a"=hex:', "a", 3, b""),
        ('"a"=hex:01,02,ff', "a", 3, b"\1\2\xff"),
        ('"a"=hex:1, 2,\tff ; tail', "a", 3, b"\1\2\xff"),
        ('"a"=hex:01,\\\r\n  02,\\\r\n  ; a note\r\n  03', "a", 3, b"\1\2\3"),
        ('"a"=hex:\\\r\n  01', "a", 3, b"\1"),
        ('"a"=hex(0):01', "a", 0, b"\1"),
        ('"a"=hex(2):25,00,41,00,25,00,00,00', "a", 2, utf16("%A%\0")),
        ('"a"=hex(4):01,02', "a", 4, b"\1\2"),
        ('"a"=HEX(5):00,00,00,01', "a", 5, b"\0\0\0\1"),
        ('"a"=hex(7):61,00,00,00,00,00,62,00,00,00,00,00', "a", 7, utf16("a\0\0b\0\0")),
        ('"a"=hex(b):01,00,00,00,00,00,00,00', "a", 11, b"\1" + bytes(7)),
        ('"a"=hex(ffff0012):aa', "a", 0xFFFF0012, b"\xaa"),
    ],
)
def test_every_kind_of_value_is_read(line, name, type, data):
    assert read_values(line + "\r\n") == [RegistryValue(PATH, name, type, data)]
    assert read_values(line.replace("\r\n", "\n")) == [
        RegistryValue(PATH, name, type, data.replace(utf16("\r\n"), utf16("\n")))
    ]


@pytest.mark.parametrize("newline", ["\r\n", "\n"])
@pytest.mark.parametrize(
    "encode",
    [
        lambda text: b"\xff\xfe" + utf16(text),
        lambda text: b"\xfe\xff" + text.encode("utf-16-be"),
        utf16,
        lambda text: b"\xef\xbb\xbf" + text.encode(),
        str.encode,
    ],
)
def test_every_encoding_of_version_5_is_read(encode, newline):
    text = HEADER + '[HKEY_CURRENT_USER\\Software\\Größe]\r\n"日本"="語\U0001f600"\r\n'
    assert read(encode(text.replace("\r\n", newline))) == [
        RegistryKey("HKCU\\Software\\Größe"),
        RegistryValue("HKCU\\Software\\Größe", "日本", 1, utf16("語\U0001f600\0")),
    ]


def test_regedit4_is_ansi_also_inside_hexadecimal_texts():
    text = 'REGEDIT4\r\n\r\n[HKEY_CURRENT_USER\\Gr\xf6\xdfe]\r\n"\x80"="\x81"\r\n"e"=hex(2):80,00\r\n"b"=hex:80,00\r\n'
    assert read(text.encode("latin-1")) == [
        RegistryKey("HKCU\\Größe"),
        RegistryValue("HKCU\\Größe", "€", 1, utf16("\x81\0")),
        RegistryValue("HKCU\\Größe", "e", 2, utf16("€\0")),
        RegistryValue("HKCU\\Größe", "b", 3, b"\x80\0"),
    ]
    cyrillic = 'REGEDIT4\n[HKEY_CURRENT_USER\\A]\n"п"="и"\n'.encode("cp1251")
    assert read(cyrillic, ansi="cp1251")[1] == RegistryValue("HKCU\\A", "п", 1, utf16("и\0"))


def test_deletions_are_told_in_their_place():
    text = (
        HEADER + "[-HKEY_CURRENT_USER\\Software\\Old]\r\n" + ACME + '"a"="1"\r\n"a"=-\r\n@=-\r\n"a"="2"\r\n'
        "[HKEY_CURRENT_USER\\Software\\Old\\New] ; again\r\n"
    )
    changes = read(text)
    assert changes == [
        KeyDeletion("HKCU\\Software\\Old"),
        RegistryKey(PATH),
        RegistryValue(PATH, "a", 1, utf16("1\0")),
        ValueDeletion(PATH, "a"),
        ValueDeletion(PATH, ""),
        RegistryValue(PATH, "a", 1, utf16("2\0")),
        RegistryKey("HKCU\\Software\\Old\\New"),
    ]
    before = [RegistryValue("HKCU\\Software\\Old\\Deep", "x", 4, b"\0\0\0\0"), RegistryValue(PATH, "keep", 4, b"")]
    assert apply(before, changes) == [
        RegistryKey("HKCU\\Software\\Old\\New"),
        RegistryValue(PATH, "a", 1, utf16("2\0")),
        RegistryValue(PATH, "keep", 4, b""),
    ]


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("", 1, "does not begin with"),
        ("hello\n", 1, "does not begin with"),
        ("\n\nRegedit\n", 3, "does not begin with"),
        (HEADER + '"a"="b"\n', 3, "before the first key"),
        (HEADER + "[HKEY_LOCAL_MACHINE\\Software]\n", 3, "HKEY_LOCAL_MACHINE is not part"),
        (HEADER + "[-HKEY_LOCAL_MACHINE\\Software]\n", 3, "HKEY_LOCAL_MACHINE is not part"),
        (HEADER + ACME + "[HKEY_CLASSES_ROOT\\.x]\n", 4, "HKEY_CLASSES_ROOT is not part"),
        (HEADER + "[HKEY_CURRENT_USER\\A\n", 3, "no closing bracket"),
        (HEADER + "[HKEY_CURRENT_USER\\A] x\n", 3, "no closing bracket"),
        (HEADER + "[HKEY_CURRENT_USER\\\\A]\n", 3, "is empty"),
        (HEADER + ACME + "secret\n", 4, "neither a key, nor a value"),
        (HEADER + ACME + '"a" "b"\n', 4, "no equals sign"),
        (HEADER + ACME + '"a"=b\n', 4, "neither text, nor dword"),
        (HEADER + ACME + '"a"=dword:123456789\n', 4, "neither text, nor dword"),
        (HEADER + ACME + '"a"=dword:-1\n', 4, "neither text, nor dword"),
        (HEADER + ACME + '"a"="b" c\n', 4, "after the closing quotation mark"),
        (HEADER + ACME + '"a"="C:\\new"\n', 4, "written twice"),
        (HEADER + ACME + '\n"a"="b\n\n', 6, "no closing quotation mark"),
        (HEADER + ACME + '"a"=hex:1g\n', 4, "pairs of hexadecimal"),
        (HEADER + ACME + '"a"=hex:0a0b\n', 4, "pairs of hexadecimal"),
        (HEADER + ACME + '"a"=hex:00,,01\n', 4, "pairs of hexadecimal"),
        (HEADER + ACME + '"a"=hex:01\\\n02\n', 4, "pairs of hexadecimal"),
        (HEADER + ACME + '"a"=hex:01,\\\n', 4, "ends inside a value"),
        (HEADER + ACME + '"a"=hex:01,\\\n[HKEY_CURRENT_USER\\B]\n', 5, "pairs of hexadecimal"),
        (HEADER + ACME + f'"{"n" * 16_384}"=dword:0\n', 4, "longer than 16383"),
        ((HEADER + ACME).encode() + b'"\xff"=dword:0\n', 4, "not valid"),
        (b"\xff\xfe" + utf16(HEADER) + b"x", 3, "not valid"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_refused_with_its_line(text, line, reason):
    with pytest.raises(ImportRejected, match=reason) as refused:
        read(text)
    assert f"line {line}:" in str(refused.value)
    assert "secret" not in str(refused.value)


def test_each_cap_stops_the_reader_with_a_line():
    values = "".join(f'"v{i}"=hex:{"00," * 9}00\r\n' for i in range(10))
    assert len(read_values(values, limits=Limits(registry_items=11, registry_bytes=100, value_bytes=10))) == 10
    for limits, reason in [
        (Limits(registry_items=10), "more than 10 registry items"),
        (Limits(registry_bytes=99), "hold more than 99 bytes"),
        (Limits(value_bytes=9), "holds more than 9 bytes"),
        (Limits(depth=1), "deeper than 1"),
    ]:
        with pytest.raises(ImportRejected, match=reason) as refused:
            read_values(values, limits=limits)
        assert "line " in str(refused.value)
    with pytest.raises(ImportRejected, match="larger than 100000 bytes"):
        read_values(values + ";\r\n" * 50_000, limits=Limits(reg_bytes=100_000))
    with pytest.raises(ImportRejected, match="line 4: The line is too long"):
        read_values('"a"=hex:' + "00," * 200_000, limits=Limits(value_bytes=1000))
    with pytest.raises(ImportRejected, match="holds more than"):
        read_values('"a"=hex:00,\\\r\n' + "00,\\\r\n" * 3000, limits=Limits(value_bytes=1000))
    with pytest.raises(ImportRejected, match="no closing quotation mark"):
        read_values('"a"="' + "text\r\n" * 3000, limits=Limits(value_bytes=1000))


REGULAR = written(
    [
        RegistryValue(PATH, "", 1, utf16("Größe\0")),
        RegistryValue(PATH, "n", 4, b"\1\2\3\4"),
        RegistryValue(PATH, "m", 7, utf16("a\0\0b\0\0") * 9),
        RegistryKey("HKCU\\Leer"),
    ],
    UTF_8,
)


@examples(100)
@given(
    st.lists(st.tuples(st.integers(0, len(REGULAR)), st.integers(0, 6), st.binary(max_size=6) | st.sampled_from(
        [b'"', b"\\", b"[", b"]", b"=", b"\n", b"@=", b"hex:", b"dword:", b"[-", b"\xff\xfe", b"\0"]
    )), max_size=6),
    st.sampled_from([UTF_16, UTF_8, "REGEDIT4"]),
)  # fmt: skip
def test_mutated_exports_are_read_or_refused_and_nothing_else(edits, encoding):
    text = bytearray(REGULAR)
    for position, length, replacement in edits:
        text[position : position + length] = replacement
    mutated = bytes(text)
    if encoding == UTF_16:
        mutated = b"\xff\xfe" + utf16(mutated.decode("latin-1"))
    elif encoding == "REGEDIT4":
        mutated = mutated.replace(b"Windows Registry Editor Version 5.00", b"REGEDIT4")
    try:
        changes = read(mutated)
        assert apply((), read(written(apply((), changes)))) == apply((), changes)
    except ImportRejected as refused:
        assert "line" in str(refused)


@examples(50)
@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_read_or_refused_and_nothing_else(data):
    for start in (b"", HEADER.encode(), (HEADER + ACME).encode(), b"REGEDIT4\n", b"\xff\xfe" + utf16(HEADER + ACME)):
        try:
            read(start + data)
        except ImportRejected as refused:
            assert str(refused)


def test_the_writer_keeps_files_out_and_refuses_data_that_is_not_at_hand():
    items = [Folder("%DOCUMENTS%\\a"), in_memory_file("%DOCUMENTS%\\b", b""), RegistryKey("HKCU\\A")]
    assert apply((), read(written(items))) == [RegistryKey("HKCU\\A")]
    with pytest.raises(ExportRefused, match="not at hand"):
        written([RegistryValue("HKCU\\A", "big", 3, BlobRef(bytes(32), 5000))])


def test_the_writer_breaks_lines_as_regedit_does():
    text = written([RegistryValue("HKCU\\A", "name", 3, bytes(60))]).decode("utf-16")
    assert text.splitlines()[:5] == [
        "Windows Registry Editor Version 5.00",
        "",
        "[HKEY_CURRENT_USER\\A]",
        '"name"=hex:00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,\\',
        "  00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,\\",
    ]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [("two\r\nlines", UTF_16), ("nul\0inside", UTF_16), ("\ud800", UTF_8), ("\x07", UTF_8)],
)
def test_the_writer_puts_texts_that_other_readers_would_break_in_hexadecimal(text, encoding):
    item = RegistryValue(PATH, "a", 1, utf16(text + "\0"))
    assert '"a"=hex(1):' in written([item], encoding).decode("utf-16" if encoding == UTF_16 else encoding)
    assert apply((), read(written([item], encoding))) == [item]


def test_samba_reads_what_we_write_and_we_read_what_samba_writes(tmp_path):
    """Through Samba's own registry: regpatch takes our export in, regdiff writes another one. Samba writes UTF-8 into
    REGEDIT4 files, breaks every type but these three, and mixes up keys with keys below them."""
    items = apply(
        (),
        [
            RegistryValue(PATH, "text", 1, utf16('Bücher "x" \\ y\0')),
            RegistryValue(PATH, "Größe", 4, b"\x2a\0\0\0"),
            RegistryValue(PATH, "bytes", 3, bytes(range(200))),
            RegistryValue("HKCU\\Software\\日本", "語", 1, utf16("語\0")),
            RegistryKey("HKCU\\Software\\Leer"),
        ],
    )
    folder = tmp_path / "samba"
    folder.mkdir()
    config = folder / "smb.conf"
    names = ("private dir", "lock directory", "state directory", "cache directory")
    config.write_text("[global]\n" + "".join(f" {name} = {folder}\n" for name in names))
    ours, theirs = tmp_path / "ours.reg", tmp_path / "theirs.reg"
    ours.write_bytes(written(items, UTF_8))
    for command in (["regpatch", "-s", config, ours], ["regdiff", "-s", config, "-n", "-L", "-o", theirs]):
        subprocess.run(command, check=True, capture_output=True, timeout=60)
    # Its registry also has the roots that are not the user's, always empty.
    exported = theirs.read_bytes()
    for root in (b"CLASSES_ROOT", b"LOCAL_MACHINE", b"USERS", b"PERFORMANCE_DATA", b"CURRENT_CONFIG", b"DYN_DATA"):
        exported = exported.replace(b"[HKEY_" + root + b"]\n", b"")
    assert apply((), read(exported, ansi="utf-8")) == items
