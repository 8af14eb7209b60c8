"""What tiles there are: their words, drawings and presets. The values themselves are those of schema.json."""

from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of tile. `icon` and `colour` are those of a tile that names none; `needs` is what the device must have."""

    label: object
    text: object
    icon: str
    colour: str
    presets: tuple[str, ...] = ()
    needs: str = ""


KINDS = {
    "copy": Kind(
        _("Copy"), _("Copies what lies on the glass"), "copy", "teal", ("colour", "sides", "copies", "paper"), "copy"
    ),
    "scan-mail": Kind(
        _("Scan to me"),
        _("Sends a scan to the own address"),
        "mail",
        "blue",
        ("colour", "sides", "resolution", "format"),
        "scan",
    ),
    "scan-folder": Kind(
        _("Scan to folder"),
        _("Puts a scan into a folder"),
        "folder",
        "amber",
        ("folder", "colour", "sides", "resolution", "format"),
        "scan",
    ),
    "print": Kind(_("Print my jobs"), _("Prints what waits"), "print", "green", ("colour", "sides", "copies"), "print"),
    "fax": Kind(_("Fax"), _("Sends a fax"), "fax", "violet", ("number", "resolution"), "fax"),
    "favourites": Kind(_("Favourites"), _("Opens the favourites of the device"), "star", "rose"),
    "app": Kind(_("App"), _("Opens an app of the gallery"), "apps", "blue", ("app",)),
    "text": Kind(_("Text"), _("A few words, nothing to press"), "text", "plain"),
}
ICONS = {  # name in the file -> (drawing of the sprite, words)
    "copy": ("document-duplicate", _("Two sheets")),
    "scan": ("viewfinder-circle", _("Scanner")),
    "mail": ("envelope", _("Letter")),
    "folder": ("folder", _("Folder")),
    "print": ("printer", _("Printer")),
    "fax": ("phone", _("Telephone")),
    "star": ("star", _("Star")),
    "apps": ("squares-2x2", _("Squares")),
    "text": ("bars-3", _("Lines")),
    "document": ("document-text", _("Document")),
    "bolt": ("bolt", _("Bolt")),
    "home": ("home", _("House")),
    "people": ("users", _("People")),
    "briefcase": ("briefcase", _("Briefcase")),
    "book": ("book-open", _("Book")),
    "lock": ("lock-closed", _("Lock")),
}
COLOURS = {
    "plain": _("Plain"),
    "teal": _("Teal"),
    "violet": _("Violet"),
    "amber": _("Amber"),
    "green": _("Green"),
    "rose": _("Rose"),
    "blue": _("Blue"),
}
PRESETS = {  # preset -> its label
    "colour": _("Colour mode"),
    "sides": _("Sides"),
    "copies": _("Number of copies"),
    "paper": _("Paper"),
    "resolution": _("Resolution (dpi)"),
    "format": _("File format"),
    "folder": _("Folder"),
    "number": _("Fax number"),
    "app": _("Short name of the app"),
}
PRESET_WORDS = {
    "colour": {"auto": _("Automatic"), "colour": _("Colour"), "grey": _("Greyscale"), "black": _("Black and white")},
    "sides": {"one": _("One side"), "long-edge": _("Both sides"), "short-edge": _("Both sides, turned over the top")},
    "paper": {
        "auto": _("Automatic"),
        "a3": "A3",
        "a4": "A4",
        "a5": "A5",
        "letter": "Letter",
        "legal": "Legal",
    },
    "resolution": {200: "200", 300: "300", 400: "400", 600: "600"},
    "format": {"pdf": "PDF", "pdf-a": "PDF/A", "tiff": "TIFF", "jpeg": "JPEG"},
}
FEATURES = frozenset({"copy", "scan", "print", "fax", "colour"})  # what a device may have
DEVICES = {  # what a device has, for the preview (LG-150)
    "all": (_("with every function"), FEATURES),
    "no-fax": (_("without fax"), frozenset({"copy", "scan", "print", "colour"})),
    "black": (_("black and white, without fax"), frozenset({"copy", "scan", "print"})),
    "printer": (_("printer only"), frozenset({"print", "colour"})),
}


def is_shown(tile: dict, device: str) -> bool:
    """Say whether a device of that kind has what the tile needs; one that lacks it leaves the tile out (LG-150)."""
    return is_usable(tile, DEVICES[device][1])


def is_usable(tile: dict, has: frozenset[str]) -> bool:
    """Say whether a device with these features has what the tile needs."""
    needs = KINDS[tile["kind"]].needs
    if tile.get("settings", {}).get("colour") == "colour" and "colour" not in has:
        return False
    return not needs or needs in has


def label_of(tile: dict) -> str:
    """Return the words on a tile: its own label, else the name of its kind."""
    return tile.get("label") or str(KINDS[tile["kind"]].label)


def presets_of(tile: dict) -> str:
    """Return the presets of a tile in one line, "" where it has none."""
    settings = tile.get("settings", {})
    return ", ".join(_preset_text(name, settings[name]) for name in KINDS[tile["kind"]].presets if name in settings)


def _preset_text(name, value):
    if name == "copies":
        return ngettext("%(count)s copy", "%(count)s copies", value) % {"count": value}
    if name == "resolution":
        return f"{value} dpi"
    return str(PRESET_WORDS.get(name, {}).get(value, value))


STARTER_TILES = (  # kind, column, row, width, height, settings
    ("copy", 1, 1, 2, 2, {}),
    ("scan-mail", 3, 1, 1, 1, {"format": "pdf"}),
    ("print", 4, 1, 1, 1, {"sides": "long-edge"}),
    ("scan-folder", 3, 2, 1, 1, {}),
    ("favourites", 4, 2, 1, 1, {}),
)


def blank(columns: int = 4, rows: int = 3) -> dict:
    """Return a layout without tiles."""
    return {"version": 1, "grid": {"columns": columns, "rows": rows}, "tiles": []}


def starter() -> dict:
    """Return the layout that a new panel may begin with."""
    tiles = []
    for number, (kind, column, row, width, height, settings) in enumerate(STARTER_TILES, 1):
        tile = {"id": f"t{number}", "kind": kind, "column": column, "row": row, "width": width, "height": height}
        tiles.append(tile | ({"settings": settings} if settings else {}))
    return blank() | {"tiles": tiles}
