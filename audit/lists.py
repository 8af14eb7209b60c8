"""The list of events and its filters."""

import datetime

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from audit.models import Channel, Outcome
from audit.texts import describe, kind_name, verbs
from config.identifiers import text_key
from config.ui.lists import Column, Listing

# Days of every calendar on the way: midnight of them exists in each zone, and the day after the last one too.
FIRST_DAY, LAST_DAY = datetime.date(1970, 1, 1), datetime.date(2999, 12, 31)


def _check_day(day):
    if not FIRST_DAY <= day <= LAST_DAY:
        raise ValidationError(
            _("Choose a day between %(first)s and %(last)s."),
            code="day-out-of-range",
            params={"first": date_format(FIRST_DAY), "last": date_format(LAST_DAY)},
        )


def _day_field(label):
    limits = {"min": FIRST_DAY.isoformat(), "max": LAST_DAY.isoformat()}
    widget = forms.DateInput(attrs={"type": "date", **limits})
    return forms.DateField(label=label, required=False, widget=widget, validators=[_check_day])


class EventFilterForm(forms.Form):
    """Filters are AND (AC-AUD-3). Days are those of the reader's zone."""

    since = _day_field(_("From"))
    until = _day_field(_("To"))
    actor = forms.CharField(label=_("Actioned by"), required=False, max_length=200)
    verb = forms.ChoiceField(label=_("Type"), required=False)
    channel = forms.ChoiceField(label=_("Source"), required=False, choices=[("", _("All")), *Channel.choices])
    outcome = forms.ChoiceField(label=_("Status"), required=False, choices=[("", _("All")), *Outcome.choices])
    subject = forms.UUIDField(required=False, widget=forms.HiddenInput)
    task = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["verb"].choices = [("", _("All")), *verbs()]

    def clean(self):
        cleaned = super().clean()
        if cleaned.get("since") and cleaned.get("until") and cleaned["since"] > cleaned["until"]:
            self.add_error("until", _("The last day lies before the first."))
        return cleaned


def _midnight(day):
    return timezone.make_aware(datetime.datetime.combine(day, datetime.time.min))


OUTCOMES = {
    Outcome.OK: ("ok", Outcome.OK.label),
    Outcome.WARNING: ("warning", Outcome.WARNING.label),
    Outcome.REFUSED: ("warning", Outcome.REFUSED.label),
    Outcome.FAILED: ("error", Outcome.FAILED.label),
}


class EventList(Listing):
    """Events the reader may see, newest first."""

    name = "events"
    caption = _("Events")
    counted = ngettext_lazy("%(shown)s event", "%(shown)s events", "count")
    columns = (
        Column("at", _("Date"), kind="time", sort=("id",)),
        Column("actor", _("Actioned by"), fields=("labels",), cell=lambda labels, row: labels.get("actor", "…")),
        Column("channel", _("Source"), cell=lambda value, row: Channel(value).label),
        Column("verb", _("Type"), cell=lambda value, row: kind_name(value)),
        Column("outcome", _("Status"), kind="status", choices=OUTCOMES),
        Column(
            "description",
            _("Description"),
            fields=("labels",),
            cell=lambda labels, row: describe(row.verb, labels, row.count),
        ),
    )
    fields = ("verb", "count")
    default_sort = "-at"
    paging = "time"
    form_class = EventFilterForm
    row_url = "audit:event"
    row_label = "verb"
    empty_title = _("No events")
    empty_text = _("Everything that people and tasks change is listed here.")
    empty_icon = "clipboard-document-list"

    def filter(self, queryset, cleaned):
        if cleaned["since"]:
            queryset = queryset.filter(at__gte=_midnight(cleaned["since"]))
        if cleaned["until"]:
            queryset = queryset.filter(at__lt=_midnight(cleaned["until"] + datetime.timedelta(days=1)))
        if key := text_key(cleaned["actor"]):
            queryset = queryset.filter(actor_key__prefix=key)
        same = {"verb": "verb", "channel": "channel", "outcome": "outcome", "subject": "subject_id", "task": "task_id"}
        return queryset.filter(**{column: cleaned[name] for name, column in same.items() if cleaned[name]})
