"""Input of My Persona: a panel's name and beginning, a file, the words and presets of one tile."""

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts.submissions import OnceForm
from config.names import visible
from config.ui.forms import RefusableForm
from personalization.persona.catalogue import COLOURS, ICONS, KINDS, PRESET_WORDS, PRESETS
from personalization.persona.layout import MOST_BYTES, SCHEMA, LayoutInvalid, check

LONGEST_NAME = SCHEMA["$defs"]["name"]["maxLength"]
LONGEST_LABEL = SCHEMA["$defs"]["tile"]["properties"]["label"]["maxLength"]
_DEFS = SCHEMA["$defs"]
TILE = "tile"  # prefix of a tile's fields in the form of the editor


def _plain(text):
    """Refuse what the schema's words refuse: control characters and those that turn the direction of a line."""
    try:
        check({"version": 1, "name": text, "grid": {"columns": 2, "rows": 2}, "tiles": []})
    except LayoutInvalid as error:
        raise ValidationError(error.problems["name"]) from error


def _name_field(**more):
    return forms.CharField(label=_("Name"), max_length=LONGEST_NAME, validators=[visible], **more)


class PanelForm(RefusableForm, OnceForm):
    """A new panel: its name, and what it begins with: "starter", "blank" or the id of an own panel."""

    name = _name_field()
    start = forms.ChoiceField(label=_("Begin with"), widget=forms.RadioSelect, initial="starter")

    def __init__(self, *args, panels, **kwargs):
        super().__init__(*args, **kwargs)
        copies = [(str(panel.pk), _("A copy of “%(name)s”") % {"name": panel.name}) for panel in panels]
        self.fields["start"].choices = [
            ("starter", _("Copy, scan and print")),
            ("blank", _("An empty panel")),
            *copies,
        ]


class ImportForm(RefusableForm, OnceForm):
    """A panel from a file; the name is that in the file unless another one is typed."""

    file = forms.FileField(
        label=_("File"),
        help_text=_("JSON of at most %(most)s kB, as Export writes it.") % {"most": MOST_BYTES // 1000},
        widget=forms.ClearableFileInput(attrs={"accept": ".json,application/json"}),
        error_messages={"empty": _("The file is empty.")},
    )
    name = _name_field(required=False, help_text=_("Leave this empty to keep the name that is in the file."))


class RenameForm(RefusableForm):
    """Another name for a panel as the page showed it."""

    name = _name_field()
    version = forms.IntegerField(widget=forms.HiddenInput, min_value=1)


class TileForm(forms.Form):
    """Words, drawing, colour and presets of one tile; only presets of its kind are asked for."""

    label = forms.CharField(label=_("Label"), required=False, max_length=LONGEST_LABEL, validators=[_plain])
    icon = forms.ChoiceField(label=_("Drawing"), required=False)
    colour = forms.ChoiceField(label=_("Colour"), required=False, widget=forms.RadioSelect)

    def __init__(self, *args, tile, **kwargs):
        self.tile = tile
        kind = KINDS[tile["kind"]]
        settings = tile.get("settings", {})
        initial = {"label": tile.get("label", ""), "icon": tile.get("icon", "")}
        initial["colour"] = tile.get("colour", kind.colour)
        initial |= {f"preset_{name}": settings.get(name, "") for name in kind.presets}
        super().__init__(*args, initial=initial, prefix=TILE, **kwargs)
        self.fields["label"].widget.attrs["placeholder"] = kind.label
        own = _("As usual (%(drawing)s)") % {"drawing": ICONS[kind.icon][1]}
        self.fields["icon"].choices = [("", own), *((name, words) for name, (_drawing, words) in ICONS.items())]
        self.fields["colour"].choices = list(COLOURS.items())
        for name in kind.presets:
            self.fields[f"preset_{name}"] = _preset_field(name)

    def changed_tile(self):
        """Return the tile with what was typed; what is as usual for its kind is left out. After `is_valid`."""
        cleaned, kind = self.cleaned_data, KINDS[self.tile["kind"]]
        kept = {name: self.tile[name] for name in ("id", "kind", "column", "row", "width", "height")}
        given = {"label": cleaned["label"], "icon": cleaned["icon"]}
        given["colour"] = "" if cleaned["colour"] == kind.colour else cleaned["colour"]
        given["settings"] = {
            name: cleaned[f"preset_{name}"] for name in kind.presets if cleaned[f"preset_{name}"] not in ("", None)
        }
        return kept | {name: value for name, value in given.items() if value}


def _preset_field(name):
    rule = _DEFS.get(name, {})
    if name == "copies":
        return forms.IntegerField(
            label=PRESETS[name], required=False, min_value=rule["minimum"], max_value=rule["maximum"]
        )
    if name in PRESET_WORDS:
        choices = [("", _("As the device is set")), *((str(value), text) for value, text in PRESET_WORDS[name].items())]
        coerce = int if name == "resolution" else str
        return forms.TypedChoiceField(
            label=PRESETS[name], required=False, choices=choices, coerce=coerce, empty_value=""
        )
    owner = {"folder": "scan-folder", "number": "fax", "app": "app"}[name]
    rule = _DEFS[owner]["properties"][name]
    words = {
        "folder": _("This folder name has characters that are not allowed."),
        "number": _("Digits, spaces and + ( ) / - only."),
        "app": _("Small letters, digits and hyphens only, at most 40."),
    }[name]
    return forms.RegexField(
        rule["pattern"].removesuffix("$") + r"\Z",
        label=PRESETS[name],
        required=False,
        max_length=rule.get("maxLength", 40),
        error_messages={"invalid": words},
    )
