"""Input of the pages: one user's backups, and tasks for many users."""

import datetime
import re

from django import forms
from django.core.exceptions import BadRequest, ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from accounts.submissions import OnceForm
from config.identifiers import text_key
from config.names import visible
from config.ui.formats import formats
from personalization.actions.tasks import EARLIEST, TYPED_ABOVE
from personalization.models import SettingsGroup, Verb

LINE_SHOWN = 100  # characters of a line that an error repeats
_GROUPED = re.compile("[0-9]+|[0-9]{1,3}(?:([.,'\N{RIGHT SINGLE QUOTATION MARK}\\s])[0-9]{3})(?:\\1[0-9]{3})*")


class LocalTimeField(forms.DateTimeField):
    """A time of the person's zone. When the clocks go back, an hour comes twice: then the first one is meant."""

    default_error_messages = {"no_such_time": _("There is no such time: the clocks go forward then.")}

    def to_python(self, value):
        try:
            return super().to_python(value)
        except ValidationError as error:
            if error.code != "ambiguous_timezone":
                raise
            with timezone.override(datetime.UTC):
                naive = super().to_python(value).replace(tzinfo=None)
            local = naive.replace(tzinfo=timezone.get_current_timezone())
            if local.astimezone(datetime.UTC).astimezone(local.tzinfo).replace(tzinfo=None) != naive:
                raise ValidationError(self.error_messages["no_such_time"], code="no_such_time") from error
            return local


class BackUpForm(OnceForm):
    """Which settings groups to back up, and an optional note."""

    profiles = forms.ModelMultipleChoiceField(
        label=_("Settings groups"), queryset=None, widget=forms.CheckboxSelectMultiple
    )
    comment = forms.CharField(
        label=_("Note"),
        required=False,
        max_length=500,
        help_text=_("Such as a ticket number. It is shown in the timeline."),
    )

    def __init__(self, *args, profiles, **kwargs):
        super().__init__(*args, **kwargs)
        field = self.fields["profiles"]
        field.queryset = profiles
        field.label_from_instance = lambda profile: profile.settings_group.name


class ProtectForm(forms.Form):
    """Until when: empty = for ever."""

    until = forms.DateField(
        label=_("Protect until"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text=_("Leave empty to protect it for ever."),
    )
    version = forms.IntegerField(widget=forms.HiddenInput)

    def clean_until(self):
        day = self.cleaned_data["until"]
        if day is None:
            return None
        if day <= timezone.localdate():
            raise ValidationError(_("Choose a day in the future."))
        return timezone.make_aware(datetime.datetime.combine(day, datetime.time.min))


class VersionForm(forms.Form):
    """The version of what the page showed: another one is answered with 409."""

    version = forms.IntegerField(widget=forms.HiddenInput)


def shown_version(request, current):
    """Return the version that the page of a post showed, or the current one for a page that is being opened.

    Raises BadRequest where a post brings none that can be read: no form of ours makes it.
    """
    if request.method != "POST":
        return current
    form = VersionForm(request.POST)
    if not form.is_valid():
        raise BadRequest("version missing")
    return form.cleaned_data["version"]


class TaskForm(forms.Form):
    """What to do and for whom: the first step of a task. Times are those of the person's zone."""

    verb = forms.ChoiceField(
        label=_("What to do"),
        choices=[choice for choice in Verb.choices if choice[0] != Verb.UNDO],
        widget=forms.RadioSelect,
        initial=Verb.CREATE_BACKUPS,
    )
    not_later_than = LocalTimeField(
        label=_("Not later than"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"],
        help_text=_("Each user gets the newest backup that was made before this time."),
    )
    age_days = forms.IntegerField(
        label=_("Older than (days)"),
        required=False,
        min_value=1,
        max_value=3650,
        help_text=_("Counted when the task runs."),
    )
    include_protected = forms.BooleanField(label=_("Delete protected backups too"), required=False)
    kinds = forms.MultipleChoiceField(
        label=_("All settings groups of"),
        required=False,
        choices=SettingsGroup.Kind.choices,
        widget=forms.CheckboxSelectMultiple,
    )
    settings_groups = forms.ModelMultipleChoiceField(
        label=_("Or only these"), required=False, queryset=None, widget=forms.CheckboxSelectMultiple
    )
    groups = forms.ModelMultipleChoiceField(
        label=_("Personalization groups"), required=False, queryset=None, widget=forms.CheckboxSelectMultiple
    )
    reported_groups = forms.ModelMultipleChoiceField(
        label=_("Directory groups"),
        required=False,
        queryset=None,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Known from the last logon of their members. A group appears when a member has signed in."),
    )
    users = forms.CharField(
        label=_("Named users"),
        required=False,
        max_length=200_000,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text=_("One DOMAIN\\name on a line, as many as you like."),
    )

    def __init__(self, *args, settings_groups, groups, reported_groups, users, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["settings_groups"].queryset = settings_groups
        self.fields["groups"].queryset = groups
        self.fields["reported_groups"].queryset = reported_groups
        self._users = users
        self.named_users = ()

    def clean_not_later_than(self):
        until = self.cleaned_data["not_later_than"]
        if until is not None and not EARLIEST <= until <= timezone.now():
            raise ValidationError(_("Choose a time between the year 2000 and now."))
        return until

    def clean_users(self):
        """Turn the lines into users of the person's groups; name each line that finds none."""
        lines = dict.fromkeys(line.strip() for line in self.cleaned_data["users"].splitlines() if line.strip())
        keys, wrong = {}, []
        for line in lines:
            domain, _backslash, name = line.partition("\\")
            if not name:
                wrong.append(line)
            else:
                keys[text_key(domain), text_key(name)] = line
        found = {
            (domain, name): pk
            for domain, name, pk in self._users.filter(
                name_key__in={name for _, name in keys}, domain_key__in={domain for domain, _ in keys}
            ).values_list("domain_key", "name_key", "pk")
        }
        wrong += [line for key, line in keys.items() if key not in found]
        if wrong:
            shown = ", ".join(_short(line) for line in wrong[:10]) + (" …" if len(wrong) > 10 else "")
            raise ValidationError(
                ngettext_lazy(
                    "%(count)s line names no user in your groups: %(lines)s",
                    "%(count)s lines name no user in your groups: %(lines)s",
                    "count",
                ),
                params={"count": len(wrong), "lines": shown},
            )
        self.named_users = tuple(found[key] for key in keys)
        return self.cleaned_data["users"]

    def clean(self):
        cleaned = super().clean()
        verb = cleaned.get("verb")
        if verb == Verb.RESTORE_NOT_LATER and self._is_missing("not_later_than"):
            self.add_error("not_later_than", _("Say up to which time."))
        if verb == Verb.DELETE_OLDER and self._is_missing("age_days"):
            self.add_error("age_days", _("Say how old."))
        if self._is_missing("kinds", "settings_groups"):
            self.add_error("kinds", _("Choose at least one kind or settings group."))
        if self._is_missing("groups", "reported_groups", "users"):
            self.add_error("groups", _("Choose at least one group or user."))
        return cleaned

    def _is_missing(self, *names):
        """Say whether none of these fields was filled in; one that is wrong has a message of its own."""
        return not any(name in self.errors or self.cleaned_data[name] for name in names)


def _short(line):
    return line if len(line) <= LINE_SHOWN else line[:LINE_SHOWN] + "…"


class TaskSubmitForm(OnceForm):
    """Name, time and, above 50 users, the count typed: the last step of a task."""

    DELAYS = (
        (0, _("Now")),
        (1, _("In 1 hour")),
        (2, _("In 2 hours")),
        (4, _("In 4 hours")),
        (8, _("In 8 hours")),
        (24, _("In 24 hours")),
    )

    name = forms.CharField(
        label=_("Name"),
        max_length=100,
        validators=[visible],
        help_text=_("Shown in the queue and in the audit trail."),
    )
    delay = forms.TypedChoiceField(label=_("Start"), choices=DELAYS, coerce=int, initial=0)
    typed = forms.CharField(
        label=_("Number of users"),
        required=False,
        max_length=30,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )

    def __init__(self, *args, count, **kwargs):
        super().__init__(*args, **kwargs)
        self._count = count
        if count <= TYPED_ABOVE:
            del self.fields["typed"]
        else:
            self.fields["typed"].required = True
            self.fields["typed"].help_text = _("This touches %(count)s users. Type the number to go on.") % {
                "count": formats().integer(count)
            }

    def clean_typed(self):
        """Take the number bare or with its thousands grouped, as the page shows it in some language."""
        typed = self.cleaned_data["typed"]
        digits = re.sub("[^0-9]", "", typed) if _GROUPED.fullmatch(typed) else ""
        if digits.lstrip("0") != str(self._count):
            raise ValidationError(_("Type %(count)s to go on."), params={"count": formats().integer(self._count)})
        return self._count
