"""Names that people give: what is invisible in them, or turns the direction of a line, is refused."""

import unicodedata

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from config.errors import Refused

# Controls, formats (zero width, bidirectional overrides, tags), ends of lines and paragraphs, halves of characters.
_INVISIBLE = {"Cc", "Cf", "Zl", "Zp", "Cs"}
_JOINERS = "\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}"
# Scripts whose spelling needs a joiner between two letters (Unicode, chapters 9, 12, 13 and 16).
_JOINING = {
    "ARABIC", "SYRIAC", "MONGOLIAN", "DEVANAGARI", "BENGALI", "GURMUKHI", "GUJARATI", "ORIYA", "TAMIL", "TELUGU",
    "KANNADA", "MALAYALAM", "SINHALA", "KHMER", "MYANMAR", "TIBETAN",
}  # fmt: skip


def check_name(text: str, *, field: str = "name") -> str:
    """Return the text without spaces around it, or raise Refused at `field` where it holds an invisible character."""
    if problem := _problem(text):
        raise Refused(problem, field=field, code="name-invisible")
    return text.strip()


def visible(text: str) -> None:
    """Check a name in a form: raise ValidationError where it holds an invisible character."""
    if problem := _problem(text):
        raise ValidationError(problem, code="name-invisible")


def _problem(text):
    text = text.strip()
    place = next((place for place in range(len(text)) if _is_refused(text, place)), None)
    if place is None:
        return None
    return _("Character %(place)s (U+%(code)s) cannot be seen. Type the name by hand, without it.") % {
        "place": place + 1,
        "code": f"{ord(text[place]):04X}",
    }


def _is_refused(text, place):
    character = text[place]
    if unicodedata.category(character) not in _INVISIBLE:
        return False
    return character not in _JOINERS or not 0 < place < len(text) - 1 or not _joins(text[place - 1], text[place + 1])


def _joins(before, after):
    """Tell whether a joiner belongs between two characters: of one script that joins, or of one emoji of several."""
    scripts = {unicodedata.name(character, "").split(" ")[0] for character in (before, after)}
    if len(scripts) == 1 and scripts <= _JOINING:
        return True
    return unicodedata.category(after) == "So" and (unicodedata.category(before) in {"So", "Sk"} or before == "\ufe0f")
