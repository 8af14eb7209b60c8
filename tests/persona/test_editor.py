"""The editor: each step on the draft, what is refused and why, saving on the version of the page, files in and out."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from config.errors import Refused
from personalization.persona import editing
from tests.persona import panels
from tests.persona.panels import draft, layout, tile

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])


def _field(text, name):
    from html import unescape

    return unescape(text.split(f'name="{name}" value="')[1].split('"')[0])


def where(made):
    return {one["id"]: (one["column"], one["row"], one["width"], one["height"]) for one in made["tiles"]}


BOARD = layout(tile("t1"), tile("t2", "fax", 2), tile("t3", "text", 1, 2, 2), columns=3, rows=2)


@pytest.mark.parametrize(
    ("step", "moved"),
    [
        ("add:print", {"t4": (3, 1, 1, 1)}),
        ("add:app:3:2", {"t4": (3, 2, 1, 1)}),
        ("move:t2:right", {"t2": (3, 1, 1, 1)}),
        ("move:t1:right", {"t1": (2, 1, 1, 1), "t2": (1, 1, 1, 1)}),
        ("move:t3:right", {"t3": (2, 2, 2, 1)}),
        ("place:t1:3:2", {"t1": (3, 2, 1, 1)}),
        ("place:t1:1:1", {}),
        ("size:t2:wider", {"t2": (2, 1, 2, 1)}),
        ("size:t3:narrower", {"t3": (1, 2, 1, 1)}),
        ("remove:t2", {"t2": None}),
    ],
)
def test_a_step_changes_the_draft(step, moved):
    result = editing.run(BOARD, step)
    expected = where(BOARD) | moved
    assert where(result.layout) == {name: spot for name, spot in expected.items() if spot}
    assert result.said


@pytest.mark.parametrize(
    ("step", "why"),
    [
        ("move:t1:left", "“Copy” would stand outside the panel."),
        ("move:t1:up", "“Copy” would stand outside the panel."),
        ("place:t3:2:1", "“Text” would cover “Fax”."),
        ("move:t1:down", "“Copy” would cover “Text”."),
        ("size:t1:wider", "“Copy” would cover “Fax”."),
        ("size:t1:shorter", "“Copy” is as small as a tile can be."),
        ("size:t2:taller", "“Fax” would cover “Text”."),
        ("add:print:1:1", "“Print my jobs” would cover “Copy”."),
        ("add:print:9:9", "“Print my jobs” would stand outside the panel."),
        ("place:t1:0:1", "“Copy” would stand outside the panel."),
        ("remove:t9", "This tile is not on the panel any more."),
    ],
)
def test_a_step_out_of_the_panel_or_over_a_tile_says_which_and_why(step, why):
    with pytest.raises(Refused) as caught:
        editing.run(BOARD, step)
    assert caught.value.message == why


def test_a_full_panel_takes_no_further_tile():
    full = layout(*(tile(f"t{n}", "copy", n % 2 + 1, n // 2 + 1) for n in range(4)), columns=2, rows=2)
    with pytest.raises(Refused, match="full"):
        editing.run(full, "add:copy")


@pytest.mark.parametrize("step", ["", "fly:t1", "move:t1", "move:t1:away", "place:t1:x:y", "add:coffee", "add:copy:1"])
def test_words_of_no_button_are_a_bad_request(franks, panel, step):
    assert franks.post(f"/persona/{panel.pk}/", draft(panel, step or "x")).status_code == 400


def test_a_step_is_answered_with_the_changed_draft_and_stores_nothing(franks, panel, frank):
    answer = franks.post(f"/persona/{panel.pk}/", draft(panel, "add:fax"))
    assert answer.status_code == 200
    made = json.loads(_field(answer.text, "layout"))
    assert [one["kind"] for one in made["tiles"]][-1] == "fax"
    assert "Not saved yet" in answer.text
    assert "Added “Fax” in column 1, row 3." in answer.text
    assert panels.stored(frank.user)[panel.pk][1] == panel.layout
    undone = franks.post(
        f"/persona/{panel.pk}/", draft(panel, "undo", layout=made, before=_field(answer.text, "before"))
    )
    assert json.loads(_field(undone.text, "layout")) == panel.layout


def test_a_refused_step_answers_422_with_the_reason_and_keeps_the_draft(franks, panel):
    answer = franks.post(f"/persona/{panel.pk}/", draft(panel, "move:t1:left"))
    assert answer.status_code == 422
    assert "“Copy” would stand outside the panel." in answer.text
    assert json.loads(_field(answer.text, "layout")) == panel.layout


def test_htmx_gets_the_editor_alone(franks, panel):
    headers = {"HX-Request": "true", "HX-Target": "panel-editor"}
    answer = franks.post(f"/persona/{panel.pk}/", draft(panel, "add:fax"), headers=headers)
    assert answer.text.strip().startswith('<form class="panel-editor"')


def test_saving_stores_the_draft_and_raises_the_version(franks, panel, frank):
    made = layout(tile(label="Mine"))
    answer = franks.post(f"/persona/{panel.pk}/", draft(panel, "save", layout=made))
    assert (answer.status_code, answer["Location"]) == (303, f"/persona/{panel.pk}/")
    assert panels.stored(frank.user)[panel.pk][1] == made
    assert "is saved" in franks.get(f"/persona/{panel.pk}/").text


def test_saving_over_a_newer_version_is_a_conflict_and_changes_nothing(franks, panel, frank):
    franks.post(f"/persona/{panel.pk}/", draft(panel, "save", layout=layout()))
    answer = franks.post(f"/persona/{panel.pk}/", draft(panel, "save", layout=layout(tile())))
    assert answer.status_code == 409
    assert "was changed in another window" in answer.text
    assert panels.stored(frank.user)[panel.pk][1] == layout()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (layout(tile(width=2), tile("t2", "fax", 2)), "“Fax” would cover “Copy”."),
        (layout(tile(column=5)), "“Copy” would stand outside the panel."),
        ({"version": 1}, "“grid” is missing."),
        ([], "Must be an object"),
    ],
)
@pytest.mark.parametrize("step", ["save", "add:copy"])
def test_a_forged_draft_is_refused_with_the_mistake(franks, panel, frank, wrong, said, step):
    answer = franks.post(f"/persona/{panel.pk}/", draft(panel, step, layout=wrong))
    assert answer.status_code == 422
    assert said in answer.text
    assert panels.stored(frank.user)[panel.pk][1] == panel.layout


def test_words_colour_and_presets_of_the_chosen_tile_come_with_every_step(franks, panel, frank):
    chosen = franks.post(f"/persona/{panel.pk}/", draft(panel, "select:t1"))
    assert 'name="tile-preset_copies"' in chosen.text
    fields = {
        "chosen": "t1",
        "tile-label": "Two black copies",
        "tile-icon": "bolt",
        "tile-colour": "rose",
        "tile-preset_colour": "black",
        "tile-preset_sides": "long-edge",
        "tile-preset_copies": "2",
        "tile-preset_paper": "",
    }
    franks.post(f"/persona/{panel.pk}/", draft(panel, "save", **fields))
    made = panels.stored(frank.user)[panel.pk][1]["tiles"][0]
    assert (made["label"], made["icon"], made["colour"]) == ("Two black copies", "bolt", "rose")
    assert made["settings"] == {"colour": "black", "sides": "long-edge", "copies": 2}
    assert "Black and white, Both sides, 2 copies" in franks.get(f"/persona/{panel.pk}/").text


def test_a_preset_that_cannot_be_is_refused_beside_its_field(franks, panel, frank):
    fields = {"chosen": "t1", "tile-label": "Typed", "tile-colour": "teal", "tile-preset_copies": "1000"}
    answer = franks.post(f"/persona/{panel.pk}/", draft(panel, "save", **fields))
    assert answer.status_code == 422
    assert 'value="Typed"' in answer.text
    assert panels.stored(frank.user)[panel.pk][1] == panel.layout


def test_the_grid_grows_and_shrinks_only_where_no_tile_stands_outside(franks, panel):
    grown = franks.post(f"/persona/{panel.pk}/", draft(panel, "grid", columns="6", rows="4"))
    assert json.loads(_field(grown.text, "layout"))["grid"] == {"columns": 6, "rows": 4}
    refused = franks.post(f"/persona/{panel.pk}/", draft(panel, "grid", columns="3", rows="3"))
    assert refused.status_code == 422
    assert "2 tiles would stand outside the panel: Print my jobs, Favourites." in refused.text
    assert "…" not in refused.text.partition("would stand outside")[2].partition(".")[0]
    for wrong in ({"columns": "9", "rows": "3"}, {"columns": "x", "rows": "3"}, {}):
        assert franks.post(f"/persona/{panel.pk}/", draft(panel, "grid", **wrong)).status_code == 400


def test_of_many_tiles_outside_five_are_named_and_that_there_are_more(franks, panel):
    tiles = [panels.tile(f"t{number}", "copy", 5 + number % 2, 1 + number // 2) for number in range(6)]
    many = panels.layout(*tiles, columns=6, rows=3)
    refused = franks.post(f"/persona/{panel.pk}/", draft(panel, "grid", layout=many, columns="4", rows="3"))
    assert "6 tiles would stand outside the panel: Copy, Copy, Copy, Copy, Copy, …." in refused.text


@pytest.mark.spec("LG-150", "LG-149")
def test_the_editor_says_what_a_device_without_a_function_leaves_out(franks, panel):
    page = franks.get(f"/persona/{panel.pk}/").text
    assert "Changes take effect at the next device login." in page
    assert "A device leaves out the tiles that it has no function for." in page
    answer = franks.post(f"/persona/{panel.pk}/", draft(panel, "preview", device="printer"))
    assert "Left out there: Copy, Scan to me, Scan to folder." in answer.text
    assert franks.post(f"/persona/{panel.pk}/", draft(panel, "preview", device="toaster")).status_code == 400


def upload(content, name="panel.json"):
    return {"file": SimpleUploadedFile(name, content, "application/json")} | panels.submission()


def test_an_exported_panel_comes_back_as_the_same(franks, panel, frank):
    exported = franks.get(f"/persona/{panel.pk}/export/")
    assert exported["Content-Disposition"] == 'attachment; filename="office.json"'
    answer = franks.post("/persona/import/", upload(exported.content))
    assert answer.status_code == 303
    stored = panels.stored(frank.user)
    copy = next(pk for pk in stored if pk != panel.pk)
    assert stored[copy] == stored[panel.pk]
    again = franks.get(f"/persona/{copy}/export/")
    assert again.json() == exported.json()


def test_the_name_of_an_imported_panel_is_the_typed_one_or_that_of_the_file(franks, frank):
    franks.post("/persona/import/", upload(json.dumps(layout()).encode()))
    franks.post("/persona/import/", upload(json.dumps(layout() | {"name": "Filed"}).encode()) | {"name": "Typed"})
    assert {name for name, *_rest in panels.stored(frank.user).values()} == {"Imported panel", "Typed"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "No JSON: line 1, column 2."),
        (b"\x00\xff", "The text is not UTF-8."),
        (b" " * 64_001, "Larger than 64 kB."),
        (json.dumps(layout(tile(kind="coffee"))).encode(), "<code>tiles[0].kind</code> Must be one of"),
        (json.dumps(layout(tile(width=2), tile("t2", "fax", 2))).encode(), "“Fax” would cover “Copy”."),
        (b"", "The file is empty."),
    ],
)
def test_a_file_that_is_no_panel_stores_nothing_and_says_where(franks, frank, content, said):
    answer = franks.post("/persona/import/", upload(content))
    assert answer.status_code == 422
    assert said in answer.text
    assert panels.stored(frank.user) == {}


@pytest.mark.spec("LG-146")
def test_a_sixth_panel_cannot_be_imported_either(franks, frank):
    for slot in range(1, 6):
        panels.panel(frank.user, f"Panel {slot}", slot=slot)
    answer = franks.post("/persona/import/", upload(json.dumps(layout()).encode()))
    assert answer.status_code == 422
    assert "more are not possible" in answer.text
    assert len(panels.stored(frank.user)) == 5


def test_the_schema_is_published_to_everybody(client, franks, panel):
    answer = client.get("/persona/schema.json")
    assert answer["Content-Type"] == "application/schema+json"
    assert answer.json()["$id"] == "urn:roamkeep:persona:1"
    assert franks.get(f"/persona/{panel.pk}/export/").json()["$schema"].endswith("/persona/schema.json")
