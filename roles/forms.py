"""Input of User Roles: which role, in which groups; the filter of the list; the question "Why can X do Y?"."""

from uuid import UUID

from django import forms
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from accounts.submissions import OnceForm
from config.ui.forms import RefusableForm
from roles.catalogue import PERMISSION_TEXTS, ROLE_TEXTS, Role


def _role_choices():
    for role in Role:
        yield role.value, format_html("<span><strong>{}</strong><small>{}</small></span>", role.label, ROLE_TEXTS[role])


class EntryForm(RefusableForm):
    """Role and groups of an entry. `scopes` are the personalization groups to choose from."""

    role = forms.ChoiceField(
        label=_("Role"),
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose a role.")},
    )
    groups = forms.TypedMultipleChoiceField(
        label=_("Assigned groups"),
        help_text=_("The role counts in these personalization groups only."),
        coerce=UUID,
        widget=forms.CheckboxSelectMultiple,
        error_messages={
            "required": _("Choose at least one group for this role."),
            "invalid_choice": _("One of the groups does not exist any more."),
        },
    )

    def __init__(self, *args, scopes, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["role"].choices = list(_role_choices())
        self.fields["groups"].choices = [(str(scope.pk), scope.name) for scope in scopes]

    def clean(self):
        """Leave the groups out for a Primary Administrator: without a script their boxes cannot be hidden."""
        cleaned = super().clean()
        if cleaned.get("role") == Role.PRIMARY_ADMIN:
            self.errors.pop("groups", None)
            cleaned["groups"] = []
        return cleaned


class AddForm(OnceForm, EntryForm):
    """A new entry for the subject chosen before."""

    subject = forms.CharField(widget=forms.HiddenInput, max_length=200)


class EditForm(EntryForm):
    """A changed entry; `version` is that of the entry that the form shows."""

    version = forms.IntegerField(widget=forms.HiddenInput, min_value=1)


class EntryFilter(forms.Form):
    """Filter of the list, by leading characters as people expect of User Roles (UM-36)."""

    q = forms.CharField(
        label=_("Name begins with"),
        required=False,
        max_length=100,
        widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off", "spellcheck": "false"}),
    )
    kind = forms.ChoiceField(
        label=_("Kind"),
        required=False,
        choices=[("", _("People and groups")), ("person", _("People")), ("group", _("Groups"))],
    )
    role = forms.ChoiceField(label=_("Role"), required=False, choices=[("", _("Any role")), *Role.choices])


class QuestionForm(forms.Form):
    """What somebody may do, and in which group."""

    permission = forms.ChoiceField(label=_("May this person …"), choices=list(PERMISSION_TEXTS.items()))
    group = forms.TypedChoiceField(label=_("… in the group"), coerce=UUID, empty_value=None, required=False)

    def __init__(self, *args, scopes, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["group"].choices = [("", _("Any group")), *((str(scope.pk), scope.name) for scope in scopes)]
