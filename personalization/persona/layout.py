"""Reading and checking a panel: the published schema, and what a schema cannot say (bounds, overlaps, identifiers)."""

import json
import re
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _
from jsonschema import Draft202012Validator, ValidationError, validators

from config.errors import Refused
from personalization.persona.catalogue import label_of

SCHEMA_TEXT = Path(__file__).with_name("schema.json").read_text(encoding="utf-8")
SCHEMA = json.loads(SCHEMA_TEXT)
MOST_BYTES = 64_000  # of a file; the largest valid panel is smaller
MOST_DEPTH = 8  # levels of lists and objects; a valid panel has four
MOST_PROBLEMS = 20  # told at once


class LayoutInvalid(Refused):
    """Not a panel: `problems` is {path: sentence}, at most MOST_PROBLEMS of them; nothing was stored."""

    def __init__(self, problems):
        super().__init__(
            _("This is no panel that could be used. Nothing was stored."), code="layout", problems=problems
        )


def _pattern(validator, pattern, value, schema):
    # Python's `$` also matches before a last line break; that of JSON Schema does not.
    if isinstance(value, str) and not re.fullmatch(pattern.removeprefix("^").removesuffix("$"), value):
        yield ValidationError("pattern")


@cache
def _validator():
    return validators.extend(Draft202012Validator, {"pattern": _pattern})(SCHEMA)


def read_text(raw: bytes | str) -> Any:
    """Return what a JSON text says, with whole numbers for 2.0; raises LayoutInvalid with the place of the mistake."""
    if len(raw) > MOST_BYTES or isinstance(raw, str) and len(raw.encode(errors="replace")) > MOST_BYTES:
        raise LayoutInvalid({"": _("Larger than %(most)s kB.") % {"most": MOST_BYTES // 1000}})
    try:
        text = raw if isinstance(raw, str) else raw.decode("utf-8-sig")
        found = json.loads(text, parse_constant=_no_number, parse_float=_number, object_pairs_hook=_object)
        json.dumps(found, ensure_ascii=False).encode()  # half a character is no text
    except json.JSONDecodeError as error:
        place = {"line": error.lineno, "column": error.colno}
        raise LayoutInvalid({"": _("No JSON: line %(line)s, column %(column)s.") % place}) from error
    except UnicodeError as error:
        raise LayoutInvalid({"": _("The text is not UTF-8.")}) from error
    except RecursionError as error:
        raise LayoutInvalid({"": _too_deep()}) from error
    except ValueError as error:
        raise LayoutInvalid({"": _("No JSON: %(what)s.") % {"what": str(error)[:80]}}) from error
    if _depth(found) > MOST_DEPTH:
        raise LayoutInvalid({"": _too_deep()})
    return found


def _too_deep():
    return _("Nested deeper than %(most)s levels.") % {"most": MOST_DEPTH}


def _no_number(text):
    raise ValueError(text)


def _number(text):
    value = float(text)
    return int(value) if value.is_integer() else value


def _object(pairs):
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = next(name for name in found if sum(name == other for other, _value in pairs) > 1)
        raise ValueError(_("“%(name)s” stands there twice") % {"name": twice[:40]})
    return found


def _depth(value):
    """Return how deep lists and objects are nested; counted without recursion."""
    deepest, left = 0, [(value, 1)]
    while left:
        one, level = left.pop()
        if isinstance(one, dict | list):
            deepest = max(deepest, level)
            left += [(inner, level + 1) for inner in (one.values() if isinstance(one, dict) else one)]
    return deepest


def check(document: Any) -> None:
    """Raise LayoutInvalid unless the document is a panel: its schema, then bounds, overlaps and identifiers."""
    errors = list(islice(_validator().iter_errors(document), MOST_PROBLEMS))
    problems: dict[str, str] = {}
    for error in errors:
        problems.setdefault(_path(error.absolute_path), _sentence(error))
    if not problems:
        problems = dict(islice(_misplaced(document["grid"], document["tiles"]), MOST_PROBLEMS))
    if problems:
        raise LayoutInvalid(problems)


def parse(raw: bytes | str) -> tuple[str, dict]:
    """Return (name or "", layout) of a file; raises LayoutInvalid."""
    document = read_text(raw)
    check(document)
    return document.get("name", "").strip(), {name: document[name] for name in ("version", "grid", "tiles")}


def document_of(name: str, layout: dict, schema_url: str) -> dict:
    """Return the file of a panel: what `parse` reads back as the same name and layout."""
    return {"$schema": schema_url, "version": layout["version"], "name": name} | {
        part: layout[part] for part in ("grid", "tiles")
    }


def cells(tile: dict) -> set[tuple[int, int]]:
    """Return the (column, row) pairs that a tile covers."""
    return {
        (column, row)
        for column in range(tile["column"], tile["column"] + tile["width"])
        for row in range(tile["row"], tile["row"] + tile["height"])
    }


def is_inside(grid: dict, tile: dict) -> bool:
    """Say whether a tile lies wholly inside the grid."""
    return (
        tile["column"] >= 1
        and tile["row"] >= 1
        and tile["column"] + tile["width"] - 1 <= grid["columns"]
        and tile["row"] + tile["height"] - 1 <= grid["rows"]
    )


def _misplaced(grid, tiles):
    seen, covered = {}, {}
    for number, tile in enumerate(tiles):
        path = f"tiles[{number}]"
        if tile["id"] in seen:
            yield f"{path}.id", _("“%(tile)s” has the identifier of another tile.") % {"tile": label_of(tile)}
        seen[tile["id"]] = tile
        if not is_inside(grid, tile):
            yield path, outside_text(tile)
            continue
        other = next((covered[cell] for cell in sorted(cells(tile)) if cell in covered), None)
        if other:
            yield path, overlap_text(tile, other)
        covered |= dict.fromkeys(cells(tile), tile)


def outside_text(tile: dict) -> str:
    """Return the sentence that says which tile would leave the panel."""
    return _("“%(tile)s” would stand outside the panel.") % {"tile": label_of(tile)}


def overlap_text(tile: dict, other: dict) -> str:
    """Return the sentence that says which tile would cover which."""
    return _("“%(tile)s” would cover “%(other)s”.") % {"tile": label_of(tile), "other": label_of(other)}


def _path(parts):
    """Return tiles[2].settings.copies for the path of an error, "" for the document itself."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
    return text.removeprefix(".")


_TYPES = {
    "object": lambda: _("Must be an object in { }."),
    "array": lambda: _("Must be a list in [ ]."),
    "string": lambda: _("Must be a text."),
    "integer": lambda: _("Must be a whole number."),
}
_LIMITS = {
    "minimum": lambda limit: _("Must be at least %(limit)s.") % {"limit": limit},
    "maximum": lambda limit: _("Must be at most %(limit)s.") % {"limit": limit},
    "minLength": lambda limit: _("Must not be empty."),
    "maxLength": lambda limit: _("Must not be longer than %(limit)s characters.") % {"limit": limit},
    "maxItems": lambda limit: _("Must not have more than %(limit)s entries.") % {"limit": limit},
    "maxProperties": lambda limit: _("This kind of tile has no settings."),
    "pattern": lambda limit: _("Holds characters that are not allowed here."),
}


def _sentence(error):
    """Return what is wrong in the reader's language: the library's own sentences are English."""
    rule, wanted, value = error.validator, error.validator_value, error.instance
    if rule == "required":
        missing = next(name for name in wanted if name not in value)
        return _("“%(name)s” is missing.") % {"name": missing}
    if rule == "additionalProperties":
        unknown = next(name for name in value if name not in error.schema.get("properties", {}))
        return _("“%(name)s” is not known here.") % {"name": unknown[:40]}
    if rule == "type":
        return _TYPES[wanted]()
    if rule in ("enum", "const"):
        names = wanted if rule == "enum" else [wanted]
        return _("Must be one of: %(names)s.") % {"names": ", ".join(str(name) for name in names)}
    return _LIMITS[rule](wanted)


def new_id(layout: dict) -> str:
    """Return an identifier that no tile of the layout has."""
    taken = {tile["id"] for tile in layout["tiles"]}
    return next(f"t{number}" for number in range(1, len(taken) + 2) if f"t{number}" not in taken)
