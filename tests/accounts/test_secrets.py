"""Sealed secrets: unreadable in the database, readable with the key that sealed them."""

import pytest

from accounts.secrets import SealBroken, seal, unseal


def test_a_sealed_text_comes_back_and_shows_nothing():
    sealed = seal("pä ss wörd")
    assert unseal(sealed) == "pä ss wörd"
    assert "ss" not in sealed.partition(":")[2] or "pä" not in sealed
    assert seal("same") != seal("same")


def test_a_changed_text_is_not_opened():
    sealed = seal("secret")
    broken = sealed[:-4] + ("AAAA" if sealed[-4:] != "AAAA" else "BBBB")
    with pytest.raises(SealBroken) as error:
        unseal(broken)
    assert "secret" not in str(error.value).replace("sealed secret", "")


@pytest.mark.parametrize("text", ["", "x", ":", "12345678:", "plain text"])
def test_a_text_that_was_never_sealed_is_not_opened(text):
    with pytest.raises(SealBroken):
        unseal(text)


def test_an_old_key_opens_its_texts_and_new_texts_use_the_new_key(settings):
    old = seal("secret")
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another key, " * 5
    assert unseal(old) == "secret"
    assert seal("secret").partition(":")[0] != old.partition(":")[0]
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(SealBroken, match="SECRET_KEY_FALLBACKS"):
        unseal(old)
