"""B7.FIRST: the first task of a brand-new tenant, which is in no statistics."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from accounts.models import Tenant
from benchmarks.fixtures import Bench
from benchmarks.frame import Result, Samples, at_most, benchmark, race
from benchmarks.write.stand import Base, Desk, bare, quiet, same, worker
from benchmarks.write.tasks import BACKUPS, BAR, GROUPS, SIZES, fingerprint
from config.identifiers import uuid7
from personalization.demo.crowd import Size, fill
from personalization.models import Verb

ROUNDS = {"S": 3, "M": 2}


@benchmark("B7.FIRST")
def first_task(bench: Bench) -> Iterable[Result]:
    """A tenant is filled and its first task submitted at once; the floor runs once the tables have settled."""
    with worker(), quiet():
        yield _first(bench, Verb.CREATE_BACKUPS, "create", "create_backups")
        yield _first(bench, Verb.RESTORE_LATEST, "restore", "restore")


def _first(bench: Bench, verb: str, name: str, statement: str) -> Result:
    samples = Samples({"ours": [], "bare sql": []})
    for _ in range(ROUNDS[bench.size]):
        slug = f"new-{uuid7().hex[-12:]}"
        tenant = Tenant.objects.create(slug=slug, name=slug, time_zone="Europe/Berlin")
        bench.say(f"  filling {slug}")
        fill(tenant, Size(SIZES[bench.size], GROUPS, BACKUPS, 100))
        desk, base = Desk(tenant), Base(tenant)
        try:
            ours = race({"ours": partial(desk.do, verb)}, rounds=1, disk=True, warm=False, attempts=1)
            done = fingerprint(base, verb)
            base.put_back()
            floor = race(
                {"bare sql": partial(bare, tenant, statement)}, rounds=3, before=base.put_back, disk=True, attempts=3
            )
            same(f"the rows of the first {name}", done, fingerprint(base, verb))
        finally:
            base.put_back()
            base.forget()
        samples.times["ours"] += ours.times["ours"]
        samples.times["bare sql"].append(floor.median("bare sql"))
    result = Result(f"B7.first-{name}", bench.size, title=f"first task of a new tenant: {verb}")
    result.timed(samples, ours="ours", floor=["bare sql"])
    result.notes.append("First task: one try per new tenant; the floor has fresh statistics, the task had none.")
    result.bars.append(at_most("ours ÷ bare SQL", result.floor["bare sql"].median, BAR, wall=True))
    return result
