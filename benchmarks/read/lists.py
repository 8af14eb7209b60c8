"""B1: the list of users through the whole stack, beside Django's admin, Paginator and the bare work."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from html import escape
from typing import Any

from django.core.paginator import Paginator
from django.db import connection
from django.test import Client

from accounts.models import Tenant
from benchmarks import baseline
from benchmarks.counters import Plan, Statement, explain, query_count, statements
from benchmarks.fixtures import Bench, member, page, personalization_groups, sign_in
from benchmarks.frame import Result, Samples, at_least, at_most, benchmark, holds, race
from benchmarks.peers import admin
from config.tenancy import tenant_context
from config.ui.keyset import Order, encode
from personalization.history import with_data
from personalization.lists import ManagedUserList
from personalization.models import ManagedUser
from roles.catalogue import Role

ROWS = 100
PLACES = ("first", "middle", "last")
ORDER = Order("name", ("name_key", "domain_key"))
_NAME = re.compile(r'<th scope="row"><a href="[^"]*">([^<]+)</a>')
_ADMIN_NAME = re.compile(r'<th class="field-name"><a href="[^"]*">([^<]+)</a>')

_FLOOR = """
SELECT u.id, u.name, u.domain, u.display_name,
       (SELECT g.name FROM personalization_personalizationgroup g WHERE g.tenant_id = u.tenant_id AND g.id = u.group_id),
       u.last_logon_at,
       (SELECT true FROM personalization_settingsprofile p WHERE p.tenant_id = u.tenant_id AND p.managed_user_id = u.id
        AND p.snapshot_id IS NOT NULL LIMIT 1),
       (SELECT true FROM personalization_settingsprofile p JOIN personalization_backup b
        ON b.tenant_id = p.tenant_id AND b.profile_id = p.id AND b.deleted_at IS NULL
        WHERE p.tenant_id = u.tenant_id AND p.managed_user_id = u.id LIMIT 1)
FROM personalization_manageduser u
WHERE u.tenant_id = %s AND (u.name_key, u.domain_key, u.id) > (%s, %s, %s)
ORDER BY u.name_key, u.domain_key, u.id LIMIT 101
"""
_COUNT = "SELECT count(*) FROM (SELECT 1 FROM personalization_manageduser WHERE tenant_id = %s LIMIT 10001) n"
_BEFORE_ALL = ("", "", "00000000-0000-0000-0000-000000000000")


@contextmanager
def page_size(rows: int) -> Iterator[None]:
    """Show so many rows on a page of users for the length of a `with` block."""
    before, ManagedUserList.page_size = ManagedUserList.page_size, rows
    try:
        yield
    finally:
        ManagedUserList.page_size = before


@dataclass(slots=True)
class Pages:
    """The pages of one tenant's list of users, first, middle and last, for the product and for those beside it."""

    tenant: Tenant
    client: Client
    numbers: dict[str, int]  # of pages, counted from 1
    keys: dict[str, tuple[Any, ...]]  # the row before each page
    count: int

    def address(self, place: str) -> str:
        """Return the product's address of a page: what its own "Next" would link to."""
        address = f"/t/{self.tenant.slug}/users/"
        return address if place == "first" else f"{address}?after={encode(ORDER, self.keys[place])}"

    def ours(self, place: str) -> Callable[[], bytes]:
        """Return the call that fetches the product's page."""
        address = self.address(place)
        return lambda: page(self.client, address)

    def admin(self, place: str, site: str) -> Callable[[], bytes]:
        """Return the call that fetches the admin's changelist."""
        address = f"/peers/{site}/personalization/manageduser/?p={self.numbers[place]}"

        def fetch() -> bytes:
            admin.shown["tenant"] = self.tenant.pk
            return page(self.client, address)

        return fetch

    def paginator(self, place: str) -> Callable[[], list[Any]]:
        """Return the call that reads the rows as Paginator does: COUNT and OFFSET, and renders nothing."""
        number = self.numbers[place]

        def read() -> list[Any]:
            with tenant_context(self.tenant.pk):
                rows = with_data(ManagedUser.objects.filter(tenant_id=self.tenant.pk))
                return list(Paginator(rows.order_by("name_key", "domain_key", "id"), ROWS).page(number))

        return read

    def floor(self, place: str) -> Callable[[], str]:
        """Return the call that reads and writes the rows with as little as it takes: two statements, one f-string."""
        values = [self.tenant.pk, *self.keys[place]]

        def write() -> str:
            with tenant_context(self.tenant.pk), connection.cursor() as cursor:
                cursor.execute(_FLOOR, values)
                rows = cursor.fetchall()
                cursor.execute(_COUNT, values[:1])
                (count,) = cursor.fetchone()
            return f"<p>{count:,} users</p><table>{''.join(map(_floor_row, rows[:ROWS]))}</table>"

        return write


def _floor_row(row: tuple[Any, ...]) -> str:
    key, name, domain, display_name, group, logon, has_settings, has_backups = row
    links = f'<a href="{key}/#settings">Settings</a>' if has_settings else "no current settings"
    links += f' · <a href="{key}/#backups">Backups</a>' if has_backups else " · no backups"
    return (
        f'<tr><th scope="row"><a href="{key}/">{escape(name)}</a></th><td>{escape(domain)}</td>'
        f"<td>{escape(display_name)}</td><td>{escape(group)}</td>"
        f'<td><time datetime="{logon:%Y-%m-%dT%H:%M:%SZ}">{logon:%b %d, %H:%M}</time></td><td>{links}</td></tr>'
    )


def pages_of(tenant: Tenant) -> Pages:
    """Return the pages of a tenant."""
    with tenant_context(tenant.pk):
        rows = ManagedUser.objects.filter(tenant_id=tenant.pk).order_by("name_key", "domain_key", "id")
        count = rows.count()
        numbers = {"first": 1, "middle": max(2, count // ROWS // 2), "last": count // ROWS}
        keys: dict[str, tuple[Any, ...]] = {"first": _BEFORE_ALL}
        for place in PLACES[1:]:
            at = (numbers[place] - 1) * ROWS - 1
            keys[place] = rows.values_list("name_key", "domain_key", "id")[at : at + 1].get()
    return Pages(tenant, sign_in(member(tenant, "paula")), numbers, keys, count)


def names_of(found: bytes | str, pattern: re.Pattern[str] = _NAME) -> list[str]:
    """Return the names of the rows of a page."""
    return pattern.findall(found.decode() if isinstance(found, bytes) else found)


def list_plan(pages: Pages, place: str) -> tuple[Plan, int]:
    """Return the plan of the statement that reads the rows, and the buffers of every statement of the page."""
    found = [each for each in statements(pages.ours(place)) if each.is_list_read]
    plans = [explain(each, tenant_id=pages.tenant.pk) for each in found]
    at = next(number for number, each in enumerate(found) if _reads_rows(each))
    return plans[at], sum(plan.buffers for plan in plans)


def _reads_rows(statement: Statement) -> bool:
    return 'FROM "personalization_manageduser"' in statement.sql and "COUNT(*)" not in statement.sql


def _check_same(pages: Pages, place: str) -> None:
    """Refuse to time pages that do not show the same people."""
    ours = names_of(pages.ours(place)())
    others = {
        "admin": names_of(pages.admin(place, "admin")(), _ADMIN_NAME),
        "admin without full count": names_of(pages.admin(place, "admin-without-count")(), _ADMIN_NAME),
        "Paginator": [user.name for user in pages.paginator(place)()],
        "floor": names_of(pages.floor(place)()),
    }
    for name, found in others.items():
        if found != ours or len(ours) != ROWS:
            raise AssertionError(f"{place} page: {name} shows other rows than the product's {len(ours)}")


@benchmark("B1")
def lists(bench: Bench) -> Iterable[Result]:
    """Time the list of users at the first, middle and last page, and its growth with the tenant."""
    small, large = pages_of(bench.small()), pages_of(bench.large())
    with page_size(ROWS):
        for place in PLACES:
            yield _one(bench, small, large, place)
        yield _scoped(bench, small.tenant, large.tenant)


def _one(bench: Bench, small: Pages, large: Pages, place: str) -> Result:
    for pages in (small, large):
        _check_same(pages, place)
    result = Result(f"B1.{place}", bench.size, title=f"list of {large.count:,} users, {place} page")
    samples = _race(small, large, place)
    peers = ("admin", "admin without full count", "Paginator + COUNT, rows alone")
    result.timed(samples, ours="page", peers=peers, floor=["raw SQL + f-string"])
    (plan, buffers), (_, small_buffers) = list_plan(large, place), list_plan(small, place)
    large.ours(place)()  # once a minute a session notes that it was seen
    with page_size(10):
        queries_of_10 = query_count(large.ours(place))
    queries = query_count(large.ours(place))
    grown = f"{small.count:,} → {large.count:,}"
    growth = samples.ratio("page", "page of the small tenant").median
    result.ours |= {"queries": queries, "buffers": buffers, "row_query_buffers": plan.buffers}
    result.growth = {f"time {grown}": growth, f"buffers {grown}": buffers / small_buffers}
    result.bars = [
        at_most(f"time, {grown}", growth, 1.2, wall=True),
        at_most(f"buffers, {grown}", round(buffers / small_buffers, 3), 1.1),
        holds("as many statements for 10 rows as for 100", queries_of_10 == queries, f"{queries_of_10} and {queries}"),
        holds("no table read from end to end, no large sort", not plan.seq_scans() and not plan.sorts()),
        baseline.bar(f"B1.{place}.{bench.size} ÷ floor", result.floor["raw SQL + f-string"].median),
    ]
    if bench.size == "M":
        result.bars.append(at_least("admin ÷ page", result.peers["admin"].median, 15, wall=True))
    else:
        result.notes.append("The bar of 15 times the admin stands at 1,000,000 rows and is judged at size M.")
    result.notes.append(
        "The floor makes no session, no rights, no layout, no translation and no addresses: it is the bare list."
    )
    return result


def _scoped(bench: Bench, small: Tenant, large: Tenant) -> Result:
    """Count what the list reads for an administrator of two of the four groups, who sees half of the users."""
    result = Result("B1.scoped", bench.size, title="list of an administrator of 2 groups, who sees every second user")
    for name, query in (("by name", ""), ("by domain", "?sort=domain"), ("search", "?q=leon")):
        plans = {}
        for size, tenant in (("small", small), ("large", large)):
            client = sign_in(member(tenant, "anton", role=Role.ADMIN, groups=personalization_groups(tenant)[:2]))
            found = statements(partial(page, client, f"/t/{tenant.slug}/users/{query}"))
            plans[size] = explain(next(filter(_reads_rows, found)), tenant_id=tenant.pk)
        growth = plans["large"].buffers / plans["small"].buffers
        result.ours[f"buffers {name}"] = plans["large"].buffers
        result.growth[f"buffers {name}"] = growth
        if bench.size == "M":  # below, every plan of the small tenant reads most of it
            result.bars.append(at_most(f"buffers {name}, small → large tenant", round(growth, 3), 1.2))
        result.bars.append(holds(f"{name}: no sort of more than 1,000 rows", not plans["large"].sorts()))
    result.notes.append(
        "The rows of several groups are read by their keys, at most four pages of the index a key: those of a small "
        "tenant share pages, those of a large one do not."
    )
    return result


def _race(small: Pages, large: Pages, place: str) -> Samples:
    return race(
        {
            "page": large.ours(place),
            "page of the small tenant": small.ours(place),
            "admin": large.admin(place, "admin"),
            "admin without full count": large.admin(place, "admin-without-count"),
            "Paginator + COUNT, rows alone": large.paginator(place),
            "raw SQL + f-string": large.floor(place),
        },
        repeat={"page": 4, "page of the small tenant": 4, "raw SQL + f-string": 12},
        rounds=5,  # a round with the peers takes seconds at 1,000,000 rows
    )
