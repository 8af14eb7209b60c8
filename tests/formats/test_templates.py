"""Settings location templates: read, suites and what Roamkeep cannot do with them included."""

import pytest

from personalization.formats.templates import (
    FileRule,
    Process,
    RegistryRule,
    SettingsTemplate,
    VersionRange,
    read_template,
    sort_items,
)
from personalization.formats.templates.model import FileExclusion, RegistryExclusion
from tests.formats.template_texts import EDITOR, NAMESPACE, SUITE, file, single, value


def test_everything_a_template_says_is_read():
    template = read_template(EDITOR)
    assert template == SettingsTemplate(
        id="Inkwell",
        name="Inkwell",
        version=7,
        schema="2013A",
        description="Writes",
        author_name="Olga",
        author_email="olga@acme.example",
        localized_names=(("de-de", "Tintenfass"), ("fr-fr", "Encrier")),
        processes=(
            Process(
                "inkwell.exe",
                "Win64",
                "Inkwell",
                "Editor",
                (VersionRange((2, 4), (0, 9)),),
                (VersionRange((2, 2)),),
            ),
            Process("inkspell.exe"),
        ),
        registry_rules=(
            RegistryRule(
                "HKCU\\Software\\Inkwell",
                True,
                (),
                (
                    RegistryExclusion("Cache", True),
                    RegistryExclusion("Windows", False, ("Position",)),
                    RegistryExclusion("", False, ("LastRun",)),
                ),
                True,
            ),
            RegistryRule("HKCU\\Software\\Shared\\Fonts", False, ("Inkwell", "")),
        ),
        file_rules=(
            FileRule(
                "AppData\\Roaming\\Inkwell\\Profiles",
                True,
                ("*.ink", "prefs.*"),
                (FileExclusion("Temp*", True), FileExclusion("", False, ("~*",))),
            ),
            FileRule("Documents\\Inkwell\\dictionary.txt"),
            FileRule("AppData\\Local", False, ("inkwell.log",)),
        ),
    )
    assert template.unsupported == ()


@pytest.mark.parametrize("schema", ["2012", "2013", "2013A"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_every_schema_is_read(schema, scheme):
    data = single("<Registry><Path>Software\\Acme</Path></Registry>", schema=schema).replace(
        b"http:", scheme.encode() + b":"
    )
    assert read_template(data).schema == schema


def test_a_prefixed_namespace_comments_and_a_byte_order_mark_are_read():
    ns = NAMESPACE.format("2013")
    data = (
        f"\ufeff<t:SettingsLocationTemplate xmlns:t='{ns}'><!-- note --><t:ID>A</t:ID><t:Version>0</t:Version>"
        "<t:Processes><t:ShellProcess/></t:Processes><t:Settings><t:Registry><t:Path> Software\\A </t:Path>"
        "</t:Registry></t:Settings></t:SettingsLocationTemplate>"
    ).encode()
    template = read_template(data)
    assert (template.id, template.name, template.is_shell) == ("A", "A", True)
    assert template.registry_rules == (RegistryRule("HKCU\\Software\\A"),)


def test_a_suite_is_one_template_with_a_part_for_each_program():
    suite = read_template(SUITE)
    assert (suite.id, suite.version, suite.manages_suite_only) == ("Office", 6, True)
    assert [part.id for part in suite.parts()] == ["Office", "Office.Text", "Office.Table"]
    assert [part.processes for part in suite.applications] == [(Process("text.exe"),), (Process("table.exe"),)]
    assert suite.matches(file("%USERPROFILE%\\Tables\\a"))
    items = [value("HKCU\\Software\\Office\\Text\\View", "a"), value("HKCU\\Software\\Office", "b")]
    assert sort_items(items, [suite]) == {suite: items, None: []}
    parts = list(suite.parts())
    sorted_by_part = sort_items(items, parts[1:] + [SettingsTemplate(**{**_fields(suite), "applications": ()})])
    assert sorted_by_part[parts[1]] == items[:1]


def _fields(template):
    return {name: getattr(template, name) for name in SettingsTemplate.__dataclass_fields__}


def test_what_is_neither_key_nor_file_of_the_user_is_told_with_its_line():
    template = read_template(
        single(
            "\n<SystemParameter>MouseSpeed</SystemParameter>\n<CustomAction>custom://Printer</CustomAction>\n"
            "<File><Root><EnvironmentVariable>PROGRAMFILES</EnvironmentVariable></Root><Path>Acme</Path></File>\n"
            "<File><Root><EnvironmentVariable>APPDATA</EnvironmentVariable></Root><Path>%COMPUTERNAME%</Path></File>\n"
            "<File><Root><KnownFolder>{00000000-0000-0000-0000-000000000000}</KnownFolder></Root></File>\n"
            "<File><Root><RegistryEntry>Software\\Acme\\Folder</RegistryEntry></Root></File>\n"
            "<Registry><Path>Software\\Acme</Path></Registry>"
        )
    )
    assert [note.line for note in template.unsupported] == [4, 5, 6, 7, 8, 9]
    assert "outside the user's profile" in str(template.unsupported[2])
    assert template.system_parameters == ("MouseSpeed",)
    assert template.file_rules == ()
    assert template.matches(value("HKCU\\Software\\Acme", "x"))


def test_the_regular_expression_of_microsofts_own_template_is_understood_as_wildcards():
    template = read_template(
        single(
            "<File><Root><EnvironmentVariable>LOCALAPPDATA</EnvironmentVariable></Root>"
            "<Path Recursive='true'>UEV</Path>"
            "<Exclude><Path Recursive='true'>(.*)(Current)(.*)</Path><FileMask>*</FileMask></Exclude></File>"
        )
    )
    assert template.matches(file("%LOCALAPPDATA%\\UEV\\Old\\a"))
    assert not template.matches(file("%LOCALAPPDATA%\\UEV\\x\\MyCurrentState\\a"))
