"""Input of a license group's settings, and of the platform operator's pages."""

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.addresses import LONGEST
from config.names import visible
from config.ui.forms import RefusableForm
from licensing.models import Billing, LicenseGroup


class GroupSettingsForm(RefusableForm):
    """Name and switches of a group (LG-159, LG-163); `version` is that of the group as the form shows it."""

    name = forms.CharField(label=_("Name"), max_length=100, validators=[visible])
    auto_assign_users = forms.BooleanField(
        label=_("Auto-assign users"),
        help_text=_("Whoever signs in with an address of the validated domain becomes User while licences are free."),
        required=False,
    )
    auto_assign_devices = forms.BooleanField(
        label=_("Auto-assign devices"),
        help_text=_("Members of the group enrol the device they stand at."),
        required=False,
    )
    tells_blocked = forms.BooleanField(
        label=_("Tell people by mail when their role User was blocked"),
        help_text=_("The mail is neutral: it names the group and no reason."),
        required=False,
    )
    version = forms.IntegerField(widget=forms.HiddenInput, min_value=1)


def settings_of(group: LicenseGroup) -> dict:
    """Return what the settings form shows of a group."""
    return {
        "name": group.name,
        "auto_assign_users": group.auto_assign_users,
        "auto_assign_devices": group.auto_assign_devices,
        "tells_blocked": group.tells_blocked,
        "version": group.version,
    }


class DomainForm(RefusableForm):
    """The group's mail domain, and where the link goes that proves it (LG-160, LG-161)."""

    domain = forms.CharField(
        label=_("Mail domain"),
        max_length=LONGEST,
        widget=forms.TextInput(attrs={"placeholder": "example.com", "autocapitalize": "none", "spellcheck": "false"}),
    )
    address = forms.CharField(
        label=_("Address in this domain"),
        help_text=_("It gets a link that proves the domain. Your own domain needs none: it counts at once."),
        required=False,
        max_length=LONGEST,
        widget=forms.TextInput(attrs={"inputmode": "email", "autocapitalize": "none", "spellcheck": "false"}),
    )


_DAY_AND_TIME = "%Y-%m-%dT%H:%M"


class PurchaseForm(RefusableForm):
    """What was bought; the operator's pages have no organisation and show times in UTC."""

    plan = forms.CharField(label=_("Plan"), max_length=60, initial="Standard")
    seats = forms.IntegerField(
        label=_("Licences"),
        help_text=_("Their number changes in steps of five, and never below the number in use."),
        min_value=0,
        max_value=1_000_000,
        initial=50,
    )
    billing = forms.ChoiceField(label=_("Billing"), choices=Billing.choices)
    frequency = forms.ChoiceField(
        label=_("Billing frequency"), choices=LicenseGroup._meta.get_field("frequency").choices, initial="yearly"
    )
    expires_at = forms.DateTimeField(
        label=_("Expires (UTC)"),
        help_text=_("Empty: the licence does not expire."),
        required=False,
        input_formats=[_DAY_AND_TIME, "%Y-%m-%d %H:%M", "%Y-%m-%d"],
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format=_DAY_AND_TIME),
    )


class NewGroupForm(PurchaseForm):
    """A purchase and who owns it; `submission` becomes the new group's key, so that sending twice makes one."""

    owner = forms.CharField(
        label=_("Owner"),
        help_text=_("Proven e-mail address or login of an active member of the organisation."),
        max_length=LONGEST,
        widget=forms.TextInput(attrs={"autocapitalize": "none", "spellcheck": "false"}),
    )
    name = forms.CharField(
        label=_("Name"),
        help_text=_("Empty: the domain of the owner's address."),
        required=False,
        max_length=100,
        validators=[visible],
    )
    submission = forms.UUIDField(widget=forms.HiddenInput)
    field_order = ("owner", "name")


class ChangePurchaseForm(PurchaseForm):
    """A changed purchase; `version` is that of the group as the form shows it."""

    version = forms.IntegerField(widget=forms.HiddenInput, min_value=1)


class TransferForm(RefusableForm):
    """Who owns the group from now on (LG-22)."""

    member = forms.CharField(
        label=_("New owner"),
        help_text=_("E-mail address of an active member of this license group."),
        max_length=LONGEST,
        widget=forms.TextInput(attrs={"inputmode": "email", "autocapitalize": "none", "spellcheck": "false"}),
    )
    version = forms.IntegerField(widget=forms.HiddenInput, min_value=1)


class TenantForm(RefusableForm):
    """The organisation that gets a license group, by its short name."""

    organisation = forms.CharField(
        label=_("Organisation"),
        help_text=_("Its short name, as in addresses."),
        max_length=40,
        widget=forms.TextInput(attrs={"list": "organisations", "autocapitalize": "none", "spellcheck": "false"}),
    )
