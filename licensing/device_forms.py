"""Input of the devices of a license group."""

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.submissions import OnceForm
from config.names import visible
from config.ui.forms import RefusableForm
from licensing.forms import SEARCH


class DeviceFilterForm(forms.Form):
    """Any part of a device's name."""

    q = forms.CharField(label=_("Name"), required=False, max_length=100, widget=SEARCH)


class DeviceForm(RefusableForm, OnceForm):
    """A new device; `submission` becomes its id, so that sending the form twice makes one."""

    name = forms.CharField(
        label=_("Name"),
        help_text=_("What people call it, such as “Printer 2nd floor”. Each name once in a license group."),
        max_length=100,
        validators=[visible],
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
