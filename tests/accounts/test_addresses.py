"""Which texts are mail addresses, and which of them are the same (decision 19)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.addresses import domain_of, read_address, read_domain, to_mail
from config.errors import Refused


@pytest.mark.spec("LG-126")
@pytest.mark.parametrize(
    ("typed", "key"),
    [
        ("Ann.Lee@Example.ORG", "ann.lee@example.org"),
        ("  ann@example.org\n", "ann@example.org"),
        ("ann+lists@example.org", "ann+lists@example.org"),
        ("ann@Bücher.example", "ann@xn--bcher-kva.example"),
        ("ann@xn--bcher-kva.example", "ann@xn--bcher-kva.example"),
        ("info@straße.example", "info@xn--strae-oqa.example"),
        ("info@STRAẞE.example", "info@xn--strae-oqa.example"),
        ("info@strasse.example", "info@strasse.example"),
    ],
)
def test_the_key_ignores_case_and_the_script_of_the_domain_and_nothing_else(typed, key):
    assert read_address(typed) == (typed.strip(), key)


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "ann",
        "@example.org",
        "ann@",
        "ann@@example.org",
        "a b@example.org",
        "ann@-x.org",
        "ann@example..org",
        "ann@exa\0mple.org",
        "ann@" + "x" * 300 + ".org",
        "a" * 250 + "@example.org",
        "a" * 65 + "@example.org",
        "ann@localhost",
    ],
)
def test_what_is_no_address_is_refused(typed):
    with pytest.raises(Refused):
        read_address(typed)


@pytest.mark.parametrize(
    "typed",
    [
        "mıke@example.org",
        "\u212aim@example.org",
        "ａnn@example.org",
        "ſam@example.org",
        "ann@ｎｅｗ.example",
        "ann@n\u0435w.example",
    ],
)
def test_letters_that_look_like_others_are_refused(typed):
    with pytest.raises(Refused) as caught:
        read_address(typed)
    assert caught.value.code == "address-confusable"


@pytest.mark.parametrize("typed", ["straße@example.org", "STRAẞE@example.org"])
def test_a_sharp_s_before_the_sign_is_refused_with_the_true_reason(typed):
    with pytest.raises(Refused) as caught:
        read_address(typed)
    assert caught.value.code == "address-invalid"
    assert caught.value.message.endswith("holds “ß”, which no mail address can have before the @.")


def test_a_mail_goes_to_the_domain_that_was_typed():
    assert to_mail("Info@Straße.example") == "Info@xn--strae-oqa.example"
    assert to_mail("Info@Example.org") == "Info@Example.org"


@given(st.text(max_size=40))
def test_every_text_is_an_address_with_a_stable_key_or_refused(text):
    try:
        address, key = read_address(text)
    except Refused:
        return
    assert read_address(key)[1] == key
    assert domain_of(key).isascii()
    assert address == text.strip()


@pytest.mark.parametrize(
    ("typed", "domain"),
    [("Example.ORG", "example.org"), ("@example.org.", "example.org"), ("straße.de", "xn--strae-oqa.de")],
)
def test_a_domain_is_read_with_or_without_its_sign(typed, domain):
    assert read_domain(typed) == domain


@pytest.mark.parametrize("typed", ["", "example", "a b.org", "x@y.org"])
def test_what_is_no_domain_is_refused_at_its_field(typed):
    with pytest.raises(Refused) as caught:
        read_domain(typed)
    assert caught.value.field == "domain"
