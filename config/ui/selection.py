"""What a person has selected in a list: some rows, or all that match the filter, with the number they were told."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.exceptions import BadRequest, ValidationError
from django.utils.translation import gettext

from config.errors import Conflict, Refused
from config.ui.formats import formats
from config.ui.lists import filtered

MOST_ROWS = 1000  # boxes on one page; more is "all matching"


@dataclass(frozen=True)
class Selection:
    """The selected rows, already limited to what the person may see.

    hidden: (name, value) pairs that a confirmation form carries so that the next post means the same rows.
    """

    queryset: Any
    count: int
    is_all: bool
    hidden: tuple[tuple[str, str], ...]


def read_selection(request, listing_class, queryset):
    """Return the Selection that a bulk button posted.

    "All matching" runs the list's filter again on the server. The number of rows is frozen by the confirmation: if a
    later post finds another number, rows came or went in between, and Conflict (409) is raised with both numbers.
    Raises Refused (422) where nothing is selected, and BadRequest for posts that no form of ours makes.
    """
    posted = request.POST
    if posted.get("all"):
        chosen = filtered(request, listing_class, queryset, posted.get("query", ""))
        if chosen is None:
            raise BadRequest("bad filter")
        hidden = [("all", "1"), ("query", posted.get("query", ""))]
        count = chosen.order_by().count()
        expected = posted.get("expected")
    else:
        ids = list(dict.fromkeys(posted.getlist("pk")))
        if len(ids) > MOST_ROWS:
            raise BadRequest("too many rows")
        try:
            chosen = queryset.filter(pk__in=ids)
            count = chosen.order_by().count()
        except (ValidationError, ValueError, TypeError, OverflowError) as error:
            raise BadRequest("bad id") from error
        hidden = [("pk", value) for value in ids]
        expected = posted.get("expected") or len(ids)
    if expected is not None and str(expected) != str(count):
        raise _changed(expected, count)
    if not count:
        raise Refused(gettext("Nothing is selected. Select at least one row."), code="nothing-selected")
    return Selection(chosen, count, bool(posted.get("all")), (*hidden, ("expected", str(count))))


def _changed(expected, count):
    if not str(expected).isdecimal():
        return BadRequest("bad count")
    words = formats()
    return Conflict(
        gettext("The selection has changed since you made it. Nothing was done; select the rows again."),
        code="selection-changed",
        changes=[(gettext("Selected rows"), words.integer(int(str(expected)[:12])), words.integer(count))],
    )


def write_versions(versions: Mapping[UUID, int]) -> str:
    """Return what a page showed of rows, {id: version}, as the text of one hidden field (see `read_versions`)."""
    return ",".join(f"{pk}:{version}" for pk, version in versions.items())


def read_versions(text: str) -> dict[UUID, int]:
    """Return {id: version} of a posted field that `write_versions` wrote; raises BadRequest for any other text."""
    pairs = (pair.partition(":") for pair in text.split(","))
    try:
        return {UUID(pk): int(version) for pk, _colon, version in pairs}
    except ValueError as error:
        raise BadRequest("versions missing") from error
