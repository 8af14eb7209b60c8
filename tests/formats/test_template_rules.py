"""The rules of settings location templates: which items belong to them, and items sorted by them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.formats.items import Folder, RegistryKey
from personalization.formats.templates import FileRule, RegistryRule, SettingsTemplate, read_template, sort_items
from personalization.formats.templates.model import RegistryExclusion, mask_matches, wildcard_match
from tests.formats import strategies
from tests.formats.strategies import examples
from tests.formats.template_texts import EDITOR, file, value


@pytest.mark.parametrize(
    ("item", "belongs"),
    [
        (value("HKCU\\Software\\Inkwell", "Font"), True),
        (value("HKCU\\SOFTWARE\\INKWELL\\View", "Zoom"), True),
        (RegistryKey("HKCU\\Software\\Inkwell\\Empty"), True),
        (value("HKCU\\Software\\Inkwells", "Font"), False),
        (value("HKCU\\Software", "Inkwell"), False),
        (value("HKCU\\Software\\Inkwell\\Cache", "x"), False),
        (value("HKCU\\Software\\Inkwell\\cache\\deep", "x"), False),
        (RegistryKey("HKCU\\Software\\Inkwell\\Cache"), False),
        (value("HKCU\\Software\\Inkwell\\View\\Cache", "x"), True),
        (value("HKCU\\Software\\Inkwell\\Windows", "position"), False),
        (value("HKCU\\Software\\Inkwell\\Windows", "Size"), True),
        (value("HKCU\\Software\\Inkwell\\Windows\\Main", "Position"), True),
        (value("HKCU\\Software\\Inkwell\\View", "lastrun"), False),
        (value("HKCU\\Software\\Shared\\Fonts", "inkwell"), True),
        (value("HKCU\\Software\\Shared\\Fonts", ""), True),
        (value("HKCU\\Software\\Shared\\Fonts", "other"), False),
        (RegistryKey("HKCU\\Software\\Shared\\Fonts"), False),
        (value("HKCU\\Software\\Shared\\Fonts\\Inkwell", ""), False),
        (file("%APPDATA%\\Inkwell\\Profiles\\main.ink"), True),
        (file("%APPDATA%\\inkwell\\profiles\\A\\B\\PREFS.xml"), True),
        (file("%APPDATA%\\Inkwell\\Profiles\\main.txt"), False),
        (file("%APPDATA%\\Inkwell\\Profiles\\~main.ink"), False),
        (file("%APPDATA%\\Inkwell\\Profiles\\temp1\\main.ink"), False),
        (file("%APPDATA%\\Inkwell\\Profiles\\temp1\\deep\\main.ink"), False),
        (file("%APPDATA%\\Inkwell\\main.ink"), False),
        (Folder("%APPDATA%\\Inkwell\\Profiles\\New"), False),
        (file("%DOCUMENTS%\\Inkwell\\dictionary.txt"), True),
        (file("%DOCUMENTS%\\Inkwell\\other.txt"), False),
        (file("%LOCALAPPDATA%\\inkwell.log"), True),
        (file("%LOCALAPPDATA%\\sub\\inkwell.log"), False),
    ],
)
def test_items_belong_where_the_rules_say(item, belongs):
    template = read_template(EDITOR)
    assert template.matches(item) is belongs
    assert (sort_items([item], [template])[None] == []) is belongs


def test_the_closest_rule_takes_an_item_and_then_the_first_template():
    def template(id: str, *rules: RegistryRule, files=()) -> SettingsTemplate:
        return SettingsTemplate(id, id, registry_rules=rules, file_rules=tuple(files))

    wide = template("wide", RegistryRule("HKCU\\Software", True), files=[FileRule("AppData", True)])
    key = template("key", RegistryRule("HKCU\\Software\\A", True))
    again = template("again", RegistryRule("HKCU\\Software\\A", True))
    flat = template("flat", RegistryRule("HKCU\\Software\\A\\B"))
    named = template("named", RegistryRule("HKCU\\Software\\A\\B", False, ("v",)))
    masked = template("masked", files=[FileRule("AppData\\Roaming", True, ("*.ini",))])
    exact = template("exact", files=[FileRule("AppData\\Roaming\\a.ini")])
    items = [
        value("HKCU\\Software\\Other"),
        value("HKCU\\Software\\A", "v"),
        value("HKCU\\Software\\A\\B", "v"),
        value("HKCU\\Software\\A\\B", "w"),
        value("HKCU\\Software\\A\\B\\C", "v"),
        value("HKCU\\Console", "v"),
        file("%LOCALAPPDATA%\\x.ini"),
        file("%APPDATA%\\x.ini"),
        file("%APPDATA%\\a.ini"),
        file("%APPDATA%\\sub\\a.ini"),
        file("%DOCUMENTS%\\x.ini"),
    ]
    result = sort_items(items, [wide, key, again, flat, named, masked, exact])
    assert {template and template.id: [items.index(item) for item in found] for template, found in result.items()} == {
        "wide": [0, 6], "key": [1, 4], "again": [], "flat": [3], "named": [2], "masked": [7, 9], "exact": [8],
        None: [5, 10],
    }  # fmt: skip


rules = st.builds(
    RegistryRule,
    strategies.paths,
    st.booleans(),
    st.lists(strategies.value_names, max_size=2).map(tuple),
    st.lists(st.builds(RegistryExclusion, strategies.common_names, st.booleans()), max_size=1).map(tuple),
)


file_rules = st.builds(
    FileRule,
    st.lists(st.sampled_from(["AppData", "Roaming", "Vim", "sub", "Documents"]), max_size=4).map("\\".join),
    st.booleans(),
    st.lists(st.sampled_from(["*", "*.txt", "r?", "*.*"]), max_size=2).map(tuple),
)


@examples(60)
@given(
    strategies.all_items,
    st.lists(st.tuples(st.lists(rules, max_size=3), st.lists(file_rules, max_size=3)), min_size=1, max_size=4),
)
def test_sorting_agrees_with_matching_and_loses_nothing(items, parts):
    templates = [
        SettingsTemplate(f"T{number}", f"T{number}", registry_rules=tuple(registry), file_rules=tuple(files))
        for number, (registry, files) in enumerate(parts)
    ]
    result = sort_items(items, templates)
    assert sorted(map(repr, (item for found in result.values() for item in found))) == sorted(map(repr, items))
    for template, found in result.items():
        for item in found:
            if template is None:
                assert not any(other.matches(item) for other in templates)
            else:
                assert template.matches(item)


@examples(100)
@given(st.text("ab*?", max_size=8), st.text("ab", max_size=10))
def test_wildcards_match_as_the_regular_expression_would(pattern, text):
    expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    assert wildcard_match(pattern, text) == bool(re.fullmatch(expression, text, re.DOTALL))


def test_a_hostile_wildcard_costs_no_more_than_its_length():
    assert not wildcard_match("*a" * 120 + "b", "a" * 255)


def test_masks_are_those_of_windows():
    assert mask_matches("*.*", "NO DOT")
    assert mask_matches("*.TXT", "A.TXT")
    assert mask_matches("größe?.txt", "GRÖßE1.TXT")
    assert not mask_matches("*.txt", "A.TXTX")
