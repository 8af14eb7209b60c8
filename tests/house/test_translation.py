"""Every text a person sees is in the catalogues, and the German one is complete, compiled and fits the code."""

import re
from pathlib import Path

import pytest
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from django.conf import settings
from django.core.management import call_command
from django.utils import translation

from config.management.commands import makemessages

LANGUAGES = [code for code, _ in settings.LANGUAGES if code != settings.LANGUAGE_CODE]
PLACEHOLDER = re.compile(r"%(?:\(\w+\))?[a-zA-Z]|\{\w*\}")
AGAIN = "run `manage.py makemessages -l {language}`, translate what is empty, and run it again"

TEMPLATE = """\
{# _("in a comment") #}
{{ _("first of a line") if x else _("second of a line") }}
{{ _("with %(name)s", name=x) }} {{ gettext("by gettext") }}
{{ ngettext("%(num)d egg", "%(num)d eggs", x) }} {{ pgettext("verb", "Open") }}
{{ macro(_("an argument"), other, {"key": _( "a value" )}) }}
{% trans name=x %}Hello {{ name }}{% endtrans %}
{% trans count=x %}{{ count }} hen{% pluralize %}{{ count }} hens{% endtrans %}
{{ _(
  "over several"
  " lines") }}
{% call ui.card(title=_("of a call")) %}{% endcall %}
{% do x.append(_("of a statement")) %}
"""
CODE = """\
from django.utils.translation import gettext as _, ngettext_lazy, pgettext_lazy

# _("in a comment")
TEXTS = [_("first of a line"), _("second of a line")], ngettext_lazy("%(n)s egg", "%(n)s eggs", "n")
OTHER = pgettext_lazy("verb", "Open") + f"{_('in a formatted text')}" + _(
    "over several"
    " lines"
)
"""


def folder(language):
    return settings.LOCALE_PATHS[0] / language / "LC_MESSAGES"


def read(path, reader=read_po):
    with path.open("rb") as file:
        return reader(file)


def context_of(message):
    """Return the context as text: Babel's reader of compiled catalogues leaves it encoded."""
    return message.context.decode() if isinstance(message.context, bytes) else message.context


def key(message):
    return context_of(message), message.id if isinstance(message.id, str) else message.id[0]


def forms(text):
    return (text,) if isinstance(text, str) else tuple(text)


def messages(catalogue):
    """Return {(context, singular): message} without the header."""
    return {key(message): message for message in catalogue if message.id}


@pytest.fixture(params=LANGUAGES)
def language(request):
    return request.param


@pytest.fixture
def catalogue(language):
    return messages(read(folder(language) / "django.po"))


def extracted(tmp_path, name, text, reader):
    """Return {(context, singular): [lines]} of one file."""
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    catalogue = tmp_path / "django.po"
    makemessages.merge(makemessages.extract([(path, reader)], tmp_path), catalogue, "de")
    found = messages(read(catalogue))
    assert {place for message in found.values() for place, _ in message.locations} == {name}
    return {name: [line for _, line in message.locations] for name, message in found.items()}, found


def test_each_kind_of_text_in_a_template_is_found_with_its_line(tmp_path):
    lines, found = extracted(tmp_path, "page.html", TEMPLATE, makemessages.template_calls)
    assert lines == {
        (None, "first of a line"): [2],
        (None, "second of a line"): [2],
        (None, "with %(name)s"): [3],
        (None, "by gettext"): [3],
        (None, "%(num)d egg"): [4],
        ("verb", "Open"): [4],
        (None, "an argument"): [5],
        (None, "a value"): [5],
        (None, "Hello %(name)s"): [6],
        (None, "%(count)s hen"): [7],
        (None, "over several lines"): [8],
        (None, "of a call"): [11],
        (None, "of a statement"): [12],
    }
    assert found[None, "%(count)s hen"].id == ("%(count)s hen", "%(count)s hens")
    assert "python-format" in found[None, "with %(name)s"].flags


def test_each_kind_of_text_in_code_is_found_with_its_line(tmp_path):
    lines, found = extracted(tmp_path, "views.py", CODE, makemessages.python_calls)
    assert lines == {
        (None, "first of a line"): [4],
        (None, "second of a line"): [4],
        (None, "%(n)s egg"): [4],
        ("verb", "Open"): [5],
        (None, "in a formatted text"): [5],
        (None, "over several lines"): [5],
    }
    assert found[None, "%(n)s egg"].id == ("%(n)s egg", "%(n)s eggs")


def listed(language, found):
    """Return what to do and every message concerned with its places, for a failing test."""
    lines = [f"{message.id!r} at {message.locations[0][0]}:{message.locations[0][1]}" for message in found]
    return "\n".join([f"{len(lines)} texts: {AGAIN.format(language=language)}", *lines])


def test_every_text_of_code_and_templates_is_in_the_catalogue(tmp_path, language, catalogue):
    call_command("makemessages", locale=[language], into=tmp_path, verbosity=0)
    fresh = messages(read(tmp_path / language / "LC_MESSAGES" / "django.po"))
    missing = [message for text, message in fresh.items() if getattr(catalogue.get(text), "id", "") != message.id]
    assert not missing, listed(language, missing)
    gone = [message for text, message in catalogue.items() if text not in fresh]
    assert not gone, "no longer used, " + listed(language, gone)


def test_every_text_is_translated_and_none_is_a_guess(language, catalogue):
    open_ones = [message for message in catalogue.values() if not all(forms(message.string)) or message.fuzzy]
    assert not open_ones, listed(language, open_ones)


def test_translations_have_the_placeholders_of_their_texts(catalogue):
    # A language may have more forms than English: each is like the singular or like the plural, the last like the plural.
    wrong = []
    for message in catalogue.values():
        texts, translated = forms(message.id), forms(message.string)
        allowed = [sorted(PLACEHOLDER.findall(text)) for text in texts]
        got = [sorted(PLACEHOLDER.findall(text)) for text in translated]
        if not all(form in allowed for form in got) or got[-1] != allowed[-1] or got[0] != allowed[0]:
            wrong.append((texts, translated))
    assert wrong == []


def test_the_compiled_catalogue_holds_what_the_written_one_says(language, catalogue):
    compiled = messages(read(folder(language) / "django.mo", read_mo))
    differences = {
        text
        for text, message in catalogue.items()
        if text not in compiled or forms(compiled[text].string) != forms(message.string)
    }
    differences |= compiled.keys() - catalogue.keys()
    assert not differences, f"{AGAIN.format(language=language)}: {sorted(text for _, text in differences)}"


def test_no_text_is_said_in_the_words_of_an_installed_package(language, catalogue):
    """Django's own catalogues lie below ours: a plain text that ours holds only as a singular would come from theirs."""
    foreign = {}
    with translation.override(language):
        for (context, text), message in catalogue.items():
            said = translation.pgettext(context, text) if context else translation.gettext(text)
            if said not in (forms(message.string)[0], text):
                foreign[context, text] = said
    assert foreign == {}


def test_no_event_text_loses_a_label_in_translation(language):
    from audit.texts import texts

    with translation.override(settings.LANGUAGE_CODE):
        original = {verb: labels_in(text) for verb, text in texts().items()}
    with translation.override(language):
        assert {verb: labels_in(text) for verb, text in texts().items()} == original


class Asked(dict):
    """What a sentence asks for as it is filled in, which tells the labels of a plural too."""

    def __missing__(self, key):
        self[key] = 2
        return 2


def labels_in(sentence):
    asked = Asked()
    assert sentence % asked
    return set(asked)


def test_the_sign_in_page_speaks_the_language_of_the_browser(client, acme):
    page = client.get("/t/acme/sign-in/", headers={"Accept-Language": "de-DE,de;q=0.9"}).content.decode()
    assert '<html lang="de"' in page
    assert "Anmelden" in page
    assert "Passwort" in page
    assert "Sign in" not in page


def test_the_catalogues_are_those_of_the_offered_languages():
    assert sorted(path.name for path in Path(settings.LOCALE_PATHS[0]).iterdir()) == sorted(LANGUAGES)
