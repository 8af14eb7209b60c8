"""Mutated hives and arbitrary bytes: read or refused, and nothing else."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from personalization.formats.errors import ImportRejected
from personalization.formats.hive import read_hive
from tests.formats.hive_trees import profile, utf16
from tests.formats.hives import HiveBuilder, Key, base_block, sealed
from tests.formats.strategies import examples

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
