"""Settings location templates: read, and items sorted by them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.formats.errors import ImportRejected
from personalization.formats.items import Folder, RegistryKey, RegistryValue, in_memory_file
from personalization.formats.limits import Limits
from personalization.formats.templates import (
    FileRule,
    Process,
    RegistryRule,
    SettingsTemplate,
    VersionRange,
    read_template,
    sort_items,
)
from personalization.formats.templates.model import FileExclusion, RegistryExclusion, mask_matches, wildcard_match
from tests.formats import strategies
from tests.formats.strategies import examples

NAMESPACE = "http://schemas.microsoft.com/UserExperienceVirtualization/{}/SettingsLocationTemplate"


def xml(body: str, schema: str = "2013A") -> bytes:
    declaration = '<?xml version="1.0" encoding="utf-8"?>\n'
    root = "SettingsLocationTemplate"
    return f'{declaration}<{root} xmlns="{NAMESPACE.format(schema)}">{body}</{root}>'.encode()


def single(settings: str, **options) -> bytes:
    return xml(
        "<Name>Acme</Name><ID>Acme</ID><Version>3</Version><Processes><Process><Filename>acme.exe</Filename></Process>"
        f"</Processes>\n<Settings>{settings}</Settings>",
        **options,
    )


def value(path: str, name: str = "") -> RegistryValue:
    return RegistryValue(path, name, 4, b"\0\0\0\0")


def file(path: str):
    return in_memory_file(path, b"")


EDITOR = xml("""
  <Name>Inkwell</Name>
  <ID>Inkwell</ID>
  <Description>Writes</Description>
  <LocalizedNames><Name Locale="de-de">Tintenfass</Name><Name Locale="fr-fr">Encrier</Name></LocalizedNames>
  <Version>7</Version>
  <Author><Name>Olga</Name><Email>olga@acme.example</Email></Author>
  <Processes>
    <Process>
      <Filename>inkwell.exe</Filename><Architecture>Win64</Architecture><ProductName>Inkwell</ProductName>
      <FileDescription>Editor</FileDescription>
      <ProductVersion><Major Minimum="2" Maximum="4"/><Minor Minimum="0" Maximum="9"/></ProductVersion>
      <FileVersion><Major Minimum="2" Maximum="2"/></FileVersion>
    </Process>
    <Process><Filename>inkspell.exe</Filename></Process>
  </Processes>
  <Settings>
    <Asynchronous>true</Asynchronous>
    <Registry>
      <Path Recursive="true" DeleteIfNotFound="1">Software\\Inkwell</Path>
      <Exclude><Path Recursive="true">Cache</Path></Exclude>
      <Exclude><Path>Windows</Path><Name>Position</Name></Exclude>
      <Exclude><Name>LastRun</Name></Exclude>
    </Registry>
    <Registry>
      <Path>\\Software\\Shared\\Fonts</Path><Name>Inkwell</Name><Name/>
    </Registry>
    <File>
      <Root><EnvironmentVariable>APPDATA</EnvironmentVariable></Root>
      <Path Recursive="true">Inkwell\\Profiles</Path>
      <FileMask>*.ink</FileMask><FileMask>prefs.*</FileMask>
      <Exclude><Path Recursive="true">Temp*</Path></Exclude>
      <Exclude><FileMask>~*</FileMask></Exclude>
    </File>
    <File>
      <Root><KnownFolder>{fdd39ad0-238f-46af-adb4-6c85480369c7}</KnownFolder></Root>
      <Path>Inkwell\\dictionary.txt</Path>
    </File>
    <File>
      <Root>
        <RegistryEntry>Software\\Microsoft\\Windows\\CurrentVersion\\Explorer\\User Shell Folders\\Local AppData
        </RegistryEntry>
      </Root>
      <Path/>
      <FileMask>inkwell.log</FileMask>
    </File>
  </Settings>
""")


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


SUITE = xml("""
  <Name>Office</Name><ID>Office</ID><ManageSuiteOnly>true</ManageSuiteOnly>
  <Common><Name>Common</Name><ID>common</ID><Version>4</Version>
    <Settings><Registry><Path Recursive="true">Software\\Office</Path></Registry></Settings></Common>
  <Application><Name>Text</Name><ID>Text</ID><Version>2</Version>
    <Processes><Process><Filename>text.exe</Filename></Process></Processes>
    <Settings><Registry><Path Recursive="true">Software\\Office\\Text</Path></Registry></Settings></Application>
  <Application><Name>Table</Name><ID>Table</ID><Version>6</Version>
    <Processes><Process><Filename>table.exe</Filename></Process></Processes>
    <Settings><Registry><Path>Software\\Office\\Table</Path></Registry>
    <File><Root><EnvironmentVariable>USERPROFILE</EnvironmentVariable></Root><Path Recursive="true">Tables</Path></File>
    </Settings></Application>
""")


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


@pytest.mark.parametrize(
    ("data", "line", "reason"),
    [
        (b"", 1, "not well-formed"),
        (b"<a>", 1, "not well-formed"),
        (b"<a/>", 1, "not a settings location template"),
        (xml("", schema="2099"), 1, "not a settings location template"),
        (b"<SettingsLocationTemplate/>", 1, "not a settings location template"),
        (xml("<ID>A</ID>\n<b>"), 3, "not well-formed"),
        (b'<?xml version="1.0" encoding="klingon"?><a/>', 1, "not well-formed"),
        (b'<!DOCTYPE a [<!ENTITY e "x">]>\n<a>&e;</a>', 1, "document type"),
        (b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', 1, "document type"),
        (b"<!DOCTYPE SettingsLocationTemplate>\n" + single("").partition(b"?>\n")[2], 1, "document type"),
        (xml(""), 2, "no ID"),
        (xml("\n<ID>a/b</ID>"), 2, "no ID"),
        (xml("<ID>A</ID>\n<Version>2.5</Version><Settings/>"), 3, "whole number"),
        (xml("<ID>A</ID>\n<Version>2147483648</Version><Settings/>"), 3, "whole number"),
        (xml("<ID>A</ID>"), 2, "no settings"),
        (single("\n<Registry/>"), 4, "no path"),
        (single("\n<Registry><Path>HKEY_LOCAL_MACHINE\\Software</Path></Registry>"), 4, "HKEY_LOCAL_MACHINE"),
        (single("\n<Registry><Path>HKLM\\Software</Path></Registry>"), 4, "HKEY_LOCAL_MACHINE"),
        (single("\n<Registry><Path>Software\\\\Acme</Path></Registry>"), 4, "empty"),
        (single("\n<Registry><Path Recursive='yes'>Software</Path></Registry>"), 4, "Neither true nor false"),
        (single("\n<File><Path>x</Path></File>"), 4, "no root"),
        (
            single("\n<File><Root><EnvironmentVariable>APPDATA</EnvironmentVariable></Root><Path>..\\x</Path></File>"),
            4,
            "“..”",
        ),
        (xml("<ID>A</ID><Version>1</Version><Processes>\n<Process/></Processes><Settings/>"), 3, "no file name"),
        (xml("<ID>A</ID>" + "<x>" * 40 + "</x>" * 40), 2, "too many elements"),
        (xml(f"<ID>A</ID>\n<x>{'t' * 40_000}</x>"), 3, "too long"),
    ],
)
def test_bad_templates_are_refused_with_their_line(data, line, reason):
    with pytest.raises(ImportRejected, match=reason) as refused:
        read_template(data)
    assert f"line {line}:" in str(refused.value)


def test_each_cap_of_a_template_stops_the_reader():
    data = single("<Registry><Path>a</Path></Registry>" * 10)
    assert len(read_template(data).registry_rules) == 10
    with pytest.raises(ImportRejected, match="larger than 100 bytes"):
        read_template(data, limits=Limits(template_bytes=100))
    with pytest.raises(ImportRejected, match="too many elements"):
        read_template(data, limits=Limits(template_elements=20))


@examples(100)
@given(
    st.sampled_from([EDITOR, SUITE]),
    st.lists(
        st.tuples(
            st.integers(0, 3000),
            st.integers(0, 12),
            st.binary(max_size=4)
            | st.sampled_from(
                [b"<Path>", b"</Path>", b"<Exclude>", b"&#0;", b"<![CDATA[", b"]]>", b"HKLM\\", b"..\\", b""]
            ),
        ),
        min_size=1,
        max_size=4,
    ),
)
def test_mutated_templates_are_read_or_refused_and_nothing_else(data, edits):
    mutated = bytearray(data)
    for position, length, replacement in edits:
        mutated[position : position + length] = replacement
    try:
        template = read_template(bytes(mutated))
        sort_items([value("HKCU\\Software\\Inkwell", "x"), file("%APPDATA%\\Inkwell\\x")], [template])
    except ImportRejected as refused:
        assert "line" in str(refused)
