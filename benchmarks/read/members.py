"""B12: the Users tab of a license group, and how it grows with its members."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from benchmarks.counters import explain, query_count, statements
from benchmarks.fixtures import Bench, page, sign_in
from benchmarks.frame import Result, at_most, benchmark, holds, race
from benchmarks.licences import license_group

SMALL, LARGE = 500, 50_000
PAGES = {"by-address": "", "by-last-name": "?sort=-last_name", "search": "?q=person499."}  # one of 500 as of 50,000


@benchmark("B12")
def members(bench: Bench) -> Iterable[Result]:
    """Time the page at 500 and at 50,000 members: the issue's figures, at either size."""
    clients, addresses, tenants = {}, {}, {}
    for count in (SMALL, LARGE):
        tenant = bench.tenant(1, name=f"licences-{count}")
        group, owner = license_group(tenant, members=count, seats=count)
        clients[count], tenants[count] = sign_in(owner), tenant.pk
        addresses[count] = f"/t/{tenant.slug}/licensing/{group.pk}/users/"
        bench.say(f"  {count:,} members are there")
        for query in PAGES.values():
            page(clients[count], addresses[count] + query)
    for name, query in PAGES.items():
        fetch = {count: partial(page, clients[count], addresses[count] + query) for count in (SMALL, LARGE)}
        result = Result(f"B12.{name}", bench.size, title=f"Users tab of {LARGE:,} members, {name.replace('-', ' ')}")
        samples = race({"page": fetch[LARGE], "page of 500": fetch[SMALL]}, rounds=bench.rounds, repeat=5)
        result.timed(samples, ours="page")
        growth = samples.ratio("page", "page of 500").median
        result.growth["time 500 → 50,000"] = growth
        counts = {count: query_count(fetch[count]) for count in fetch}
        plans = [
            explain(each, tenant_id=tenants[LARGE])
            for each in statements(fetch[LARGE])
            if 'FROM "licensing_licensegroupmember"' in each.sql and "COUNT(*)" not in each.sql
        ]
        result.ours |= {"queries": counts[LARGE], "buffers": sum(plan.buffers for plan in plans)}
        result.bars.append(at_most("time, 500 → 50,000 members", growth, 1.2, wall=True))
        result.bars.append(
            holds("as many statements for 500 as for 50,000", len(set(counts.values())) == 1, str(counts[LARGE]))
        )
        calm = bool(plans) and not any(plan.seq_scans() or plan.sorts() for plan in plans)
        result.bars.append(holds("no table read from end to end, no large sort", calm))
        yield result
