"""Typed registry data."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.formats.errors import InvalidValue
from personalization.formats.values import RegistryType, decode_value, encode_value, type_name
from tests.formats import strategies
from tests.formats.strategies import examples

plain_texts = strategies.texts.map(lambda text: text.replace("\0", ""))


@examples(30)
@given(st.sampled_from([RegistryType.SZ, RegistryType.EXPAND_SZ, RegistryType.LINK]), plain_texts)
def test_a_text_comes_back_as_it_was_entered(type, text):
    assert decode_value(type, encode_value(type, text)) == text


@examples(30)
@given(st.lists(plain_texts, max_size=6))
def test_a_list_of_texts_keeps_its_empty_ones(texts):
    assert decode_value(RegistryType.MULTI_SZ, encode_value(RegistryType.MULTI_SZ, texts)) == texts


@examples(50)
@given(st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1), st.binary(max_size=50))
def test_numbers_and_bytes_come_back(dword, qword, data):
    assert decode_value(RegistryType.DWORD, encode_value(RegistryType.DWORD, dword)) == dword
    assert decode_value(RegistryType.DWORD_BIG_ENDIAN, encode_value(RegistryType.DWORD_BIG_ENDIAN, dword)) == dword
    assert decode_value(RegistryType.QWORD, encode_value(RegistryType.QWORD, qword)) == qword
    assert decode_value(RegistryType.BINARY, encode_value(RegistryType.BINARY, data.hex(" "))) == data


@examples(30)
@given(strategies.types, strategies.data)
def test_whatever_is_stored_can_be_shown_and_stored_again_unchanged_as_bytes(type, data):
    shown = decode_value(type, data)
    assert isinstance(shown, str | int | list | bytes)
    assert encode_value(type, data) == data
    again = decode_value(type, encode_value(type, shown))
    assert again == shown


@pytest.mark.parametrize(
    ("entered", "number"),
    [("0", 0), ("4294967295", 2**32 - 1), ("0x0", 0), ("0xFFFFFFFF", 2**32 - 1), (" 42 ", 42), (7, 7), ("0X1f", 31)],
)
def test_a_dword_accepts_its_whole_range_in_decimal_and_0x_form(entered, number):
    assert encode_value(RegistryType.DWORD, entered) == number.to_bytes(4, "little")


@pytest.mark.parametrize(
    "entered",
    ["4294967296", "-1", "0x100000000", "", "0x", "1_000", "１２", "+5", "1.0", "1e3", "0b1", -1, 2**32, True, None,
     "٣", "9" * 5000],
)  # fmt: skip
def test_a_dword_refuses_anything_else_and_names_the_range(entered):
    with pytest.raises(InvalidValue) as refused:
        encode_value(RegistryType.DWORD, entered)
    assert "from 0 to 4294967295" in str(refused.value)
    assert "0xffffffff" in str(refused.value)


def test_a_qword_names_its_own_range():
    with pytest.raises(InvalidValue, match="from 0 to 18446744073709551615"):
        encode_value(RegistryType.QWORD, 2**64)


@pytest.mark.parametrize(
    ("type", "data"),
    [
        (RegistryType.DWORD, b"\1\2\3"),
        (RegistryType.QWORD, b""),
        (RegistryType.SZ, b"a"),
        (RegistryType.SZ, "a\0secret\0".encode("utf-16-le")),
        (RegistryType.MULTI_SZ, b"abc"),
        (0x20, b"abc"),
    ],
)
def test_data_that_does_not_fit_its_type_is_shown_as_bytes(type, data):
    assert decode_value(type, data) == data


@pytest.mark.parametrize(
    ("data", "texts"),
    [
        ("", []),
        ("\0", []),
        ("\0\0", [""]),
        ("a\0\0", ["a"]),
        ("a\0\0\0", ["a", ""]),
        ("a\0\0b\0\0", ["a", "", "b"]),
        ("a\0b\0", ["a", "b"]),
        ("a\0b", ["a", "b"]),
    ],
)
def test_lists_of_texts_as_programs_write_them(data, texts):
    assert decode_value(RegistryType.MULTI_SZ, data.encode("utf-16-le")) == texts


@pytest.mark.parametrize(
    ("type", "value"),
    [(1, "a\0b"), (1, 5), (7, "a"), (7, ["a\0"]), (7, [1]), (3, "zz"), (3, "abc"), (3, 5)],
)
def test_what_a_type_cannot_hold_is_refused_with_a_sentence(type, value):
    with pytest.raises(InvalidValue) as refused:
        encode_value(type, value)
    assert str(refused.value).endswith(".")


def test_numbers_without_a_name_are_kept():
    assert RegistryType.of(4) is RegistryType.DWORD
    assert RegistryType.of(0xFFFF0012) == 0xFFFF0012
    assert type_name(4) == "REG_DWORD"
    assert type_name(0x1F) == "REG_0x1f"
