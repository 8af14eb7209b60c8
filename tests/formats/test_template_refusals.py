"""Settings location templates that are none, too large or mutated: refused with their line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.formats.errors import ImportRejected
from personalization.formats.limits import Limits
from personalization.formats.templates import read_template, sort_items
from tests.formats.strategies import examples
from tests.formats.template_texts import EDITOR, SUITE, file, single, value, xml


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
