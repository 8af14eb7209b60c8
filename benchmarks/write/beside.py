"""B7.LOAD: the console beside a running bulk task. B7.MEMORY: a worker's memory as the number of users grows."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from django.test import Client
from django.urls import reverse

from benchmarks.counters import resident_kb
from benchmarks.fixtures import Bench, page, sign_in
from benchmarks.frame import SEED, Ratio, Result, Samples, at_most, benchmark
from benchmarks.write.stand import Base, Desk, as_owner, quiet, settled, worker
from benchmarks.write.tasks import fixture
from personalization.models import FINAL_STATES, Task, Verb

IDLE = 60  # requests of each kind without a task
TASKS = {"S": 12, "M": 4}  # in the queue while the console is measured
MEMORY = {"S": (1_000, 10_000), "M": (1_000, 10_000, 100_000)}
MEMORY_GROUPS = 2  # settings groups per user: a batch is so many users, whatever their number
ROUNDS = 3


@benchmark("B7.LOAD")
def load(bench: Bench) -> Iterable[Result]:
    """A restore of one profile, and the list of users, by one person, one after the other, idle and under load."""
    with worker(), settled(fixture(bench, 100)) as base:
        desk = Desk(base.tenant)
        restores = Restores(base, sign_in(desk.member))
        yield _beside(bench, base, desk, "B7.restore-beside", "restore of one profile", restores.opened)
        users = reverse("personalization:user-list", args=[base.tenant.slug])
        client = sign_in(desk.member)

        def opened() -> Callable[[], bool]:
            return lambda: bool(page(client, users))

        yield _beside(bench, base, desk, "B7.list-beside", "list of users", opened)


class Restores:
    """Restores through the page of one user: each of a profile that had none, to a state that no task restores."""

    def __init__(self, base: Base, client: Client) -> None:
        self.slug, self.client = base.tenant.slug, client
        found = as_owner(
            f"SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY profile_id ORDER BY created_at, id) AS place "
            f"FROM {base.mark}_backup) b WHERE place = 3 ORDER BY id"
        )
        backups: list[UUID] = [pk for (pk,) in found]
        random.Random(SEED).shuffle(backups)  # noqa: S311 - an order, not a secret
        self.left = iter(backups)

    def opened(self) -> Callable[[], bool]:
        """Return the post of the next restore, with the version that its page shows now; it answers whether it was done.

        A task that changed the profile in between makes it a conflict, which is no restore and not counted.
        """
        backup = next(self.left)
        [(version,)] = as_owner(
            "SELECT p.version FROM personalization_settingsprofile p JOIN personalization_backup b "
            "ON b.tenant_id = p.tenant_id AND b.profile_id = p.id WHERE b.id = %s",
            [backup],
        )
        address = reverse("personalization:backup-restore", args=[self.slug, backup])

        def post() -> bool:
            answer = self.client.post(address, {"confirmed": "yes", "version": version})
            if answer.status_code not in (204, 302, 303, 409):
                raise AssertionError(f"{address} answered {answer.status_code}")
            return answer.status_code != 409

        return post


def _timed(opened: Callable[[], Callable[[], bool]]) -> float:
    """Return the seconds of one request that was done; what precedes it is not counted."""
    while True:
        call = opened()
        started = time.perf_counter()
        if call():
            return time.perf_counter() - started


def _beside(
    bench: Bench, base: Base, desk: Desk, name: str, title: str, opened: Callable[[], Callable[[], bool]]
) -> Result:
    """Measure what `opened` gives without and with a queue of tasks that each change every profile."""
    idle: list[list[float]] = []
    busy: list[list[float]] = []
    for _ in range(5):
        _timed(opened)
    for _ in range(ROUNDS):
        base.put_back()
        idle.append([_timed(opened) for _ in range(IDLE)])
        queue = _fill_queue(bench, base, desk)
        first, last, taken = queue[0], queue[-1], []
        while desk.state(first).done == 0:
            time.sleep(0.001)
        while desk.state(last).state not in FINAL_STATES:
            taken.append(_timed(opened))
        busy.append(taken)
    samples = Samples(
        {"idle": [statistics.median(part) for part in idle], "busy": [statistics.median(p) for p in busy]}
    )
    result = Result(name, bench.size, title=f"{title}, beside a running task")
    result.samples["busy"] = samples
    result.floor["idle"] = samples.ratio("busy", "idle")
    result.ours |= {"median_ms": samples.median("busy") * 1000, "min_ms": min(min(part) for part in busy) * 1000}
    result.ours["requests"] = sum(len(part) for part in busy)
    worst = [_p95(part) / _p95(quiet_part) for part, quiet_part in zip(busy, idle, strict=True)]
    result.floor["idle, 95th percentile"] = Ratio(statistics.median(worst), min(worst), max(worst))
    result.bars.append(at_most("busy ÷ idle, median", result.floor["idle"].median, 2, wall=True))
    if "list" in name:
        tail = result.floor["idle, 95th percentile"].median
        result.bars.append(at_most("busy ÷ idle, 95th percentile", tail, 2, wall=True))
    return result


def _p95(taken: list[float]) -> float:
    return statistics.quantiles(taken, n=20)[-1]


def _fill_queue(bench: Bench, base: Base, desk: Desk) -> list[Task]:
    """Submit restores of the newest and of the oldest backups in turn."""
    [(oldest,)] = as_owner(
        f"SELECT max(first) FROM (SELECT min(created_at) AS first FROM {base.mark}_backup GROUP BY profile_id) b"
    )
    options = {"not_later_than": oldest + timedelta(seconds=1)}
    return [
        desk.submit(Verb.RESTORE_NOT_LATER, **options) if number % 2 else desk.submit(Verb.RESTORE_LATEST)
        for number in range(TASKS[bench.size])
    ]


@benchmark("B7.MEMORY")
def memory(bench: Bench) -> Iterable[Result]:
    """The most that a worker process has ever held, after tasks of more and more users."""
    result = Result("B7.memory", bench.size, title="peak memory of a worker process")
    tenants = [
        bench.tenant(users, groups=MEMORY_GROUPS, backups=1, changed=100, name="memory") for users in MEMORY[bench.size]
    ]
    peaks = {}
    with quiet(), worker(concurrency=1) as running:
        for tenant, users in zip(tenants, MEMORY[bench.size], strict=True):
            desk = Desk(tenant)
            for verb in (Verb.RESTORE_LATEST, Verb.CREATE_BACKUPS) * (2 if not peaks else 1):
                desk.do(verb)
            peaks[users] = resident_kb(_child(running.pid), peak=True)
    first, last = peaks[MEMORY[bench.size][0]], peaks[MEMORY[bench.size][-1]]
    result.ours |= {f"rss_kb_{users}_users": peak for users, peak in peaks.items()}
    result.growth[f"{MEMORY[bench.size][0]:,} → {MEMORY[bench.size][-1]:,} users"] = last / first
    result.bars.append(at_most("megabytes more", (last - first) / 1024, 5))
    result.notes.append(f"Worker memory: {MEMORY_GROUPS} settings groups per user.")
    yield result


def _child(pid: int) -> int:
    """Return the one process of a worker's pool."""
    [child] = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(child)
