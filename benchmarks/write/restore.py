"""B6: restoring one user, a hundred and all of them; and giving out one user's settings with every digest checked."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable
from functools import partial
from io import StringIO
from pathlib import Path
from uuid import UUID

from django.core.management import call_command

from accounts.models import Tenant
from benchmarks.counters import explain, statements
from benchmarks.fixtures import Bench
from benchmarks.frame import Result, at_least, at_most, benchmark, holds, race
from benchmarks.write import files
from benchmarks.write.snapshot import scaled
from benchmarks.write.stand import Base, as_owner, bare, row_of, same, settled
from benchmarks.write.tasks import GROUPS, fixture
from config.identifiers import uuid7
from config.tenancy import tenant_context
from personalization import moves
from personalization.formats.errors import DamagedContent
from personalization.models import Backup, ManagedUser, SettingsProfile
from personalization.store import plan_references_once

BATCH = 500  # users, as the runner's
PART = 50  # users of the ORM loop
TASK = uuid7()


@benchmark("B6")
def restore(bench: Bench) -> Iterable[Result]:
    """Restores of the newest backups, all profiles changed and 5 % of them; then one user's settings as files."""
    tenant = fixture(bench, 100, "restore")
    with settled(tenant) as base:
        users = _users(tenant)
        results = [_restored(bench, base, users[:count]) for count in (1, 100, len(users))]
        per_user = [result.ours["median_ms"] / result.ours["users"] for result in results]
        growth = per_user[2] / per_user[1]
        results[2].growth[f"time per user, 100 → {len(users):,}"] = growth
        results[2].bars.append(at_most("time per user, all ÷ 100 users", growth, 1.3, wall=True))
        yield from results
        yield _one_user_anywhere(bench, tenant)
    little = fixture(bench, 5, "restore")
    with settled(little) as base:
        yield _only_what_changes(bench, base)
        yield _given_out(bench, little)


def _users(tenant: Tenant) -> list[UUID]:
    with tenant_context(tenant.pk):
        return list(ManagedUser.objects.filter(tenant=tenant).order_by("name_key").values_list("pk", flat=True))


def in_batches(tenant: Tenant, users: list[UUID]) -> int:
    """Restore users as the runner does, without its ledger; return the number of profiles changed."""
    changed = 0
    for first in range(0, len(users), BATCH):
        with tenant_context(tenant.pk):
            plan_references_once()
            done = moves.restore_many(
                tenant_id=tenant.pk,
                user_ids=users[first : first + BATCH],
                settings_group_ids=None,
                not_later_than=None,
                created_by="benchmark",
                task_id=TASK,
            )
            changed += sum(row.changed for row in done.values())
    return changed


def _loop(tenant: Tenant, users: list[UUID]) -> None:
    for user in users:
        with tenant_context(tenant.pk):
            for profile in SettingsProfile.objects.filter(tenant=tenant, managed_user_id=user):
                backups = Backup.objects.filter(tenant=tenant, profile=profile, deleted_at=None)
                newest = backups.order_by("-created_at", "-id").first()
                if newest and newest.snapshot_id != profile.snapshot_id:
                    profile.snapshot_id, profile.version = newest.snapshot_id, profile.version + 1
                    profile.save(update_fields=["snapshot", "version"])


def _restored(bench: Bench, base: Base, users: list[UUID]) -> Result:
    tenant = base.tenant
    result = Result(f"B6.{len(users)}", bench.size, title=f"restore of {len(users):,} users")
    whole = len(users) == len(_users(tenant))
    floor = partial(bare, tenant, "restore") if whole else partial(bare, tenant, "restore_users", users=users)
    part = users[:PART]
    ours, found = partial(in_batches, tenant, users), []
    for variant in (ours, floor):
        base.put_back()
        variant()
        found.append(base.current())
    same(f"the profiles of {len(users)} users", *found)
    for variant in (partial(in_batches, tenant, part), partial(_loop, tenant, part)):
        base.put_back()
        variant()
        found.append(base.current())
    same("the profiles of the ORM loop", *found[2:])
    samples = race({"ours": ours, "bare sql": floor}, rounds=5, before=base.put_back, disk=True, attempts=7)
    result.timed(samples, ours="ours", floor=["bare sql"])
    slow = race(
        {"orm": partial(_loop, tenant, part)}, rounds=3, before=base.put_back, disk=True, warm=False, attempts=4
    )
    result.samples["orm loop"] = slow
    result.peers["orm loop"] = scaled(slow.times["orm"], len(users) / len(part), samples.times["ours"])
    if len(part) < len(users):
        result.notes.append(f"ORM loop: {len(part)} users were timed and extrapolated.")
    result.notes.append("Restore: ours also keeps what it replaces as a backup per profile; loop and floor do not.")
    result.ours["users"] = len(users)
    result.bars.append(at_most("ours ÷ bare SQL", result.floor["bare sql"].median, 4, wall=True))
    return result


def _one_user_anywhere(bench: Bench, tenant: Tenant) -> Result:
    """The statements of one user's restore read the same number of pages in a tenant of any size."""
    result = Result("B6.one-user-buffers", bench.size, title="pages read to find one user's newest backups")
    small = bench.tenant(100, groups=GROUPS, backups=5, changed=100, name="restore")
    pages = {}
    for name, each in (("100", small), ("all", tenant)):
        [user] = _users(each)[:1]
        with tenant_context(each.pk):
            profiles = list(SettingsProfile.objects.filter(managed_user_id=user).values_list("pk", flat=True))
            found = statements(partial(moves.newest_backups, tenant_id=each.pk, profile_ids=profiles))
        pages[name] = sum(explain(one, tenant_id=each.pk).buffers for one in found)
    result.ours["buffers"] = pages["all"]
    result.growth["100 users → all"] = pages["all"] / pages["100"]
    result.bars.append(at_most("pages per profile", pages["all"] / GROUPS, 17))
    return result


def _only_what_changes(bench: Bench, base: Base) -> Result:
    """With 5 % changed, the rows of the other 95 % are not written: their `xmin` stays."""
    result = Result("B6.5-percent", bench.size, title="restore of all users, 5 % of the profiles changed")
    tenant, users = base.tenant, _users(base.tenant)
    ours, floor = partial(in_batches, tenant, users), partial(bare, tenant, "restore")
    base.put_back()
    floor()
    wanted = base.current()
    base.put_back()
    before = _row_versions(base)
    changed = ours()
    same("the profiles", base.current(), wanted)
    written = len(before ^ _row_versions(base)) // 2
    result.bars.append(holds("only changed rows are written", written == changed > 0, f"{written} of {len(before)}"))
    samples = race({"ours": ours, "bare sql": floor}, rounds=5, before=base.put_back, disk=True, attempts=7)
    result.timed(samples, ours="ours", floor=["bare sql"])
    result.ours["rows"] = changed
    result.bars.append(at_most("ours ÷ bare SQL", result.floor["bare sql"].median, 4, wall=True))
    return result


def _row_versions(base: Base) -> set:
    """Return (id, version of the row, lock left out) of every profile."""
    return set(
        as_owner(
            "SELECT id, xmin::text FROM personalization_settingsprofile WHERE tenant_id = %s",
            [base.tenant.pk],
        )
    )


def _given_out(bench: Bench, tenant: Tenant) -> Result:
    """Export one user; a changed byte anywhere in the store is refused."""
    result = Result("B6.export", bench.size, title="one user's settings as files, every digest checked")
    users = _users(tenant)
    with tenant_context(tenant.pk):
        user = ManagedUser.objects.get(pk=users[len(users) // 2])
    with tempfile.TemporaryDirectory(prefix="bench-export-") as place:
        number = iter(range(10_000))

        def export() -> Path:
            out = Path(place) / f"out{next(number)}"
            out.mkdir()
            for group, name in groups:
                words = ("export_settings", tenant.slug, str(user), str(out / name))
                call_command(*words, group=group, stdout=StringIO())
            return out

        with tenant_context(tenant.pk):
            rows = SettingsProfile.objects.filter(tenant=tenant, managed_user=user).select_related("settings_group")
            groups = [(row.settings_group.name, row.pk.hex) for row in rows]
        variants, peers = {"ours": export}, []
        if files.installed():
            tree = files.Tree(tenant, Path(place) / "settings")
            for program in files.installed():
                repository = files.Repository(program, tree, Path(place))
                repository.back_up()
                target = Path(place) / f"target-{program}"
                variants[program] = partial(repository.restore_user, user.pk, target)
                variants[program]()
                same(f"the files of {program}", _digest(target), _digest(tree.root / str(user.pk)))
                peers.append(program)
        elif note := files.absent_note():
            result.notes.append(note)
        result.timed(race(variants, rounds=5, disk=True), ours="ours", peers=peers)
        result.bars.append(holds("a changed byte is refused", _is_refused(tenant, user.pk, export)))
    for program in peers:
        result.bars.append(at_least(f"{program} ÷ ours", result.peers[program].median, 1, wall=True))
    return result


def _digest(folder: Path) -> tuple:
    contents = sorted(hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file())
    return len(contents), contents


def _is_refused(tenant: Tenant, user: UUID, export) -> bool:
    """Swap a manifest for another one, try, and put it back."""
    snapshot, manifest = row_of(
        "SELECT s.id, s.manifest FROM personalization_snapshot s JOIN personalization_settingsprofile p "
        "ON p.tenant_id = s.tenant_id AND p.snapshot_id = s.id WHERE p.tenant_id = %s AND p.managed_user_id = %s LIMIT 1",
        [tenant.pk, user],
    )
    as_owner(
        "UPDATE personalization_snapshot s SET manifest = o.manifest FROM personalization_snapshot o "
        "WHERE s.id = %s AND o.tenant_id = s.tenant_id AND o.digest > s.digest AND o.id <> s.id",
        [snapshot],
    )
    try:
        export()
    except Exception as error:
        return isinstance(error, DamagedContent) or "damaged" in type(error).__name__.lower()
    finally:
        as_owner("UPDATE personalization_snapshot SET manifest = %s WHERE id = %s", [bytes(manifest), snapshot])
    return False
