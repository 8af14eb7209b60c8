"""B7: tasks of many users from submission to "completed", beside one Celery task per user and beside the bare SQL."""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import partial
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from accounts.models import Tenant
from benchmarks.counters import wal_bytes
from benchmarks.fixtures import Bench
from benchmarks.frame import Ratio, Result, Samples, at_least, at_most, benchmark, holds, race, ratio_of
from benchmarks.write import per_user
from benchmarks.write.stand import Base, Desk, PeerWorker, as_owner, bare, row_of, same, settled, worker
from config.tenancy import tenant_context
from personalization.actions.tasks import cancel_task
from personalization.models import ManagedUser, TaskState, Verb

SIZES = {"S": 1_000, "M": 10_000}  # users, with ten settings groups each
MANY = 4  # times as many to cancel: two batches do the others
PART = 200  # users of the peer: its messages take the same time each
GROUPS, BACKUPS = 10, 5
AGE_DAYS = 10  # of benchmarks/sql/delete_older.sql
BAR = 4.0


def fixture(bench: Bench, changed: int, name: str = "tasks") -> Tenant:
    """Return the tenant of these benchmarks."""
    return bench.tenant(SIZES[bench.size], groups=GROUPS, backups=BACKUPS, changed=changed, name=name)


def grow_old(tenant: Tenant) -> None:
    """Put the nights of the fixture four days apart, so that one backup of five is older than ten days; once."""
    [(oldest,)] = as_owner("SELECT min(created_at) FROM personalization_backup WHERE tenant_id = %s", [tenant.pk])
    if (timezone.now() - oldest).days < AGE_DAYS:
        as_owner(
            "UPDATE personalization_backup SET created_at = created_at - 3 * (statement_timestamp() - created_at) "
            "WHERE tenant_id = %s",
            [tenant.pk],
        )


@benchmark("B7")
def tasks(bench: Bench) -> Iterable[Result]:
    """Each verb through the real worker, then what cancelling costs."""
    with worker(), worker(PeerWorker):
        everything, little = fixture(bench, 100), fixture(bench, 5)
        for tenant in (everything, little):
            grow_old(tenant)
        with settled(everything) as base:
            yield _verb(bench, base, Verb.CREATE_BACKUPS, "create", "create_backups", peer=True)
            yield _verb(bench, base, Verb.RESTORE_LATEST, "restore", "restore", peer=True)
            yield _verb(bench, base, Verb.DELETE_OLDER, "delete-older", "delete_older", age_days=AGE_DAYS)
        with settled(little) as base:
            yield _verb(bench, base, Verb.RESTORE_LATEST, "restore-5-percent", "restore")
        many = bench.tenant(MANY * SIZES[bench.size], groups=GROUPS, backups=BACKUPS, changed=100, name="cancel")
        with settled(many) as base:
            yield _cancel(bench, base)


def fingerprint(base: Base, verb: str) -> tuple:
    """Return what a verb has done, in the words of `Base`."""
    if verb == Verb.CREATE_BACKUPS:
        return base.made("task")
    return base.deleted() if verb == Verb.DELETE_OLDER else base.current()


def _verb(
    bench: Bench, base: Base, verb: str, name: str, statement: str, *, peer: bool = False, **options: int
) -> Result:
    desk = Desk(base.tenant)
    ours, floor = partial(desk.do, verb, **options), partial(bare, base.tenant, statement)
    result = Result(f"B7.{name}", bench.size, title=f"{verb} of {desk.users:,} users with {GROUPS} settings groups")
    found = []
    for variant in (ours, floor):
        base.put_back()
        variant()
        found.append(fingerprint(base, verb))
    same(f"the rows of {name}", *found)
    base.put_back()
    result.ours["wal_bytes"] = wal_bytes(ours)
    _count(result, base, desk)
    samples = race({"ours": ours, "bare sql": floor}, rounds=5, before=base.put_back, disk=True, attempts=7)
    result.timed(samples, ours="ours", floor=["bare sql"])
    result.ours["users_per_second"] = round(desk.users / samples.median("ours"))
    if peer:
        result.peers["one Celery task per user"] = _peer(result, base, verb, samples, desk.users)
        result.bars.append(
            at_least("task per user ÷ ours", result.peers["one Celery task per user"].median, 1, wall=True)
        )
        result.notes.append("One Celery task per user: no rights, results or events; a connection per process, kept.")
    if verb == Verb.DELETE_OLDER:
        result.notes.append(
            "Delete older: Undo needs to find what a task deleted, an index that the floor does not write."
        )
    else:
        result.bars.append(at_most("ours ÷ bare SQL", result.floor["bare sql"].median, BAR, wall=True))
    return result


def _count(result: Result, base: Base, desk: Desk) -> None:
    """Check that every user has one result and, where something changed, one event."""
    [(items, ended, changed, events, subjects)] = as_owner(
        """
        SELECT count(*), count(*) FILTER (WHERE state = 1 AND ended_at IS NOT NULL), count(*) FILTER (WHERE changed > 0),
               (SELECT count(*) FROM audit_event WHERE tenant_id = %(tenant)s AND verb = 'user.changed'),
               (SELECT count(DISTINCT subject_id) FROM audit_event
                WHERE tenant_id = %(tenant)s AND verb = 'user.changed')
        FROM personalization_taskitem WHERE tenant_id = %(tenant)s
        """,
        {"tenant": base.tenant.pk},
    )
    text = f"{ended} results, {events} events for {changed} users with a change"
    exact = items == ended == desk.users and events == subjects == changed
    result.bars.append(holds("every user one result, every changed user one event", exact, text))


def _peer(result: Result, base: Base, verb: str, samples: Samples, users: int) -> Ratio:
    """Return how many times longer the peer takes for all users, from what it takes for a part of them."""
    tenant, part = base.tenant, min(PART, users)
    with tenant_context(tenant.pk):
        chosen: list[UUID] = list(ManagedUser.objects.filter(tenant=tenant).values_list("pk", flat=True)[:part])

    def before(_variant: str = "") -> None:
        base.put_back()
        per_user.prepare(as_owner, settings.DATABASE_ROLES["app"])

    def run() -> None:
        per_user.enqueue(verb, tenant.pk, chosen)
        per_user.wait(part)

    before()
    run()
    same("the rows of the peer", _rows_of(base, verb, chosen), (part * GROUPS,))
    of_peer = race({"peer": run}, rounds=3, before=before, disk=True, warm=False, attempts=4)
    result.samples["one Celery task per user"] = of_peer
    if part < users:
        result.notes.append(f"One Celery task per user: {part:,} users were timed and taken times {users / part:g}.")
    rounds = min(of_peer.rounds, samples.rounds)
    each = [seconds * users / part for seconds in of_peer.times["peer"]]
    return ratio_of(each[:rounds], samples.times["ours"][:rounds])


def _rows_of(base: Base, verb: str, users: list[UUID]) -> tuple:
    if verb == Verb.CREATE_BACKUPS:
        return base.made("task")[:1]
    return row_of(
        f"SELECT count(*) FROM personalization_settingsprofile p JOIN {base.mark}_settingsprofile b ON b.id = p.id "
        "WHERE p.managed_user_id = ANY(%s) AND p.version = b.version + 1",
        [users],
    )


def _cancel(bench: Bench, base: Base) -> Result:
    """Cancel a running restore five times, at other moments; count the batches that still end."""
    desk = Desk(base.tenant)
    result = Result("B7.cancel", bench.size, title="batches that still end after Cancel")
    batches, seconds, whole = [], [], True
    for turn in range(5):
        base.put_back()
        task = desk.submit(Verb.RESTORE_LATEST)
        while desk.state(task).done < desk.users * (turn + 1) // 12:
            time.sleep(0.001)
        before = _batches(base)
        started = time.perf_counter()
        with tenant_context(base.tenant.pk):
            cancel_task(task=task, by=desk.by)
        seconds.append(time.perf_counter() - started)
        batches.append(len(_batches(base) - before))
        time.sleep(0.3)
        ended = desk.state(task)
        [(done, changed)] = as_owner(
            "SELECT (SELECT count(*) FROM personalization_taskitem WHERE tenant_id = %(tenant)s AND state = 1), "
            "(SELECT count(DISTINCT p.managed_user_id) FROM personalization_settingsprofile p "
            f"JOIN {base.mark}_settingsprofile b ON b.id = p.id "
            "WHERE p.tenant_id = %(tenant)s AND p.version <> b.version)",
            {"tenant": base.tenant.pk},
        )
        whole &= ended.state == TaskState.CANCELED and ended.done == done == changed
    result.ours |= {"batches": max(batches), "median_ms": sorted(seconds)[2] * 1000, "min_ms": min(seconds) * 1000}
    result.bars.append(at_most("batches that end after Cancel", max(batches), 2))
    result.bars.append(holds("the users done are those changed, and no more afterwards", whole))
    return result


def _batches(base: Base) -> set:
    """Return the times at which batches ended so far; those of canceled users are none."""
    return {
        ended
        for (ended,) in as_owner(
            "SELECT DISTINCT ended_at FROM personalization_taskitem WHERE tenant_id = %s AND state = 1",
            [base.tenant.pk],
        )
    }
