"""Searching people and groups by leading characters, against both servers, whatever characters these are."""

import pytest

from accounts.directory import Refusal
from tests.directory.conftest import names, refusal


@pytest.mark.spec("AC-URL-1")
def test_search_finds_people_and_groups_by_leading_characters_of_name_and_account(directory):
    assert names(directory.find(prefix="jO")) == [
        "Joan Abbott",
        "Johan Beck",
        "John Carver",
        "Jonas Frey",
        "Josefine Krüger",
        "Joyce Palmer",
    ]
    assert names(directory.find(prefix="helpdesk f")) == ["Helpdesk Finance"]
    assert names(directory.find(prefix="jurgen.")) == ["Jürgen Müller"]
    assert names(directory.find(prefix="JÜRGEN")) == ["Jürgen Müller"]
    assert directory.find(prefix="ürgen") == []
    assert [entry.kind for entry in directory.find(prefix="he", kinds=("group",))].count("user") == 0


@pytest.mark.spec("AC-URL-7")
@pytest.mark.parametrize(
    "text", ["*)(objectClass=*", "*", "(", ")", "\\2a", "\\", "*)(|(uid=*", "\0", "\\00", "&", " ", ""]
)
def test_filter_syntax_finds_nothing_and_breaks_nothing(directory, text):
    assert directory.find(prefix=text) == []


@pytest.mark.parametrize(
    "text", ["\u00ad", "\u200b", "\ud800", "\U0010ffff", "\u0300", "\ufeff", "x" * 5000, "\r\n", "ß" * 300]
)
def test_odd_characters_find_nothing_and_break_nothing(directory, text):
    assert directory.find(prefix=text) == []
    assert refusal(directory, text, "wrong") is Refusal.UNKNOWN


def test_search_for_special_characters_finds_names_that_have_them(directory):
    assert names(directory.find(prefix="Quist, Anna (")) == ["Quist, Anna (Ext) #1"]
    assert names(directory.find(prefix="Night (Shift) &")) == ["Night (Shift) & Ladders"]


def test_search_in_a_domain_finds_only_there(directory):
    (bob,) = directory.find(prefix="bob")
    assert directory.find(prefix=f"{bob.domain.lower()}\\bo") == [bob]
    assert directory.find(prefix="ELSEWHERE\\bo") == []


def test_search_gives_the_first_by_name_when_there_are_more(directory):
    assert names(directory.find(prefix="Person", limit=30)) == [f"Person {number:05d}" for number in range(30)]
