"""Input of the window Block User Roles."""

from django import forms
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from licensing.actions.rules import MOST_ROWS
from licensing.forms import split_addresses
from licensing.invitation_forms import read_addresses

LONGEST_TYPED = 1_300_000  # characters: 5,000 of the longest addresses
MOST_SHOWN = 50  # problems that the page names


class BlockForm(forms.Form):
    """Addresses to keep from the role User (LG-118, LG-119). Cleaned `addresses`: (address, key) pairs, each key once.

    `problems` holds {what was typed: what is wrong with it} for the page.
    """

    addresses = forms.CharField(
        label=_("Email addresses"),
        help_text=_("One address per line, of members or of anybody else."),
        max_length=LONGEST_TYPED,
        widget=forms.Textarea(
            attrs={"rows": 6, "data-chips": "", "autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"}
        ),
        error_messages={"required": _("Enter at least one address.")},
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.problems = {}

    def clean_addresses(self):
        parts = split_addresses(self.cleaned_data["addresses"])
        if len(parts) > MOST_ROWS:
            text = gettext("At most %(most)s addresses in one step; these are %(count)s.")
            raise forms.ValidationError(text % {"most": MOST_ROWS, "count": len(parts)})
        found, wrong = read_addresses(parts)
        if wrong:
            self._name(wrong)
            text = ngettext("%(count)s address is wrong.", "%(count)s addresses are wrong.", len(wrong))
            raise forms.ValidationError(f"{text % {'count': len(wrong)}} {gettext('Nobody was blocked.')}")
        if not found:
            raise forms.ValidationError(self.fields["addresses"].error_messages["required"])
        return [(address, key) for key, address in found.items()]

    def _name(self, problems):
        self.problems = dict(list(problems.items())[:MOST_SHOWN])

    def refuse(self, error):
        """Show a refusal of the action, with what is wrong with each address."""
        self._name(error.problems)
        self.add_error("addresses", error.message)
