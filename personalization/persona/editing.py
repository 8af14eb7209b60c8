"""Changing a panel tile by tile: what every button, key and drag of the editor comes down to.

A layout goes in and a new one comes out; a step that would leave the panel or cover a tile raises Refused with which
tile and why. Steps are words: "add:copy", "add:copy:3:1", "move:t1:left", "place:t1:3:1", "size:t1:wider", "remove:t1".
"""

from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from config.errors import Refused
from personalization.persona.catalogue import KINDS, label_of
from personalization.persona.layout import SCHEMA, cells, is_inside, new_id, outside_text, overlap_text

DIRECTIONS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
SIZES = {"wider": (1, 0), "narrower": (-1, 0), "taller": (0, 1), "shorter": (0, -1)}
MOST_NAMED = 5  # tiles that a refusal names
MOST_TILES = SCHEMA["properties"]["tiles"]["maxItems"]
_GRID = SCHEMA["properties"]["grid"]["properties"]
COLUMNS = range(_GRID["columns"]["minimum"], _GRID["columns"]["maximum"] + 1)
ROWS = range(_GRID["rows"]["minimum"], _GRID["rows"]["maximum"] + 1)


class UnknownStep(ValueError):
    """Words that no button of ours sends."""


@dataclass(frozen=True, slots=True)
class Done:
    """What a step made: the layout, what to say about it, and the tile that is chosen now ("" for none)."""

    layout: dict
    said: str
    chosen: str = ""


def run(layout: dict, step: str) -> Done:
    """Do one step; raises Refused where the panel forbids it, UnknownStep for words of no button."""
    verb, *words = step.split(":")
    try:
        return {"add": add, "move": move, "place": place, "size": resize, "remove": remove}[verb](layout, *words)
    except (KeyError, TypeError, ValueError) as error:
        raise UnknownStep(step[:80]) from error


def tile_of(layout: dict, tile_id: str) -> dict:
    """Return the tile with this identifier; raises Refused where it is not there."""
    found = next((tile for tile in layout["tiles"] if tile["id"] == tile_id), None)
    if found is None:
        raise Refused(_("This tile is not on the panel any more."), code="tile-gone")
    return found


def tile_at(layout: dict, column: int, row: int) -> dict | None:
    """Return the tile that covers a cell, or None."""
    return next((tile for tile in layout["tiles"] if (column, row) in cells(tile)), None)


def add(layout: dict, kind: str, column: str = "", row: str = "") -> Done:
    """Put a new tile into a cell, by default the first free one."""
    if kind not in KINDS:
        raise UnknownStep(kind)
    if len(layout["tiles"]) >= MOST_TILES:
        raise Refused(_("A panel has at most %(most)s tiles.") % {"most": MOST_TILES}, code="full")
    if column:
        spot = int(column), int(row)
    else:
        spot = _free_cell(layout)
        if spot is None:
            raise Refused(_("The panel is full. Remove a tile, or give it more columns or rows."), code="full")
    tile = {"id": new_id(layout), "kind": kind, "column": spot[0], "row": spot[1], "width": 1, "height": 1}
    _check_place(layout, tile)
    said = _("Added “%(tile)s” in column %(column)s, row %(row)s.")
    return Done(_with(layout, tile), said % _where(tile), tile["id"])


def move(layout: dict, tile_id: str, direction: str) -> Done:
    """Move a tile by one cell."""
    tile = tile_of(layout, tile_id)
    across, down = DIRECTIONS[direction]
    return _put(layout, tile, tile["column"] + across, tile["row"] + down)


def place(layout: dict, tile_id: str, column: str, row: str) -> Done:
    """Move a tile so that its upper left corner is in this cell."""
    return _put(layout, tile_of(layout, tile_id), int(column), int(row))


def _put(layout, tile, column, row):
    moved = tile | {"column": column, "row": row}
    under = tile_at(layout, column, row)
    is_swap = (
        under is not None
        and under["id"] != tile["id"]
        and all(under[name] == moved[name] for name in ("column", "row", "width", "height"))
    )
    if is_swap:  # two tiles of one size change places
        other = under | {"column": tile["column"], "row": tile["row"]}
        said = _("“%(tile)s” and “%(other)s” have changed places.")
        words = {"tile": label_of(tile), "other": label_of(other)}
        return Done(_with(_with(layout, moved), other), said % words, tile["id"])
    _check_place(layout, moved)
    said = _("“%(tile)s” is now in column %(column)s, row %(row)s.")
    return Done(_with(layout, moved), said % _where(moved), tile["id"])


def resize(layout: dict, tile_id: str, how: str) -> Done:
    """Make a tile one cell wider, narrower, taller or shorter."""
    tile = tile_of(layout, tile_id)
    across, down = SIZES[how]
    sized = tile | {"width": tile["width"] + across, "height": tile["height"] + down}
    if sized["width"] < 1 or sized["height"] < 1:
        raise Refused(_("“%(tile)s” is as small as a tile can be.") % {"tile": label_of(tile)}, code="size")
    _check_place(layout, sized)
    said = _("“%(tile)s” is now %(width)s wide and %(height)s high.")
    words = {"tile": label_of(sized), "width": sized["width"], "height": sized["height"]}
    return Done(_with(layout, sized), said % words, tile["id"])


def remove(layout: dict, tile_id: str) -> Done:
    """Take a tile off the panel."""
    tile = tile_of(layout, tile_id)
    left = [one for one in layout["tiles"] if one["id"] != tile_id]
    return Done(layout | {"tiles": left}, _("Removed “%(tile)s”.") % {"tile": label_of(tile)})


def change(layout: dict, tile: dict) -> dict:
    """Return the layout with a tile's words, drawing, colour and presets changed; where it stands stays."""
    return _with(layout, tile)


def set_grid(layout: dict, columns: int, rows: int) -> Done:
    """Give the panel other columns and rows; raises Refused where a tile would stand outside."""
    grid = {"columns": columns, "rows": rows}
    outside = [tile for tile in layout["tiles"] if not is_inside(grid, tile)]
    if outside:
        message = ngettext(
            "%(count)s tile would stand outside the panel: %(names)s. Move or remove it first.",
            "%(count)s tiles would stand outside the panel: %(names)s. Move or remove them first.",
            len(outside),
        )
        names = ", ".join(label_of(tile) for tile in outside[:MOST_NAMED])
        names += ", …" if len(outside) > MOST_NAMED else ""
        raise Refused(message % {"count": len(outside), "names": names}, code="outside")
    return Done(layout | {"grid": grid}, _("The panel has %(columns)s columns and %(rows)s rows.") % grid)


def _where(tile):
    return {"tile": label_of(tile), "column": tile["column"], "row": tile["row"]}


def _with(layout, tile):
    """Return the layout with the tile in the place of the one with its identifier, or at the end."""
    tiles = [tile if one["id"] == tile["id"] else one for one in layout["tiles"]]
    return layout | {"tiles": tiles if tile in tiles else [*tiles, tile]}


def _free_cell(layout):
    covered = set().union(*(cells(tile) for tile in layout["tiles"]))
    grid = layout["grid"]
    spots = ((column, row) for row in range(1, grid["rows"] + 1) for column in range(1, grid["columns"] + 1))
    return next((spot for spot in spots if spot not in covered), None)


def _check_place(layout, tile):
    if not is_inside(layout["grid"], tile):
        raise Refused(outside_text(tile), code="outside")
    wanted = cells(tile)
    for other in layout["tiles"]:
        if other["id"] != tile["id"] and wanted & cells(other):
            raise Refused(overlap_text(tile, other), code="overlap")
