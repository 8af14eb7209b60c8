"""The settings of the demo's people over the last nights: current state and five nightly backups per program, and a few
rows of every other origin, so that a timeline has something to tell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count, islice
from zoneinfo import ZoneInfo

from personalization.actions.backups import FOR_EVER
from personalization.demo.desks import Desk
from personalization.demo.programs import PROGRAMS, Program, erp
from personalization.demo.windows import WINDOWS_SETTINGS
from personalization.formats.items import Item
from personalization.models import Backup, ManagedUser, Origin, SettingsGroup, SettingsProfile, Snapshot
from personalization.store import PackedStates, pack_states, put_packed

EVERYTHING = (*PROGRAMS, *WINDOWS_SETTINGS)
KEPT = 5
ERP_STORY = "olivia.okafor"
_NEVER_LOGGED_ON = 0.03


@dataclass
class History:
    """One program of one person: states oldest first, one for each night, and one more where it was used since."""

    desk: Desk
    program: Program
    nights: list[datetime]
    states: list[list[Item]]
    extra: list[tuple[dict, list[Item]]] = field(default_factory=list)

    @property
    def is_newer(self) -> bool:
        """Whether the current state is newer than the newest nightly backup."""
        return len(self.states) > len(self.nights)


def has_logged_on(desk: Desk) -> bool:
    """Say whether the person has ever used a desktop: a few are new and have no settings yet."""
    return desk.account == ERP_STORY or desk.dice("ever").random() >= _NEVER_LOGGED_ON


def last_logon(desk: Desk, now: datetime) -> datetime | None:
    """Most people were here today or yesterday, some are on leave, some have left."""
    if not has_logged_on(desk):
        return None
    dice = desk.dice("logon")
    days = 0 if desk.account == ERP_STORY else dice.choice([0, 0, 0, 0, 0, 0, 1, 1, 2, 9, 40])
    return now - timedelta(days=days, minutes=dice.randrange(5, 400))


def working_nights(now: datetime, zone: ZoneInfo, count: int = 240) -> list[datetime]:
    """Return the nightly runs after working days, newest first: 01:00 of the tenant's clock, Tuesday to Saturday."""
    local = now.astimezone(zone)
    newest = local.replace(hour=1, minute=0, second=0, microsecond=0)
    nights = [newest - timedelta(days=days) for days in range(count)]
    return [night for night in nights if night <= local and 1 <= night.weekday() <= 5]


def histories(desk: Desk, now: datetime, nights: list[datetime]) -> Iterator[History]:
    """Yield what each program of a person has left behind."""
    logon = last_logon(desk, now)
    if logon is None:
        return
    seen = [night for night in nights if night <= logon + timedelta(days=1)]
    for program in EVERYTHING:
        if program.is_used_by(desk):
            yield _history(desk, program, seen, now, is_at_work=logon > now - timedelta(hours=2))


def _history(desk: Desk, program: Program, nights: list[datetime], now: datetime, *, is_at_work: bool) -> History:
    dice = desk.dice(program.name, "nights")
    # Programs of every day changed on each of the last nights, others now and then over the last months.
    at = 0 if program.days == 1 else dice.randrange(program.days)
    chosen = []
    while at < len(nights) and len(chosen) < KEPT:
        chosen.append(nights[at])
        at += 1 if program.days == 1 else max(1, round(program.days * 5 / 7 * dice.uniform(0.5, 1.5)))
    chosen.reverse()
    first = 1 + dice.randrange(4)
    states = list(islice(_edits(desk, program, first), len(chosen) + 1))
    is_hit = desk.account == ERP_STORY or (desk.domain == "FINANCE" and dice.random() < 0.2)
    is_broken = is_hit and program.items is erp
    has_worked_since = is_at_work and not is_broken and program.days < 5 and dice.random() < 0.3
    if chosen and not has_worked_since:
        states.pop()
    if is_broken:
        states[-1] = erp(desk, first + len(states) - 1, broken=True)
    history = History(desk, program, chosen, states)
    if not is_broken and chosen:
        _add_other_origins(history, dice.random(), now, program.items(desk, first - 1), program.items(desk, first + 9))
    return history


def _edits(desk: Desk, program: Program, first: int) -> Iterator[list[Item]]:
    """Yield states from use to use, those that left no trace passed over."""
    before = None
    for n in count(first):
        state = program.items(desk, n)
        if state != before:
            yield state
        before = state


def _add_other_origins(history: History, chance: float, now: datetime, older: list[Item], other: list[Item]) -> None:
    oldest, newest = history.nights[0], history.nights[-1]
    if newest < now - timedelta(days=20):  # the nightly run would take them away at once
        return
    columns: dict
    if chance < 0.02:
        columns = {
            "origin": Origin.MANUAL,
            "created_at": oldest - timedelta(days=12, hours=-9),
            "created_by": "Alice Adler (alice)",
            "name": "Before the Windows 11 upgrade",
            "comment": "Known good, keep",
            "protected_until": FOR_EVER,
        }
    elif chance < 0.04:
        columns = {
            "origin": Origin.BEFORE_CHANGE,
            "created_at": newest - timedelta(hours=13),
            "created_by": "Bob Brandt (bob)",
            "made_version": len(history.states),
        }
    elif chance < 0.05:
        columns = {
            "origin": Origin.STALE_UPLOAD,
            "created_at": newest - timedelta(hours=10),
            "created_by": history.desk.endpoint,
        }
        older = other
    elif chance < 0.06:
        columns = {
            "origin": Origin.MANUAL,
            "created_at": newest - timedelta(days=3, hours=-11),
            "created_by": "Bob Brandt (bob)",
            "name": "Ticket 20417",
            "deleted_at": newest - timedelta(hours=-8),
        }
    else:
        return
    history.extra.append((columns, older))


def pack(found: list[History]) -> PackedStates:
    """Pack every state that has to be stored, in the order in which `store` takes them; needs no database."""
    return pack_states(items for each in found for items in _distinct(each))


def _distinct(each: History) -> list[list[Item]]:
    nightly, current = each.states[: len(each.nights)], each.states[len(each.nights) :]
    return [*nightly, *(items for _columns, items in each.extra), *current]


def store(
    tenant_id,
    found: list[History],
    packed: PackedStates,
    users: dict[str, ManagedUser],
    groups: dict[str, SettingsGroup],
    now: datetime,
) -> None:
    """Write profiles and backups of all histories: one COPY of the distinct states, then two bulk inserts."""
    snapshots = iter(put_packed(tenant_id=tenant_id, packed=packed))
    profiles: list[SettingsProfile] = []
    backups: list[Backup] = []
    for each in found:
        nightly = [(night, next(snapshots)) for night in each.nights]
        extra = [(columns, next(snapshots)) for columns, _items in each.extra]
        current = next(snapshots) if each.is_newer else nightly[-1][1]
        profile = _profile(tenant_id, each, users[each.desk.account], groups[each.program.name], current, now)
        profiles.append(profile)
        common = {"tenant_id": tenant_id, "profile": profile}
        backups += [Backup(snapshot=one, created_at=night, origin=Origin.NIGHTLY, **common) for night, one in nightly]
        backups += [Backup(snapshot=one, **columns, **common) for columns, one in extra]
    SettingsProfile.objects.bulk_create(profiles, batch_size=2000)
    Backup.objects.bulk_create(backups, batch_size=2000)


def _profile(
    tenant_id, each: History, user: ManagedUser, group: SettingsGroup, current: Snapshot, now
) -> SettingsProfile:
    return SettingsProfile(
        tenant_id=tenant_id,
        managed_user=user,
        settings_group=group,
        snapshot=current,
        version=len(each.states),
        saved_at=now - timedelta(minutes=25) if each.is_newer else each.nights[-1] - timedelta(hours=8),
        endpoint=each.desk.endpoint,
        os="Windows 11 24H2" if each.desk.dice("os").random() < 0.8 else "Windows 10 22H2",
    )
