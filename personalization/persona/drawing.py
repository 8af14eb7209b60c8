"""A panel as templates draw it: tiles with their words, classes for where they stand, and the free cells between."""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from personalization.persona.catalogue import ICONS, KINDS, is_shown, label_of, presets_of
from personalization.persona.layout import cells


@dataclass(frozen=True, slots=True)
class DrawnTile:
    """One tile. `css` places and colours it, `drawing` is a name of the sprite, `spoken` says all of it in words."""

    id: str
    kind: str
    label: str
    presets: str
    drawing: str
    css: str
    spoken: str
    is_shown: bool
    column: int
    row: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Drawn:
    """A whole panel; `free` are the (column, row) pairs without a tile, `spoken` names the tiles in reading order."""

    columns: int
    rows: int
    tiles: tuple[DrawnTile, ...]
    free: tuple[tuple[int, int], ...]
    spoken: str

    @property
    def left_out(self) -> list[str]:
        """The labels of tiles that the previewed device leaves out."""
        return [tile.label for tile in self.tiles if not tile.is_shown]


def drawn(layout: dict, device: str = "all") -> Drawn:
    """Return a valid layout as it is drawn, on a device of one of the kinds in catalogue.DEVICES."""
    grid = layout["grid"]
    tiles = sorted(layout["tiles"], key=lambda tile: (tile["row"], tile["column"]))
    covered = set().union(*(cells(tile) for tile in tiles))
    every = [(column, row) for row in range(1, grid["rows"] + 1) for column in range(1, grid["columns"] + 1)]
    shown = tuple(_tile(tile, device) for tile in tiles)
    return Drawn(
        columns=grid["columns"],
        rows=grid["rows"],
        tiles=shown,
        free=tuple(cell for cell in every if cell not in covered),
        spoken=", ".join(tile.label for tile in shown) or _("no tiles"),
    )


def _tile(tile, device):
    kind = KINDS[tile["kind"]]
    colour = tile.get("colour", kind.colour)
    label, presets = label_of(tile), presets_of(tile)
    place = _("column %(column)s, row %(row)s, %(width)s wide, %(height)s high") % tile
    is_there = is_shown(tile, device)
    words = [label, str(kind.label) if label != str(kind.label) else "", presets, place]
    if not is_there:
        words.append(_("not shown on this device"))
    size = f"wide-{tile['width']} tall-{tile['height']}"
    return DrawnTile(
        id=tile["id"],
        kind=tile["kind"],
        label=label,
        presets=presets,
        drawing=ICONS[tile.get("icon", kind.icon)][0],
        css=f"col-{tile['column']} row-{tile['row']} {size} hue-{colour}",
        spoken=", ".join(word for word in words if word),
        is_shown=is_there,
        column=tile["column"],
        row=tile["row"],
        width=tile["width"],
        height=tile["height"],
    )


def palette() -> list[tuple[str, str, str, str, str]]:
    """Return (kind, label, text, drawing, colour class) of every tile that can be added."""
    return [
        (name, str(kind.label), str(kind.text), ICONS[kind.icon][0], f"hue-{kind.colour}")
        for name, kind in KINDS.items()
    ]
