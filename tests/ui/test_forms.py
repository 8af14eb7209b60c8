"""Fields and forms: label, help, required mark, error beside the field, summary on top."""

import re

import pytest
from django import forms

from tests.ui.gallery import ThingForm


def html(form):
    return str(form)


def test_every_input_has_a_label_its_help_and_its_error_by_id():
    text = html(ThingForm({"name": "x" * 50}))
    name = re.search(r"<input[^>]*name=\"name\"[^>]*>", text)[0]
    assert 'aria-describedby="id_name_helptext id_name_error"' in name
    assert 'aria-invalid="true"' in name
    assert '<label for="id_name" class="required">Name</label>' in text
    assert 'id="id_name_helptext">Shown in lists.' in text
    assert re.search(r'id="id_name_error">.*Ensure this value has at most 40 characters', text, re.S)
    for described in re.findall(r'aria-describedby="([^"]+)"', text):
        for target in described.split():
            assert text.count(f'id="{target}"') == 1


def test_the_summary_links_to_the_first_input_of_each_field():
    text = html(ThingForm({}))
    targets = re.findall(r'<li><a href="#([^"]+)"', text)
    assert targets == ["id_name", "id_role", "id_groups_0", "id_when_0"]
    for target in targets:
        assert re.search(rf'<(?:input|select)[^>]*id="{target}"', text)
    assert "Please correct 4 entries" in text


def test_an_unbound_form_has_no_summary_and_marks_only_what_is_required():
    text = html(ThingForm())
    assert "alert" not in text
    assert text.count('class="required"') == 4
    assert "E-mail</label>" in text


def test_errors_of_the_whole_form_stand_in_the_summary():
    class Refusing(forms.Form):
        one = forms.CharField(required=False)
        secret = forms.CharField(widget=forms.HiddenInput, required=False)

        def clean(self):
            raise forms.ValidationError("Both cannot be.")

    text = html(Refusing({}))
    assert "<li>Both cannot be.</li>" in text
    assert 'type="hidden" name="secret"' in text
    assert "Please correct one entry" in text


@pytest.mark.parametrize("field", ["groups", "when"])
def test_groups_of_choices_are_fieldsets_with_a_legend(field):
    text = html(ThingForm({}))
    group = next(part for part in re.findall(r"<fieldset.*?</fieldset>", text, re.S) if f'name="{field}"' in part)
    assert '<legend class="required">' in group
    assert f'aria-describedby="id_{field}_error"' in group


def test_what_was_typed_is_escaped():
    assert "<script>" not in html(ThingForm({"name": "<script>", "note": "</textarea><script>"}))
