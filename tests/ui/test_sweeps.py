"""Rules for every template, style sheet and script of the product."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.template import engines

from config.ui import icons

ROOT = settings.BASE_DIR
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
PYTHON = [
    path
    for folder in ("config", "audit", "accounts", "roles", "licensing", "personalization")
    for path in sorted((ROOT / folder).rglob("*.py"))
]
BANNED = {
    "inline style": r"\sstyle\s*=",
    "style element": r"<style\b",
    "inline handler": r"<[^>]*\son[a-z]+\s*=",
    "inline script": r"<script(?![^>]*\bsrc=)",
    "script address": r"javascript:",
    "htmx handler": r"\bhx-on\b|\bhx-on:",
    "htmx expression": r"hx-(?:vals|headers)=['\"]js:",
    "address of another site": r"(?:src|href)=[\"']https?://",
}


def without_comments(text):
    return re.sub(r"\{#.*?#\}", "", text, flags=re.S)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_template_needs_more_than_the_content_policy_gives(path):
    text = without_comments(path.read_text(encoding="utf-8"))
    assert {rule: re.findall(pattern, text) for rule, pattern in BANNED.items() if re.search(pattern, text)} == {}


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_template_compiles_and_calls_macros_that_exist(path):
    environment = engines["jinja2"].env
    environment.get_template(str(path.relative_to(ROOT / "templates")))
    kit = environment.get_template("ui/kit.html").module
    called = set(re.findall(r"\bui\.([a-z_]+)\(", without_comments(path.read_text(encoding="utf-8"))))
    assert {name for name in called if not hasattr(kit, name)} == set()


def used_icons():
    """Yield (file, icon) for every name that a template or a declaration spells out."""
    for path in TEMPLATES:
        text = without_comments(path.read_text(encoding="utf-8"))
        for name in re.findall(r"""\b(?:icon_markup|ui\.icon)\(\s*"([a-z0-9-]+)""", text):
            yield path, name
        for name in re.findall(r"""\bicon\s*=\s*"([a-z0-9-]+)\"""", text):
            yield path, name
        for table in re.findall(r"icon_markup\((?:icon or )?\{(.*?)\}", text):
            for name in re.findall(r""":\s*"([a-z0-9-]+)\"""", table):
                yield path, name
        for arguments in re.findall(r"ui\.(?:icon_button|empty_state)\((.*?)\)\s*[%}]", text, flags=re.S):
            quoted = re.findall(r""",\s*"([a-z0-9-]+)"\s*(?=[,)]|$)""", arguments)
            yield from ((path, name) for name in quoted if "-" in name)
    for path in PYTHON:
        for name in re.findall(r"""\b(?:empty_)?icon\s*=\s*"([a-z0-9-]+)\"""", path.read_text(encoding="utf-8")):
            yield path, name


def test_the_sprite_holds_every_icon_in_use():
    used = set(used_icons())
    assert len({name for _, name in used}) > 20
    assert {(str(path.relative_to(ROOT)), name) for path, name in used if name not in icons.ICONS} == set()


def test_the_sprite_is_found_like_any_static_file_and_is_plain_svg():
    path = finders.find(icons.SPRITE)
    symbols = ET.parse(path).getroot().findall(f"{{{icons.SVG}}}symbol")
    assert {symbol.get("id") for symbol in symbols} == icons.ICONS
    assert all(len(symbol) and symbol.get("viewBox") for symbol in symbols)
    assert (icons.SPRITE, finders.find(icons.SPRITE)) in [
        (name, storage.path(name)) for name, storage in icons.SpriteFinder().list([])
    ]
    assert "style" not in Path(path).read_text(encoding="utf-8")


def test_an_unknown_icon_is_loud():
    with pytest.raises(ValueError, match="unicorn"):
        icons.icon_markup("unicorn")


def test_style_sheets_load_nothing_and_take_every_colour_from_the_tokens():
    sheets = {
        path.name: re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.S)
        for path in sorted((ROOT / "static" / "css").glob("*.css"))
    }
    text = "\n".join(sheets.values())
    assert re.findall(r"@import|url\(", text) == []
    assert set(re.findall(r"var\((--[a-z0-9-]+)", text)) <= set(re.findall(r"(--[a-z0-9-]+)\s*:", text))
    for name in sheets.keys() - {"tokens.css", "print.css"}:
        assert re.findall(r"#[0-9a-f]{3,8}\b|\brgba?\(|\bhsl\(|\boklch\(", sheets[name]) == []


def test_the_script_is_small_and_writes_no_markup():
    script = (ROOT / "static" / "js" / "console.js").read_text(encoding="utf-8")
    assert len(script.splitlines()) < 250
    assert re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|\beval\(|new Function|document\.write", script) == []
