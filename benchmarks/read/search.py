"""B2: search by leading characters and by a part of a name, beside Django's icontains and without row-level security."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from django.db import connection, connections, transaction

from accounts.models import Tenant
from benchmarks.counters import Statement, explain, statements
from benchmarks.fixtures import Bench, member, page, sign_in
from benchmarks.frame import Result, at_least, at_most, benchmark, holds, race
from benchmarks.read.lists import page_size
from config.sql import substring_search
from config.tenancy import tenant_context
from personalization.access import search_users
from personalization.history import with_data
from personalization.models import ManagedUser

ROWS = 100
LIMIT = 10_001
INDEXES = {"manageduser_name", "manageduser_account", "manageduser_group", "benchmark_substring_trigram"}
FUNCTION = "benchmark_substring"
_PART = """
SELECT id, name FROM personalization_manageduser
WHERE tenant_id = %s AND id IN (SELECT benchmark_substring(%s)) ORDER BY name_key, domain_key, id LIMIT 101
"""


@dataclass(frozen=True, slots=True)
class Needle:
    """What somebody types, and how Django's own lookup would look for it; both find the same people."""

    name: str
    text: str
    selective: bool


def needles(tenant: Tenant) -> list[Needle]:
    """Return a name that exists once, one that nobody has, and one that many share; all tenants have the same."""
    with tenant_context(tenant.pk):
        rows = ManagedUser.objects.filter(tenant_id=tenant.pk).order_by("name_key")
        rare = rows.filter(name_key__prefix="leon.").values_list("name", flat=True).last()
    if rare is None:
        raise AssertionError("the fixture has nobody called Leon")
    return [Needle("hit", rare, True), Needle("miss", "leon.xyz", True), Needle("common", "leon.", False)]


def product_statements(tenant: Tenant, text: str) -> list[Statement]:
    """Return what the product's page of users sends for a search: the rows and their limited number."""
    client = sign_in(member(tenant, "paula"))
    found = statements(partial(page, client, f"/t/{tenant.slug}/users/?q={text}"))
    return [each for each in found if 'FROM "personalization_manageduser"' in each.sql]


def run_as_application(tenant_id: UUID, found: list[Statement]) -> list[Any]:
    """Run statements under row-level security and return all rows."""
    rows: list[Any] = []
    with tenant_context(tenant_id), connection.cursor() as cursor:
        for each in found:
            cursor.execute(each.sql, each.params)
            rows += cursor.fetchall()
    return rows


def run_as_owner(tenant_id: UUID, found: list[Statement]) -> list[Any]:
    """Run the same statements as the owner of the tables, for whom every row is visible."""
    rows: list[Any] = []
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        cursor.execute("SELECT set_config('app.tenant_id', %s, true)", [str(tenant_id)])
        for each in found:
            cursor.execute(each.sql, each.params)
            rows += cursor.fetchall()
    return rows


def icontains(tenant: Tenant, text: str) -> tuple[list[Any], int]:
    """Return the rows and their limited number as Django's own lookup finds them, under row-level security."""
    with tenant_context(tenant.pk):
        rows = with_data(ManagedUser.objects.filter(tenant_id=tenant.pk, name__icontains=text))
        names = rows.order_by("name_key", "domain_key", "id").values_list("name", "has_settings", "has_backups")
        return list(names[: ROWS + 1]), rows.values("pk")[:LIMIT].count()


def _ours_names(tenant: Tenant, text: str) -> list[str]:
    with tenant_context(tenant.pk):
        rows = search_users(ManagedUser.objects.filter(tenant_id=tenant.pk), text)
        return list(rows.order_by("name_key", "domain_key", "id").values_list("name", flat=True)[: ROWS + 1])


@benchmark("B2")
def search(bench: Bench) -> Iterable[Result]:
    """Time searches for one person, for nobody and for many."""
    small, large = bench.small(), bench.large()
    for needle in needles(large):
        with page_size(ROWS):
            yield _prefix(bench, small, large, needle)
    with _function():
        for needle in (Needle("hit", needles(large)[0].text[2:], True), Needle("miss", "xyzxyz", True)):
            yield _part(bench, small, large, needle)


def _prefix(bench: Bench, small: Tenant, large: Tenant, needle: Needle) -> Result:
    if [name for name, *_ in icontains(large, needle.text)[0]] != _ours_names(large, needle.text):
        raise AssertionError(f"icontains finds others than the product for {needle.text}")
    found, found_small = product_statements(large, needle.text), product_statements(small, needle.text)
    if run_as_application(large.pk, found) != run_as_owner(large.pk, found):
        raise AssertionError(f"row-level security changes what {needle.text} finds")
    variants: dict[str, Callable[[], object]] = {
        "search": partial(run_as_application, large.pk, found),
        "small": partial(run_as_application, small.pk, found_small),
        "without RLS": partial(run_as_owner, large.pk, found),
        "icontains": partial(icontains, large, needle.text),
    }
    samples = race(variants, rounds=bench.rounds, repeat={"search": 10, "small": 10, "without RLS": 10})
    result = Result(f"B2.prefix.{needle.name}", bench.size, title=f"leading characters: {needle.name}")
    result.timed(samples, ours="search", peers=["icontains"], floor=["without RLS"])
    plan = explain(found[0], tenant_id=large.pk)
    count = explain(found[1], tenant_id=large.pk)
    result.ours |= {"buffers": plan.buffers, "count_buffers": count.buffers, "rows": plan.rows}
    _judge(result, samples.ratio("search", "small").median, bench, needle)
    used = plan.indexes & INDEXES
    result.bars.append(holds("the plan has an index", bool(used) and not plan.seq_scans(), ", ".join(sorted(used))))
    return result


def _part(bench: Bench, small: Tenant, large: Tenant, needle: Needle) -> Result:
    statement = {tenant.pk: [Statement(_PART, [tenant.pk, needle.text])] for tenant in (small, large)}
    names = [name for _, name in run_as_application(large.pk, statement[large.pk])]
    if names != [name for name, *_ in icontains(large, needle.text)[0]]:
        raise AssertionError(f"icontains finds others than the function for {needle.text}")
    samples = race(
        {
            "search": partial(run_as_application, large.pk, statement[large.pk]),
            "small": partial(run_as_application, small.pk, statement[small.pk]),
            "without RLS": partial(run_as_owner, large.pk, statement[large.pk]),
            "icontains": partial(icontains, large, needle.text),
        },
        rounds=bench.rounds,
        repeat={"search": 10, "small": 10, "without RLS": 10},
    )
    result = Result(f"B2.part.{needle.name}", bench.size, title=f"part of the name: {needle.name}")
    result.timed(samples, ours="search", peers=["icontains"], floor=["without RLS"])
    plan = explain(statement[large.pk][0], tenant_id=large.pk)
    result.ours |= {"buffers": plan.buffers, "rows": plan.rows}
    _judge(result, samples.ratio("search", "small").median, bench, needle)
    result.bars.append(holds("no table read from end to end", not plan.seq_scans()))
    result.notes.append(
        "The function that migrations make for searches inside a name (config.sql.substring_search), made on the users "
        "for this run: no page of this version searches so."
    )
    return result


def _judge(result: Result, growth: float, bench: Bench, needle: Needle) -> None:
    sizes = {"S": "1,000 → 10,000", "M": "10,000 → 1,000,000"}[bench.size]
    result.growth[f"time {sizes}"] = growth
    result.bars.append(at_most("time with RLS ÷ without", result.floor["without RLS"].median, 1.2, wall=True))
    if needle.selective:
        result.bars.append(at_most(f"time, {sizes}", growth, 1.5, wall=True))
        result.bars.append(at_most("buffers of the rows", result.ours["buffers"], 500))
        if bench.size == "M":
            result.bars.append(at_least("icontains ÷ search", result.peers["icontains"].median, 100, wall=True))
    else:
        result.bars.append(at_least("icontains ÷ search", result.peers["icontains"].median, 1, wall=True))
        if bench.size == "S":
            result.notes.append(
                "The count of what many share stops at 10,001 rows, so at size S it grows with the tenant."
            )


class _function:  # noqa: N801 - reads as a `with` block
    """Make the function and its index as the owner, and drop both at the end."""

    def __init__(self) -> None:
        self.operation = substring_search(FUNCTION, "personalization_manageduser", "name_key")

    def _run(self, sql: str) -> None:
        with connections["owner"].cursor() as cursor:
            cursor.execute(sql)

    def __enter__(self) -> None:
        self._run(f"DROP FUNCTION IF EXISTS {FUNCTION}(text); DROP INDEX IF EXISTS {FUNCTION}_trigram")
        self._run(self.operation.sql)

    def __exit__(self, *_: object) -> None:
        self._run(self.operation.reverse_sql)
