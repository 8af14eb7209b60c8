"""B9: writing the list of users from rows that are there, beside Django's templates and an f-string."""

from __future__ import annotations

import platform
import re
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from html import escape
from typing import Any

from django.template import engines
from django.utils import timezone

from accounts.models import Tenant
from benchmarks import baseline
from benchmarks.fixtures import Bench, member, sign_in
from benchmarks.frame import Ratio, Result, at_least, at_most, benchmark, race
from benchmarks.read import instructions
from benchmarks.read.lists import page_size
from config.tenancy import tenant_context
from config.ui.formats import formats
from config.ui.responses import fragment
from config.ui.responses import page as whole_page
from personalization.access import visible_users
from personalization.history import with_data
from personalization.lists import ManagedUserList

ROWS = 100
TEMPLATE = "personalization/user_list.html"
_CHANGING = re.compile(r'(name="csrfmiddlewaretoken" value="|X-CSRFToken": ")\w+|(?<=>)[^<]*(?=</time>)')
_BODY = re.compile(r"<tbody>.*</tbody>", re.DOTALL)


@dataclass(slots=True)
class Screen:
    """A request with its list read: what is left is to write it. `frame` is the page around the rows, as it came out."""

    tenant: Tenant
    request: Any
    listing: ManagedUserList
    kind: str = "page"
    frame: tuple[str, str] = ("", "")

    def ours(self) -> str:
        """Write the page or the part that htmx swaps, as the product's answers do."""
        if self.kind == "page":
            return whole_page(self.request, TEMPLATE, {"listing": self.listing}).content.decode()
        return fragment(self.request, "ui/list.html", "table", {"listing": self.listing}).content.decode()

    def django(self) -> str:
        """Write the same rows by Django's templates; the page around them is given as text."""
        head, foot = self.frame
        context = {"rows": self.listing.records, "tenant": self.tenant, "now": timezone.now()}
        template = engines["django"].get_template("peers/user_rows.html")
        return template.render(context | {"head": head, "foot": foot})

    def floor(self) -> str:
        """Write the same rows by one f-string; the page around them is given as text."""
        head, foot = self.frame
        now, words = timezone.now(), formats()
        slug = escape(self.tenant.slug)
        rows = [
            f'<tr><th scope="row"><a href="/t/{slug}/users/{row.pk}/">{escape(row.name)}</a></th>'
            f'<td class="c-text">{escape(row.domain)}</td><td class="c-text">{escape(row.display_name)}</td>'
            f'<td class="c-text">{escape(row.group_name)}</td>'
            f'<td class="c-time">{words.time_html(row.last_logon_at, now)}</td>'
            f'<td class="c-text"><a href="{row.pk}/#settings">Settings</a> · '
            f'<a href="{row.pk}/#backups">Backups</a></td></tr>'
            for row in self.listing.records
        ]
        return f"{head}{''.join(rows)}{foot}"


def screen(tenant: Tenant, kind: str, rows: int = ROWS) -> Screen:
    """Return a request as the views see it, taken from a real one, and its list."""
    response = sign_in(member(tenant, "paula")).get(f"/t/{tenant.slug}/users/")
    request: Any = response.wsgi_request
    with page_size(rows), tenant_context(tenant.pk, request.user.pk):
        listing = ManagedUserList(request, with_data(visible_users(request.rights, tenant.pk)))
    made = Screen(tenant, request, listing, kind)
    text = made.ours()
    found = _BODY.search(text)
    if found is None or len(listing.records) != rows:
        raise AssertionError("the page has no table, or not all rows")
    made.frame = (text[: found.start()] + "<tbody>", "</tbody>" + text[found.end() :])
    return made


def normal(text: str) -> str:
    """Return the text without what differs from moment to moment, and without white space between tags."""
    return re.sub(r">\s+<", "><", _CHANGING.sub("", text)).strip()


@benchmark("B9")
def render(bench: Bench) -> Iterable[Result]:
    """Time the writing of 100 rows as a page and as the part that htmx swaps."""
    tenant = bench.tenant(10_000)
    for kind in ("page", "fragment"):
        yield _one(bench, tenant, kind)
    if bench.size == "M" and instructions.available():
        yield _instructions(bench, tenant)


def _one(bench: Bench, tenant: Tenant, kind: str) -> Result:
    made = screen(tenant, kind)
    variants: dict[str, Callable[[], object]] = {
        "ours": made.ours,
        "Django templates": made.django,
        "f-string": made.floor,
    }
    texts = {name: normal(str(write())) for name, write in variants.items()}
    for name, text in texts.items():
        if text != texts["ours"]:
            raise AssertionError(f"{kind}: {name} writes other bytes than the product")
    if kind == "fragment":
        variants["1,000 rows"] = screen(tenant, kind, 1000).ours
    samples = race(variants, rounds=bench.rounds, repeat={"ours": 20, "f-string": 40, "Django templates": 4})
    result = Result(f"B9.{kind}", bench.size, title=f"writing {ROWS} rows, {kind}")
    result.timed(samples, ours="ours", peers=["Django templates"], floor=["f-string"])
    result.ours["bytes"] = len(made.ours().encode())
    result.bars = [
        at_least("Django templates ÷ ours", result.peers["Django templates"].median, 1, wall=True),
        baseline.bar(f"B9.{kind} ÷ floor", result.floor["f-string"].median),
    ]
    if kind == "fragment":
        result.growth["100 → 1,000 rows"] = samples.ratio("1,000 rows", "ours").median
        result.bars.append(at_most("time, 100 → 1,000 rows", result.growth["100 → 1,000 rows"], 10.5, wall=True))
    result.notes.append(
        "The peer and the floor get everything around the rows as finished text and write their times by the product's "
        "own code; only Roamkeep makes layout, navigation, translation and icons here."
    )
    return result


def _instructions(bench: Bench, tenant: Tenant) -> Result:
    """Count processor instructions, which do not depend on what else the machine does."""
    result = Result("B9.instructions", bench.size, title=f"million instructions of writing a page with {ROWS} rows")
    try:
        found = instructions.count(tenant.slug)
    except subprocess.TimeoutExpired:
        result.notes.append(f"Not counted: callgrind was not done after {instructions.LONGEST} s on this machine.")
        return result
    result.ours = {f"{name}_million": round(value, 2) for name, value in found.items()}
    for name, over, under in (("peers", "django", "ours"), ("floor", "ours", "floor")):
        value = found[over] / found[under]
        getattr(result, name)["Django templates" if name == "peers" else "f-string"] = Ratio(value, value, value)
    key = f"B9 million instructions of a page, Python {'.'.join(platform.python_version_tuple()[:2])}"
    result.bars = [baseline.bar(key, found["ours"], slack=1.01, wall=False)]
    result.notes.append(f"Counted by callgrind over {instructions.RENDERS} renders, with a fixed hash seed.")
    return result
