"""What is a panel and what is none: the published schema, bounds, overlaps, files of every wrong kind."""

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personalization.persona import catalogue
from personalization.persona.forms import TileForm
from personalization.persona.layout import MOST_BYTES, SCHEMA, LayoutInvalid, check, document_of, parse, read_text
from tests.persona.panels import layout, tile

URL = "https://roamkeep.example/persona/schema.json"


def problems(document):
    with pytest.raises(LayoutInvalid) as caught:
        check(document)
    return caught.value.problems


def broken(text):
    with pytest.raises(LayoutInvalid) as caught:
        parse(text)
    return caught.value.problems[""]


TILE = SCHEMA["$defs"]["tile"]["properties"]


def test_words_and_schema_know_the_same_values():
    assert list(catalogue.KINDS) == TILE["kind"]["enum"]
    assert list(catalogue.ICONS) == TILE["icon"]["enum"]
    assert list(catalogue.COLOURS) == TILE["colour"]["enum"]
    for name, words in catalogue.PRESET_WORDS.items():
        assert list(words) == SCHEMA["$defs"][name]["enum"]
    for name, kind in catalogue.KINDS.items():
        assert set(kind.presets) == set(SCHEMA["$defs"].get(name, {}).get("properties", {}))
        assert kind.icon in catalogue.ICONS and kind.colour in catalogue.COLOURS


@pytest.mark.parametrize("made", [catalogue.blank(), catalogue.starter(), layout(columns=8, rows=6)])
def test_what_the_console_makes_is_a_panel(made):
    check(made)


@pytest.mark.parametrize(
    ("document", "path", "text"),
    [
        ([], "", "Must be an object in { }."),
        ({}, "", "“version” is missing."),
        (layout() | {"version": 2}, "version", "Must be one of: 1."),
        (layout() | {"extra": 1}, "", "“extra” is not known here."),
        (layout() | {"name": ""}, "name", "Must not be empty."),
        (layout() | {"name": "a\nb"}, "name", "Holds characters that are not allowed here."),
        (layout() | {"name": "line\n"}, "name", "Holds characters that are not allowed here."),
        (layout() | {"tiles": {}}, "tiles", "Must be a list in [ ]."),
        (layout(columns=9), "grid.columns", "Must be at most 8."),
        (layout(rows=1), "grid.rows", "Must be at least 2."),
        (layout(columns=True), "grid.columns", "Must be a whole number."),
        (layout(tile(kind="coffee")), "tiles[0].kind", "Must be one of: copy, scan-mail"),
        (layout(tile(id="../x")), "tiles[0].id", "Holds characters that are not allowed here."),
        (layout(tile(id="t1\n")), "tiles[0].id", "Holds characters that are not allowed here."),
        (layout(tile(column=0)), "tiles[0].column", "Must be at least 1."),
        (layout(tile(label="x" * 41)), "tiles[0].label", "Must not be longer than 40 characters."),
        (layout(tile(settings={"copies": 0})), "tiles[0].settings.copies", "Must be at least 1."),
        (layout(tile(settings={"number": "1"})), "tiles[0].settings", "“number” is not known here."),
        (layout(tile(kind="text", settings={"copies": 2})), "tiles[0].settings", "This kind of tile has no settings."),
        (layout(tile(), 5), "tiles[1]", "Must be an object in { }."),
        (layout(*[tile()] * 49), "tiles", "Must not have more than 48 entries."),
        (layout(tile(label="Mine", column=4, width=2)), "tiles[0]", "“Mine” would stand outside the panel."),
        (layout(tile(width=2), tile("t2", "fax", 2)), "tiles[1]", "“Fax” would cover “Copy”."),
        (layout(tile(), tile("t1", "fax", 2)), "tiles[1].id", "“Fax” has the identifier of another tile."),
    ],
)
def test_a_mistake_is_told_with_its_place(document, path, text):
    assert problems(document)[path].startswith(text)


def test_no_more_than_twenty_mistakes_are_told():
    assert len(problems(layout(*[{}] * 48))) <= 20


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "No JSON: line 1, column 1."),
        ('{"version": 1,}', "No JSON: line 1, column 15."),
        ("[" * 60_000, "Nested deeper than 8 levels."),
        ("[" * 9 + "]" * 9, "Nested deeper than 8 levels."),
        ('{"a":' * 500 + "1" + "}" * 500, "Nested deeper than 8 levels."),
        ('{"version": 1, "version": 1}', "No JSON: “version” stands there twice."),
        ('{"version": NaN}', "No JSON: NaN."),
        ('{"version": 1' + "0" * 5000 + "}", "No JSON:"),
        ('{"name": "\\ud800"}', "The text is not UTF-8."),
        (b"\xff\xfe{", "The text is not UTF-8."),
        (" " * (MOST_BYTES + 1), "Larger than 64 kB."),
        ("ä" * (MOST_BYTES // 2 + 1), "Larger than 64 kB."),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_the_reason(text, said):
    assert broken(text).startswith(said)


def test_a_whole_number_may_be_written_with_a_point():
    _name, read = parse(json.dumps(layout(tile())).replace('"width": 1', '"width": 1.0'))
    assert read == layout(tile())
    assert isinstance(read["tiles"][0]["width"], int)
    assert "Must be a whole number." in problems(read_text(json.dumps(layout(tile(width=1.5))))).values()


def largest():
    cells = [(column, row) for row in range(1, 7) for column in range(1, 9)]
    settings = {"folder": "ä" * 200, "colour": "colour", "sides": "short-edge", "resolution": 600, "format": "pdf-a"}
    words = {"label": "ä" * 40, "icon": "briefcase", "colour": "violet", "settings": settings}
    return layout(
        *(tile(f"abcdefghij{number:02}", "scan-folder", *cell, **words) for number, cell in enumerate(cells)),
        columns=8,
        rows=6,
    )


def test_the_largest_panel_fits_into_a_file():
    check(largest())
    text = json.dumps(document_of("ä" * 60, largest(), URL), indent=2, ensure_ascii=False)
    assert parse(text) == ("ä" * 60, largest())


@st.composite
def layouts(draw):
    """Panels whose tiles each have an own row, so that nothing overlaps."""
    columns, rows = draw(st.integers(2, 8)), draw(st.integers(2, 6))
    letters = st.characters(exclude_categories=["C", "Zl", "Zp"])
    tiles = []
    for row in draw(st.sets(st.integers(1, rows))):
        kind = draw(st.sampled_from(list(catalogue.KINDS)))
        column = draw(st.integers(1, columns))
        one = tile(f"t{row}", kind, column, row, draw(st.integers(1, columns - column + 1)))
        if label := draw(st.text(letters, max_size=40)):
            one["label"] = label
        if "sides" in catalogue.KINDS[kind].presets:
            one["settings"] = {"sides": draw(st.sampled_from(list(catalogue.PRESET_WORDS["sides"])))}
        tiles.append(one)
    return layout(*tiles, columns=columns, rows=rows)


@settings(max_examples=60, deadline=None)
@given(layouts(), st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=60))
def test_reading_a_written_file_gives_the_same_panel(made, name):
    check(made)
    for indent in (None, 2):
        assert parse(json.dumps(document_of(name, made, URL), indent=indent)) == (name, made)


def test_a_tiles_form_shows_and_gives_back_what_is_there():
    for one in largest()["tiles"][:1] + catalogue.starter()["tiles"]:
        shown = TileForm(tile=one)
        data = {f"tile-{name}": shown.get_initial_for_field(field, name) for name, field in shown.fields.items()}
        posted = TileForm(data, tile=one)
        assert posted.is_valid(), posted.errors
        assert posted.changed_tile() == one


@pytest.mark.spec("LG-150")
def test_a_device_leaves_out_the_tiles_that_it_has_no_function_for():
    assert catalogue.is_shown(tile(kind="fax"), "all")
    assert not catalogue.is_shown(tile(kind="fax"), "no-fax")
    assert not catalogue.is_shown(tile(settings={"colour": "colour"}), "black")
    assert catalogue.is_shown(tile(settings={"colour": "grey"}), "black")
    assert [kind for kind in catalogue.KINDS if catalogue.is_shown(tile(kind=kind), "printer")] == [
        "print",
        "favourites",
        "app",
        "text",
    ]


def test_every_pattern_of_the_schema_is_anchored_so_that_it_means_the_same_everywhere():
    found = re.findall(r'"pattern": "([^"]*)"', json.dumps(SCHEMA))
    assert found and all(pattern.startswith("^") and pattern.endswith("$") for pattern in found)
