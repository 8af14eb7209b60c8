"""Which keys and files may belong to a user."""

import pytest
from hypothesis import given

from personalization.formats.errors import ImportRejected
from personalization.formats.limits import Limits
from personalization.formats.paths import (
    file_key,
    file_path,
    names_below_profile,
    profile_path,
    registry_key,
    registry_path,
    upcase,
    value_name,
    well_formed,
)
from tests.formats import strategies
from tests.formats.strategies import examples


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("HKCU", "HKCU"),
        ("HKEY_CURRENT_USER", "HKCU"),
        ("HKEY_CURRENT_USER\\Software\\Acme", "HKCU\\Software\\Acme"),
        ("hkcu\\software", "HKCU\\software"),
        ("HKCU\\" + "k" * 255, "HKCU\\" + "k" * 255),
        ("HKCU\\a/b:c", "HKCU\\a/b:c"),
        ("HKCU\\\ud800", "HKCU\\\ud800"),
        ("HKCU\\" + "\\".join("x" * 512), "HKCU\\" + "\\".join("x" * 512)),
    ],
)
def test_keys_of_the_user_have_one_spelling_of_their_root(written, canonical):
    assert registry_path(written) == canonical


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("HKLM\\Software", "HKEY_LOCAL_MACHINE is not part of a user's settings"),
        ("HKEY_LOCAL_MACHINE\\SYSTEM", "HKEY_LOCAL_MACHINE is not part"),
        ("HKEY_CLASSES_ROOT\\.txt", "HKEY_CLASSES_ROOT is not part"),
        ("HKCR\\.txt", "HKEY_CLASSES_ROOT is not part"),
        ("HKEY_USERS\\S-1-5-21", "HKEY_USERS is not part"),
        ("HKCC", "HKEY_CURRENT_CONFIG is not part"),
        ("Software\\Acme", "does not begin with HKEY_CURRENT_USER"),
        ("", "does not begin with HKEY_CURRENT_USER"),
        ("HKCU\\", "is empty"),
        ("HKCU\\\\a", "is empty"),
        ("HKCU\\a\\", "is empty"),
        ("HKCU\\" + "k" * 256, "longer than 255"),
        ("HKCU\\" + "\U0001f600" * 128, "longer than 255"),
        ("HKCU\\a\0b", "control character"),
        ("HKCU\\" + "\\".join("x" * 513), "deeper than 512"),
    ],
)
def test_other_keys_are_refused_with_the_reason(written, reason):
    with pytest.raises(ImportRejected, match=reason):
        registry_path(written)


def test_value_names_may_be_long_and_strange_but_not_longer_than_windows_allows():
    assert value_name("") == ""
    assert value_name("a\0\n\ud800b") == "a\0\n\ud800b"
    assert len(value_name("v" * 16_383)) == 16_383
    with pytest.raises(ImportRejected, match="16383"):
        value_name("v" * 16_384)


@pytest.mark.parametrize(
    ("one", "other"),
    [("HKCU\\Software", "HKCU\\SOFTWARE"), ("HKCU\\É", "HKCU\\é"), ("HKCU\\ÿ", "HKCU\\Ÿ"), ("HKCU\\ж", "HKCU\\Ж")],
)
def test_case_does_not_make_another_key(one, other):
    assert registry_key(one) == registry_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("ß", "SS"), ("ı", "I"), ("ſ", "S"), ("ŉ", "ʼN"), ("µ", "Μ"), ("𐐨", "𐐀"), ("é", "e\u0301")],
)
def test_letters_that_windows_keeps_apart_stay_apart(one, other):
    assert upcase(one) != upcase(other)


def test_halves_of_a_surrogate_pair_are_joined_and_a_lone_one_stays():
    assert well_formed("\ud83d\ude00") == "\U0001f600"
    assert well_formed("\ude00\ud83d") == "\ude00\ud83d"


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("%APPDATA%\\Vim\\rc", "%APPDATA%\\Vim\\rc"),
        ("%appdata%\\Vim", "%APPDATA%\\Vim"),
        ("%USERPROFILE%\\AppData\\Roaming\\Vim", "%APPDATA%\\Vim"),
        ("%USERPROFILE%\\appdata\\LOCALLOW\\x", "%LOCALAPPDATALOW%\\x"),
        ("%USERPROFILE%\\Documents\\Brief.txt", "%DOCUMENTS%\\Brief.txt"),
        ("%USERPROFILE%\\.gitconfig", "%USERPROFILE%\\.gitconfig"),
        ("%DOCUMENTS%\\COM.txt", "%DOCUMENTS%\\COM.txt"),
        ("%DOCUMENTS%\\nullable", "%DOCUMENTS%\\nullable"),
        ("%DOCUMENTS%\\a b. c", "%DOCUMENTS%\\a b. c"),
    ],
)
def test_a_file_has_one_path(written, canonical):
    assert file_path(written) == canonical


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("C:\\Users\\bob\\x", "known folder"),
        ("\\\\server\\share\\x", "known folder"),
        ("\\x", "known folder"),
        ("x", "known folder"),
        ("%PROGRAMFILES%\\x", "known folder"),
        ("%WINDIR%\\System32\\x", "known folder"),
        ("%APPDATA%", "empty name"),
        ("%APPDATA%\\", "empty name"),
        ("%APPDATA%\\..\\Local\\x", "“..”"),
        ("%APPDATA%\\a\\.\\b", "“..”"),
        ("%APPDATA%\\a\\\\b", "empty name"),
        ("%APPDATA%\\C:\\x", "colon"),
        ("%APPDATA%\\file.txt:stream", "colon"),
        ("%APPDATA%\\a/../../b", "does not allow"),
        ("%APPDATA%\\a\0b", "does not allow"),
        ("%APPDATA%\\a\nb", "does not allow"),
        ("%APPDATA%\\what?", "does not allow"),
        ("%APPDATA%\\NUL", "device"),
        ("%APPDATA%\\nul.txt", "device"),
        ("%APPDATA%\\x\\CON .txt", "device"),
        ("%APPDATA%\\com1\\x", "device"),
        ("%APPDATA%\\LPT³", "device"),
        ("%APPDATA%\\CONOUT$", "device"),
        ("%APPDATA%\\name.", "dot or a space"),
        ("%APPDATA%\\name \\x", "dot or a space"),
        ("%APPDATA%\\\ud800", "not valid text"),
        ("%APPDATA%\\" + "n" * 256, "longer than 255"),
        ("%APPDATA%" + "\\" + "\\".join(["d" * 250] * 130), "longer than 32000"),
        ("%USERPROFILE%\\AppData", "known folder itself"),
        ("%USERPROFILE%\\AppData\\Local", "known folder itself"),
        ("%USERPROFILE%\\Desktop", "known folder itself"),
    ],
)
def test_paths_that_leave_the_known_folders_are_refused_with_the_reason(written, reason):
    with pytest.raises(ImportRejected, match=reason):
        file_path(written)


def test_depth_of_folders_has_a_limit():
    with pytest.raises(ImportRejected, match="deeper than 3"):
        file_path("%DOCUMENTS%\\a\\b\\c", limits=Limits(depth=3))


def test_accents_in_two_spellings_are_one_name():
    assert file_key("%DOCUMENTS%\\é") == file_key("%documents%\\E\u0301")


@examples(30)
@given(strategies.file_paths)
def test_a_canonical_path_is_its_own_canonical_path(path):
    canonical = file_path(path)
    assert file_path(canonical) == canonical
    assert profile_path(names_below_profile(canonical)) == canonical


@examples(30)
@given(strategies.paths)
def test_a_canonical_key_is_its_own_canonical_key(path):
    assert registry_path(registry_path(path)) == registry_path(path)
    assert registry_key(registry_key(path)) == registry_key(path)
