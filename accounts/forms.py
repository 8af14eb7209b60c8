"""Input of sign-in and of the own account."""

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts.actions import time_zones


class SignInForm(forms.Form):
    """Login and password; a password that is empty, blank or cut by NUL never gets further than here."""

    login = forms.CharField(
        label=_("Login"),
        max_length=200,
        widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}),
    )
    password = forms.CharField(
        label=_("Password"),
        max_length=1024,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    next = forms.CharField(required=False, max_length=2000, widget=forms.HiddenInput)

    use_required_attribute = True

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        first = self.fields["password" if self.is_bound and self.data.get("login", "").strip() else "login"]
        first.widget.attrs["autofocus"] = True

    def clean_password(self):
        password = self.cleaned_data["password"]
        if not password.strip():
            raise ValidationError(_("Enter your password."), code="required")
        return password


class AccountForm(forms.Form):
    """What a person chooses for themselves: time zone and language; names and groups come from elsewhere."""

    time_zone = forms.ChoiceField(label=_("Time zone"), required=False)
    language = forms.ChoiceField(label=_("Language"), required=False)

    def __init__(self, *args, tenant, **kwargs):
        super().__init__(*args, **kwargs)
        of_tenant = _("That of the organisation (%(zone)s)") % {"zone": tenant.time_zone}
        self.fields["time_zone"].choices = [("", of_tenant), *((zone, zone.replace("_", " ")) for zone in time_zones())]
        self.fields["language"].choices = [("", _("That of the browser")), *settings.LANGUAGES]
