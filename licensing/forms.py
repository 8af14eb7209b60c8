"""Input of licensing."""

import re

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from config.ui.forms import RefusableForm
from licensing.models import ADMIN_ROLE, USER_ROLE

SEARCH = forms.TextInput(attrs={"type": "search", "autocomplete": "off", "spellcheck": "false"})
_BETWEEN = re.compile(r"[\s,;]+")
# "Ida Ilg <ida@acme.test>", as mail programs copy it; the name may stand in quotes with a comma in it
_NAMED = re.compile(r'(^|[,;])\s*(?:"[^"\n]*"|[^<>,;@"\n])*<([^<>\s@]+@[^<>\s@]+)>', re.MULTILINE)


def split_addresses(text: str) -> list[str]:
    """Return what stands between line ends, spaces, commas and semicolons: nothing of an address holds one of those.

    Of "Ida Ilg <ida@acme.test>", as mail programs copy it, the address alone is left.
    """
    return [part for part in _BETWEEN.split(_NAMED.sub(r"\1 \2 ", text)) if part]


class MemberFilterForm(forms.Form):
    """Any part of first name, last name or address (LG-38)."""

    q = forms.CharField(label=_("Name or email"), required=False, max_length=160, widget=SEARCH)


YES, NO, MIXED = "yes", "no", "mixed"


class RoleSelect(forms.RadioSelect):
    """The states of one role; `is_locked` greys out what the group owner must not lose (LG-20)."""

    is_locked = False

    def create_option(self, name, value, *args, **kwargs):
        option = super().create_option(name, value, *args, **kwargs)
        if self.is_locked and value == NO:
            option["attrs"]["disabled"] = True
        return option


class RolesForm(RefusableForm):
    """One role set for `total` members, of whom `users` and `admins` hold the roles (LG-77 to LG-85).

    Each role has an explicit value; "mixed" is offered while some but not all hold it, and cannot be saved. With the
    owner among them Admin stands at "everybody" (LG-E2). Cleaned data: is_user and is_admin as booleans.
    """

    is_user = forms.ChoiceField(label=USER_ROLE, widget=RoleSelect)
    is_admin = forms.ChoiceField(label=ADMIN_ROLE, widget=RoleSelect)

    def __init__(self, data=None, *, total: int, users: int, admins: int, has_owner: bool):
        super().__init__(data)
        for name, holders in (("is_user", users), ("is_admin", admins)):
            self._prepare(self.fields[name], holders, total)
        self.initial = {"is_user": _state(users, total), "is_admin": _state(admins, total)}
        if has_owner:
            self._lock_admin(admins, total)

    @staticmethod
    def _prepare(field, holders, total):
        numbers = {"count": holders, "total": total}
        field.choices = [(YES, _("Everybody")), (NO, _("Nobody"))] if total > 1 else [(YES, _("Yes")), (NO, _("No"))]
        if 0 < holders < total:
            field.choices += [(MIXED, gettext("Mixed, as now: %(count)s of %(total)s") % numbers)]
            field.help_text = gettext("%(count)s of %(total)s hold it now. Choose for all of them.") % numbers
        field.error_messages["required"] = field.error_messages["mixed"] = _(
            "Choose: everybody or nobody. Mixed cannot be saved."
        )
        field.error_messages["invalid_choice"] = _("Choose one of the values offered.")

    def _lock_admin(self, admins, total):
        field = self.fields["is_admin"]
        field.widget.is_locked = True
        field.choices = [choice for choice in field.choices if choice[0] != MIXED]
        field.help_text = gettext("The group owner stays Admin.")
        if admins < total:
            field.help_text += " " + gettext("So everybody selected becomes Admin.")
        self.initial["is_admin"] = YES

    def clean_is_user(self):
        return self._decided("is_user")

    def clean_is_admin(self):
        return self._decided("is_admin")

    def _decided(self, name):
        value = self.cleaned_data[name]
        if value == MIXED:
            raise forms.ValidationError(self.fields[name].error_messages["mixed"], code="mixed")
        return value == YES


def _state(holders, total):
    return YES if holders == total else MIXED if holders else NO


class BlockFilterForm(forms.Form):
    """Any part of the address, or of the name where the account is known (LG-125)."""

    q = forms.CharField(label=_("Name or email"), required=False, max_length=160, widget=SEARCH)
