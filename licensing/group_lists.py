"""Lists of license groups: those that a person administers, and the platform operator's of all organisations."""

from django import forms
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, ngettext_lazy
from django.utils.translation import gettext_lazy as _
from markupsafe import Markup

from config.identifiers import text_key
from config.ui.cells import NONE, macro
from config.ui.formats import formats
from config.ui.lists import Column, Listing


class GroupFilterForm(forms.Form):
    """Any part of a group's name."""

    q = forms.CharField(label=_("Name"), required=False, max_length=100)


class OperatorFilterForm(forms.Form):
    """Any part of a group's name, or of an organisation's short name."""

    q = forms.CharField(label=_("Name, or short name of the organisation"), required=False, max_length=100)


def _expiry(value, row):
    """Return the day on which the licence ends, or that it has."""
    if value is None:
        return Markup(NONE)
    if value <= timezone.now():
        return Markup("{} {}").format(macro("status", "error", gettext("Expired")), formats().date(value))
    return formats().date(value)


class LicenseGroupList(Listing):
    """License groups in which the person is Admin, to choose one (LG-26)."""

    name = "license-groups"
    caption = _("License Groups")
    counted = ngettext_lazy("%(shown)s license group", "%(shown)s license groups", "count")
    columns = (
        Column("name", _("Name"), sort=("name_key",)),
        Column("plan", _("Plan"), sort=True),
        Column("usage", _("In use / total"), kind="progress", fields=("used", "seats"), sort=("used",)),
        Column("expires_at", _("Expires"), kind="date", cell=_expiry),
    )
    default_sort = "name"
    form_class = GroupFilterForm
    row_url = "licensing:group"
    row_kwarg = "group"
    empty_title = _("No license group")
    empty_text = _("Whoever is Admin of a license group finds it here.")
    empty_icon = "ticket"

    def filter(self, queryset, cleaned):
        typed = text_key(cleaned["q"])
        return queryset.filter(name_key__contains=typed) if typed else queryset


def _linked(name, row):
    """Return the group's name as a link to the operator's page of it: the address names the organisation, too."""
    url = reverse("operator:license-group", args=[row.tenant__slug, row.pk])
    return Markup('<a href="{}">{}</a>').format(url, name)


class OperatorGroupList(Listing):
    """License groups of all organisations, for the platform operator; `owner_address` is annotated by the view."""

    name = "operator-license-groups"
    caption = _("License groups of all organisations")
    counted = ngettext_lazy("%(shown)s license group", "%(shown)s license groups", "count")
    columns = (
        Column("name", _("License group"), sort=("name_key",), cell=_linked),
        Column("tenant", _("Organisation"), fields=("tenant__name",), sort=("tenant__slug",)),
        Column("plan", _("Plan"), sort=True),
        Column("usage", _("In use / total"), kind="progress", fields=("used", "seats"), sort=("used",)),
        Column("expires_at", _("Expires"), kind="date", cell=_expiry),
        Column("owner", _("Owner"), fields=("owner_address",)),
    )
    fields = ("tenant__slug",)
    default_sort = "tenant"
    form_class = OperatorFilterForm
    row_label = "name"
    empty_title = _("No license group yet")
    empty_text = _("Choose an organisation above and add its first license group.")
    empty_icon = "ticket"

    def filter(self, queryset, cleaned):
        typed = text_key(cleaned["q"])
        if not typed:
            return queryset
        return queryset.filter(Q(name_key__contains=typed) | Q(tenant__slug__contains=typed))
