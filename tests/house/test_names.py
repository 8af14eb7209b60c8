"""What a name may hold: whatever can be seen, and the joiners that some scripts are spelt with."""

import pytest
from django.core.exceptions import ValidationError

from config.errors import Refused
from config.names import check_name, visible

INVISIBLE = {
    "bell": "a\x07b",
    "line end": "a\nb",
    "tab": "a\tb",
    "C1 control": "a\x9bb",
    "direction turned": "a\u202eb",
    "direction isolated": "a\u2066b",
    "left-to-right mark": "a\u200eb",
    "zero width space": "a\u200bb",
    "word joiner": "a\u2060b",
    "byte order mark": "\ufeffab",
    "soft hyphen": "a\u00adb",
    "tag letter": "a\U000e0061b",
    "line separator": "a\u2028b",
    "paragraph separator": "a\u2029b",
    "joiner between Latin letters": "a\u200db",
    "non-joiner at the end": "نا\u200c",
    "joiner of two scripts": "ن\u200dक",
    "half a character": "a\ud800b",
}
SEEN = [
    "Finance",
    "Jürgen O’Neill-Müller",
    "山田 太郎",
    "Łukasz",
    "می\u200cخواهم",  # Persian: the non-joiner is spelling
    "ක්\u200dෂ",  # Sinhala: the joiner is spelling
    "क्\u200dष",
    "Desk 👩\u200d💻",
    "Team 🏳\ufe0f\u200d🌈",
    "Team 👩🏽\u200d🚀",
    "עברית",
]


@pytest.mark.parametrize("name", INVISIBLE.values(), ids=INVISIBLE)
def test_what_cannot_be_seen_is_refused_with_its_place_and_code(name):
    with pytest.raises(Refused) as refused:
        check_name(name, field="first_name")
    assert (refused.value.field, refused.value.code) == ("first_name", "name-invisible")
    place = next(place for place, letter in enumerate(name) if letter not in "abنाक" and letter not in "نا")
    assert f"Character {place + 1} (U+{ord(name[place]):04X}) cannot be seen." in refused.value.message
    with pytest.raises(ValidationError) as invalid:
        visible(name)
    assert invalid.value.message == refused.value.message


@pytest.mark.parametrize("name", SEEN)
def test_what_can_be_seen_is_a_name_in_every_script(name):
    assert check_name(f" {name} ") == name
    visible(name)
