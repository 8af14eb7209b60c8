"""zstd with a cap, and SHA-256 on the way back."""

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from personalization.formats.compression import compress, decompress, digest
from personalization.formats.errors import DamagedContent, ImportRejected
from tests.formats.strategies import examples


@examples(25)
@given(st.binary(max_size=5000))
def test_contents_come_back(data):
    assert decompress(compress(data), sha256=digest(data), max_size=len(data)) == data


def test_output_is_capped_whatever_the_frame_declares():
    data = bytes(10_000_000)
    with pytest.raises(DamagedContent, match="larger than 1000 bytes"):
        decompress(compress(data), sha256=digest(data), max_size=1000)
    silent = zstandard.ZstdCompressor(write_content_size=False).compress(data)
    with pytest.raises(DamagedContent, match="larger than 1000 bytes"):
        decompress(silent, sha256=digest(data), max_size=1000)


@examples(25)
@given(st.binary(max_size=500), st.integers(0, 10_000), st.integers(1, 255))
def test_damage_is_noticed(data, position, flip):
    packed = bytearray(compress(data))
    packed[position % len(packed)] ^= flip
    try:
        assert decompress(bytes(packed), sha256=digest(data), max_size=1 << 20) == data
    except ImportRejected as refused:
        assert isinstance(refused, DamagedContent)


def test_other_contents_are_refused():
    with pytest.raises(DamagedContent, match="checksum"):
        decompress(compress(b"a"), sha256=digest(b"b"), max_size=10)
    with pytest.raises(DamagedContent, match="checksum"):
        decompress(b"", sha256=digest(b""), max_size=10)
