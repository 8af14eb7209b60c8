"""The one way to show a list: filter, sort, pages by keyset, row links and actions, selection and bulk actions.

A list reads its rows with one query and their (limited) number with another, whatever their number.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any
from urllib.parse import quote
from uuid import UUID

from django.core.exceptions import EmptyResultSet
from django.db import connections
from django.http import QueryDict
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext, gettext_lazy, ngettext_lazy
from markupsafe import Markup

from config.ui import keyset
from config.ui.cells import Column, Pattern, macro, stand_in, writer
from config.ui.formats import formats
from config.ui.responses import fragment, page

__all__ = ["BulkAction", "Column", "Listing", "RowAction", "filtered", "list_page"]

COUNT_LIMIT = 10_000
MOST_SHARES = 200  # beyond, a page of each is as dear to sort as what there is
_STAND_INS = {UUID: UUID(int=2**128 - 1), int: 2**31 - 1}


@dataclass(frozen=True)
class RowAction:
    """An icon button of every row. `shown(row)` leaves it out of single rows, which keep its room empty so that icons line
    up; `permission` leaves it out of the whole list.

    method "get" follows the address (in the dialog when `dialog`), "post" posts to it.
    """

    name: str
    label: Any
    url_name: str
    icon: str
    dialog: bool = True
    method: str = "get"
    danger: bool = False
    permission: str | None = None
    shown: Callable[[Any], bool] | None = None


@dataclass(frozen=True)
class BulkAction:
    """A button of the bar that appears with a selection; it posts the selection (see config.ui.selection).

    `allows(row)` tells which rows take it: a script offers the button only while every selected row does. What asks
    without a script, and "all matching", is refused by the action itself.
    """

    name: str
    label: Any
    url_name: str
    icon: str
    danger: bool = False
    permission: str | None = None
    allows: Callable[[Any], bool] | None = None


class Listing:
    """Declares a list by its class attributes; one instance is one page of it, which templates know as `listing`."""

    name: str  # DOM id `list-<name>`; the event `<name>-changed` reloads it
    caption: Any
    columns: Sequence[Column] = ()
    fields: Sequence[str] = ()
    default_sort: str
    page_size = 50
    paging = "pages"  # "time": Newer / Older
    counted: Any = ngettext_lazy("%(shown)s row", "%(shown)s rows", "count")
    filterset: Any = None  # a django_filters.FilterSet
    form_class: Any = None  # or a form with `filter()` below
    row_url = ""
    row_kwarg = "pk"
    row_target = "pk"  # the field that `row_url` gets; row actions always get the row's own key
    row_label = ""
    row_actions: Sequence[RowAction] = ()
    bulk_actions: Sequence[BulkAction] = ()
    bulk_menu = False  # the bulk actions stand behind an ellipsis instead of side by side
    empty_title: Any = gettext_lazy("Nothing here yet")
    empty_text: Any = ""
    empty_icon = "inbox"

    def __init__(self, request, queryset):
        self.request = request
        self.path = request.path
        self.id = f"list-{self.name}"
        self.event = f"{self.name}-changed"
        self.params = request.GET.copy()
        self.cursors = {way: self.params.pop(way)[-1] for way in ("after", "before") if way in self.params}
        self.order = self._order(self.params.pop("sort", [""])[-1])
        for key in [key for key, values in self.params.lists() if not any(values)]:
            del self.params[key]
        self.form, self.queryset, self.invalid = self._filtered(queryset, self.params)
        self._read()

    # --- what subclasses may change --------------------------------------------------------------------------------
    def filter(self, queryset, cleaned):
        """Return the rows that match the cleaned data of `form_class`."""
        return queryset

    def make_form(self, data):
        """Return the bound `form_class`; override to hand it what its choices need."""
        return self.form_class(data)

    def shown_columns(self):
        """Return the columns; override to leave some out for this person."""
        return self.columns

    def shares(self):
        """Return (field, values) of what the rows are limited to, such as the groups of this person, or None.

        An index gives the rows of one value in order, but not those of several: the page then takes as many rows as it
        shows of each value and sorts those, instead of all.
        """
        return None

    def url_kwargs(self):
        """Return the URL arguments that addresses of rows and bulk actions share with this page."""
        given = self.request.resolver_match.kwargs if self.request.resolver_match else {}
        return {"tenant": given["tenant"]} if "tenant" in given else {}

    # --- reading ---------------------------------------------------------------------------------------------------
    def _order(self, param):
        by_key = {column.key: column for column in self.shown_columns() if column.sort_fields}
        if param.removeprefix("-") not in by_key:
            param = self.default_sort
        column, falling = by_key[param.removeprefix("-")], param.startswith("-")
        fields = (falling and tuple(column.sort_down)) or column.sort_fields
        return keyset.Order(column.key, fields, falling, column.nulls)

    def _filtered(self, queryset, params):
        if self.filterset:
            chosen = self.filterset(params, queryset=queryset, request=self.request)
            return chosen.form, (chosen.qs if chosen.is_valid() else queryset.none()), not chosen.is_valid()
        if self.form_class:
            form = self.make_form(params)
            valid = form.is_valid()
            return form, (self.filter(queryset, form.cleaned_data) if valid else queryset.none()), not valid
        return None, queryset, False

    def _read(self):
        backward = "before" in self.cursors
        queryset = self.queryset
        if len(self.cursors) > 1:
            raise keyset.BadCursor("a page lies after or before, not both")
        for cursor in self.cursors.values():
            values = keyset.decode(cursor, self.order, queryset)
            queryset = keyset.beyond(queryset, self.order, values, backward=backward)
        wanted = dict.fromkeys(["pk", *self.order.names, *self.fields, self.row_target])
        for column in self.shown_columns():
            wanted.update(dict.fromkeys(column.read))
        queryset = self._shared(queryset, backward)
        rows = keyset.ordered(queryset, self.order, backward=backward).values_list(*wanted, named=True)
        found = list(rows[: self.page_size + 1])
        more = len(found) > self.page_size
        self.records = found[: self.page_size][:: -1 if backward else 1]
        self.count = _limited_count(self.queryset)
        ends = dict(zip(("before", "after"), (self.records[:1], self.records[-1:]), strict=True))
        has = {"before": more if backward else "after" in self.cursors, "after": backward or more}
        self.previous_url, self.next_url = (
            self.address(**{way: self._cursor(ends[way][0])}) if has[way] and ends[way] else None
            for way in ("before", "after")
        )

    def _shared(self, queryset, backward):
        field, values = self.shares() or ("", ())
        if not 1 < len(values) <= MOST_SHARES:
            return queryset
        return keyset.of_shares(queryset, self.order, field, values, self.page_size + 1, backward=backward)

    def _cursor(self, row):
        return keyset.encode(self.order, [getattr(row, name) for name in self.order.fields])

    # --- addresses and words ---------------------------------------------------------------------------------------
    def address(self, *, sort=None, **params):
        """Return this page's address with its filter, in the given order, at the given cursor."""
        query = self.params.copy()
        if (order := sort or self.order.param) != self.default_sort:
            query["sort"] = order
        query.update(params)
        return f"{self.path}?{query.urlencode()}" if query else self.path

    @property
    def here(self):
        """The address of what is shown now; the list reloads itself from it."""
        return self.address(**self.cursors)

    @property
    def query(self):
        """The filter as a query string, for "all matching"."""
        return self.params.urlencode()

    @property
    def is_filtered(self):
        """Whether a filter is set."""
        return bool(self.params)

    @property
    def sort_param(self):
        """The order for the filter form, empty when it is the usual one."""
        return "" if self.order.param == self.default_sort else self.order.param

    @cached_property
    def shown_count(self):
        """The number of matching rows as text: "412", "10,000+"."""
        words = formats()
        return words.integer(self.count) if self.count <= COUNT_LIMIT else words.integer(COUNT_LIMIT) + "+"

    @cached_property
    def count_text(self):
        """The number of matching rows as a sentence part: "412 users"."""
        return self.counted % {"count": self.count, "shown": self.shown_count}

    @property
    def paging_labels(self):
        """The words of the two paging links."""
        return (gettext("Newer"), gettext("Older")) if self.paging == "time" else (gettext("Previous"), gettext("Next"))

    def headers(self):
        """Return (label, css class, aria-sort or None, sort address or None, key, hidden) of every column."""
        heads = []
        for column in self.shown_columns():
            state = link = None
            if column.sort_fields:
                current = column.key == self.order.key
                state = ("descending" if self.order.descending else "ascending") if current else None
                falls = not self.order.descending if current else self.default_sort == f"-{column.key}"
                link = self.address(sort=f"-{column.key}" if falls else column.key)
            heads.append((column.label, column.css, state, link, column.key, column.hidden_label))
        return heads

    # --- rows ------------------------------------------------------------------------------------------------------
    def _may(self, action):
        return action.permission is None or self.request.rights.may(action.permission)

    def _row_address(self, url_name, slot="key"):
        """Return the address of a row as a pattern's markup: resolved once a page, the slot filled in per row."""
        sample = self.records[0].pk if slot == "key" else getattr(self.records[0], self.row_target)
        key = _STAND_INS.get(type(sample), stand_in(slot))
        address = reverse(url_name, kwargs={**self.url_kwargs(), self.row_kwarg: key})
        return address.replace(str(key), stand_in(slot))

    @cached_property
    def actions(self):
        """The row actions that this person may use."""
        return [action for action in self.row_actions if self._may(action)]

    @cached_property
    def bulk(self):
        """The bulk actions that this person may use, with their addresses."""
        shared = self.url_kwargs()
        return [(each, reverse(each.url_name, kwargs=shared)) for each in self.bulk_actions if self._may(each)]

    def body(self):
        """Return the rows of the table as markup.

        The macro `list_row` writes one row with stand-ins, and every row is that text filled in: an eighth of the time
        of calling the macro per row.
        """
        if not self.records:
            return ""
        columns, records = self.shown_columns(), self.records
        index = {name: place for place, name in enumerate(records[0]._fields)}
        pattern, sometimes = self._row_pattern(columns)
        name, target = index[self.row_label or columns[0].read[0]], index[self.row_target]
        cells = {"key": self._keys(0), "name": [escape(str(row[name])) for row in records]}
        cells["target"] = self._keys(target) if target else cells["key"]
        now = timezone.now()
        for place, column in enumerate(columns):
            write, at = writer(column, now), index[column.read[0]]
            cells[f"cell{place}"] = [write(row[at], row) for row in records]
        for slot, shown, button in sometimes:
            cells[slot] = self._offered(shown, button.fill(cells))
        limited = [action for action, _address in self.bulk if action.allows]
        if limited:
            cells["allows"] = [" ".join([each.name for each in limited if each.allows(row)]) for row in records]
        return Markup("".join(pattern.fill(cells)))

    def _keys(self, place):
        """Return the keys at this place of the rows as they stand in an address."""
        if isinstance(self.records[0][place], UUID | int):
            return [str(row[place]) for row in self.records]
        return [quote(str(row[place]), safe="") for row in self.records]

    def _offered(self, shown, buttons):
        """Return the buttons of an action that not every row has. Where a row lacks it there is room, so that icons line
        up; nothing where no row of the page has it."""
        has = [shown(row) for row in self.records]
        otherwise = macro("row_gap") if any(has) else ""
        return [button if there else otherwise for button, there in zip(buttons, has, strict=True)]

    def _row_pattern(self, columns):
        """Return the Pattern of a row, and (slot, shown, Pattern) of the actions that only some rows have."""
        slots = ("key", "name", "target", "allows")
        sometimes, buttons = [], []
        for place, action in enumerate(self.actions):
            address = self._row_address(action.url_name)
            button = macro(
                "row_action",
                str(action.label),
                action.icon,
                address,
                stand_in("name"),
                action.dialog,
                action.method,
                action.danger,
                f"{self.id}-row",
            )
            if action.shown:
                sometimes.append((f"action{place}", action.shown, Pattern(button, slots)))
                button = stand_in(f"action{place}")
            buttons.append(button)
        filled = [*slots, *(f"cell{place}" for place in range(len(columns))), *(slot for slot, *_ in sometimes)]
        row = macro(
            "list_row",
            self._row_address(self.row_url, "target") if self.row_url else None,
            tuple(column.css for column in columns),
            Markup("").join(buttons) if buttons else None,
            f"{self.id}-bulk" if self.bulk else None,
            any(action.allows for action, _address in self.bulk),
        )
        return Pattern(row, filled), sometimes


def _limited_count(queryset):
    """Return the number of rows, COUNT_LIMIT + 1 where there are more. Said in SQL: Django copies the query to count it."""
    try:
        rows, params = queryset.order_by().values("pk")[: COUNT_LIMIT + 1].query.sql_with_params()
    except EmptyResultSet:
        return 0
    with connections[queryset.db].cursor() as cursor:
        cursor.execute(f"SELECT COUNT(*) FROM ({rows}) found", params)
        return cursor.fetchone()[0]


def list_page(request, listing_class, queryset, template, context=None):
    """Answer with a page of the list, or with the list alone where htmx swaps it.

    `template` includes "ui/list.html". Raises BadCursor (400) for a cursor that no link of ours makes.
    A filter that does not validate answers 422 with the errors and no rows.
    """
    listing = listing_class(request, queryset)
    status = 422 if listing.invalid else 200
    if request.htmx.target == listing.id:
        return fragment(request, "ui/list.html", "table", {"listing": listing}, status=status)
    return page(request, template, {**(context or {}), "listing": listing}, status=status)


def filtered(request, listing_class, queryset, query=None):
    """Return the rows that the list's filter leaves, unordered; None when the filter does not validate.

    query: the filter as a query string, by default that of the request's address.
    """
    listing = listing_class.__new__(listing_class)
    listing.request = request
    params = QueryDict(query, mutable=True) if query is not None else request.GET.copy()
    for key in ("after", "before", "sort"):
        params.pop(key, None)
    _, rows, invalid = listing._filtered(queryset, params)
    return None if invalid else rows
