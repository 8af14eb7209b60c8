"""One SVG sprite of the icons that pages use, made from the heroicons package when static files are collected.

`name` is the outline icon; `solid-name` is the small filled one (16 px), for status and for buttons in rows.
"""

import zipfile
from functools import cache
from importlib.resources import files
from pathlib import Path
from xml.etree import ElementTree as ET

from django.conf import settings
from django.contrib.staticfiles.finders import BaseFinder
from django.contrib.staticfiles.storage import FileSystemStorage
from markupsafe import Markup, escape

from config.ui.addresses import static

SPRITE = "icons.svg"
SVG = "http://www.w3.org/2000/svg"

_OUTLINE = """
    adjustments-horizontal archive-box arrow-down-tray arrow-left arrow-path arrow-right arrow-right-start-on-rectangle
    arrow-top-right-on-square arrow-up-tray arrow-uturn-left arrows-right-left bars-3 bell bolt book-open briefcase
    building-office-2 calendar-days chart-bar chart-pie check check-circle chevron-double-left chevron-double-right
    chevron-down chevron-left chevron-right chevron-up chevron-up-down circle-stack clipboard-document
    clipboard-document-list clock cloud-arrow-down cloud-arrow-up cog-6-tooth command-line computer-desktop cube
    document-duplicate document-text ellipsis-horizontal envelope exclamation-circle exclamation-triangle eye
    eye-slash finger-print folder folder-open funnel globe-alt hand-raised home identification inbox
    information-circle key language lifebuoy link lock-closed lock-open magnifying-glass map minus-circle moon
    no-symbol paint-brush paper-airplane pause pencil-square phone play plus plus-circle power printer puzzle-piece
    question-mark-circle queue-list rectangle-stack rocket-launch scale server-stack shield-check
    shield-exclamation signal-slash sparkles square-3-stack-3d squares-2x2 star stop sun swatch table-cells tag
    ticket trash user user-circle user-group user-minus user-plus users view-columns viewfinder-circle wifi window
    wrench-screwdriver x-circle x-mark
"""
_SOLID = """
    arrow-down arrow-path arrow-up arrow-uturn-left check check-circle chevron-down chevron-left chevron-right
    chevron-up-down clock ellipsis-horizontal exclamation-circle exclamation-triangle eye folder information-circle
    lock-closed lock-open minus minus-circle no-symbol pause-circle pencil play-circle plus shield-check sparkles star
    stop-circle trash user users x-circle x-mark
"""
OUTLINE, SOLID = frozenset(_OUTLINE.split()), frozenset(_SOLID.split())
ICONS = OUTLINE | {f"solid-{name}" for name in SOLID}


def sprite():
    """Return the sprite's text: one `<symbol>` an icon, by name, so that its hash changes only with them."""
    ET.register_namespace("", SVG)
    root = ET.Element(f"{{{SVG}}}svg")
    with (files("heroicons") / "heroicons.zip").open("rb") as stream, zipfile.ZipFile(stream) as archive:
        for name in sorted(ICONS):
            solid = name.startswith("solid-")
            source = archive.read(f"micro/{name.removeprefix('solid-')}.svg" if solid else f"outline/{name}.svg")
            drawing = ET.fromstring(source)
            symbol = ET.SubElement(root, f"{{{SVG}}}symbol", {"id": name, "viewBox": drawing.get("viewBox")})
            symbol.extend(drawing)
            for part in symbol:
                part.tail = None
            paint = {"fill": "currentColor"} if solid else {"fill": "none", "stroke": "currentColor"}
            symbol.attrib.update(paint)
    return ET.tostring(root, encoding="unicode")


class SpriteFinder(BaseFinder):
    """A finder of staticfiles that makes the sprite when it is first asked for, so no build step can be forgotten."""

    def __init__(self, app_names=None, *args, **kwargs):
        self.storage = FileSystemStorage(location=Path(settings.STATIC_ROOT).with_name("icons"))

    def check(self, **kwargs):
        return []

    def _build(self):
        target, text = Path(self.storage.path(SPRITE)), sprite()
        if not target.exists() or target.read_text(encoding="utf-8") != text:
            target.parent.mkdir(parents=True, exist_ok=True)
            fresh = target.with_suffix(".new")
            fresh.write_text(text, encoding="utf-8")
            fresh.replace(target)
        return str(target)

    def find(self, path, find_all=False, **kwargs):
        if path != SPRITE:
            return []
        found = self._build()
        return [found] if find_all else found

    def list(self, ignore_patterns):
        self._build()
        yield SPRITE, self.storage


@cache
def icon_markup(name, css=""):
    """Return an icon as `<svg>`; one that the sprite lacks is a programming error."""
    if name not in ICONS:
        raise ValueError(f"icon {name!r} is not in the sprite: add its name to config/ui/icons.py")
    classes = " ".join(filter(None, ("icon", "solid" if name.startswith("solid-") else "", css)))
    drawing = f'<use href="{static(SPRITE)}#{name}"/>'
    return Markup(f'<svg class="{escape(classes)}" aria-hidden="true" focusable="false">{drawing}</svg>')
