"""B13: what happens to thousands of members at once, and to the last seats when everybody wants one."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

from django.db import connection, connections

from accounts.models import Membership, Tenant, User
from benchmarks.counters import wal_bytes
from benchmarks.fixtures import Bench
from benchmarks.frame import Result, at_most, benchmark, holds, race
from benchmarks.licences import OPERATOR, license_group, seats_of
from benchmarks.write.stand import SQL, actor, as_owner, row_of, same
from config.errors import Refused
from config.tenancy import tenant_context
from licensing.actions.admission import accept
from licensing.actions.blocks import block_members
from licensing.models import LicenseGroup, LicenseGroupMember, MemberStatus

BLOCKED = 5_000
BAR = 5.0
WANTING, SEATS, THREADS = 200, 100, 16


@benchmark("B13")
def licences(bench: Bench) -> Iterable[Result]:
    """Block 5,000 members in one step; let 200 people accept 100 seats at once: the issue's figures, at either size."""
    yield _block(bench)
    yield _acceptances(bench)


def _block(bench: Bench) -> Result:
    tenant = bench.tenant(1, name="licences-block")
    group, owner = license_group(tenant, members=BLOCKED, seats=BLOCKED, all_users=True)
    by = actor(owner)
    with tenant_context(tenant.pk):
        rows = LicenseGroupMember.objects.filter(tenant_id=tenant.pk, group_id=group.pk, is_owner=False)
        shown = dict(rows.values_list("pk", "version"))

    def ours() -> None:
        with tenant_context(tenant.pk, owner.user_id):
            block_members(tenant_id=tenant.pk, group_id=group.pk, shown=shown, by=by)

    def bare() -> None:
        with tenant_context(tenant.pk), connection.cursor() as cursor:
            cursor.execute(
                (SQL / "block_members.sql").read_text(),
                {"tenant": tenant.pk, "group": group.pk, "members": list(shown)},
            )

    def put_back(_variant: str = "") -> None:
        values = {"tenant": tenant.pk, "group": group.pk}
        as_owner("DELETE FROM licensing_licenseroleblock WHERE tenant_id = %(tenant)s", values)
        as_owner("DELETE FROM audit_event WHERE tenant_id = %(tenant)s", values)
        as_owner(
            "UPDATE licensing_licensegroupmember SET status = 'active', is_user = true, ended_at = NULL, "
            "end_reason = '', version = 1 WHERE tenant_id = %(tenant)s AND group_id = %(group)s AND NOT is_owner",
            values,
        )
        for table in ("licensing_licensegroupmember", "licensing_licenseroleblock", "licensing_licenceplace"):
            as_owner(f"VACUUM (ANALYZE) {table}")
        as_owner("VACUUM (ANALYZE) audit_event")

    result = Result("B13.block", bench.size, title=f"block the role User of {BLOCKED:,} members in one step")
    found = []
    for variant in (ours, bare):
        put_back()
        variant()
        found.append(_state(tenant, group))
    same("the members and the list", *found)
    put_back()
    result.ours["wal_bytes"] = wal_bytes(ours)
    [(events,)] = as_owner(
        "SELECT count(*) FROM audit_event WHERE tenant_id = %s AND verb = 'license.blocked'", [tenant.pk]
    )
    samples = race({"ours": ours, "bare sql": bare}, rounds=5, before=put_back, disk=True, attempts=9)
    put_back()
    result.timed(samples, ours="ours", floor=["bare sql"])
    result.bars.append(holds("one event for each member", events == BLOCKED, str(events)))
    result.bars.append(at_most("ours ÷ bare SQL", result.floor["bare sql"].median, BAR, wall=True))
    return result


def _state(tenant: Tenant, group: LicenseGroup) -> tuple:
    members = row_of(
        "SELECT count(*), md5(string_agg(id::text || status || is_user || is_admin || version, ',' ORDER BY id)) "
        "FROM licensing_licensegroupmember WHERE tenant_id = %s AND group_id = %s",
        [tenant.pk, group.pk],
    )
    listed = row_of(
        "SELECT count(*), md5(string_agg(address_key || coalesce(user_id::text, ''), ',' ORDER BY address_key)) "
        "FROM licensing_licenseroleblock WHERE tenant_id = %s AND group_id = %s",
        [tenant.pk, group.pk],
    )
    return (*members, *listed, *seats_of(tenant, group.pk))


def _acceptances(bench: Bench) -> Result:
    """Every seat is wanted twice, by as many threads as a busy console has; each round makes a group of its own."""
    result = Result("B13.accept", bench.size, title=f"{WANTING} acceptances of {SEATS} seats, {THREADS} at a time")
    tenant = bench.tenant(1, name="licences-accept")
    rounds = []
    for _ in range(3):
        as_owner("DELETE FROM licensing_licensegroup WHERE tenant_id = %s", [tenant.pk])
        as_owner("DELETE FROM accounts_membership WHERE tenant_id = %s AND login LIKE 'person%%'", [tenant.pk])
        as_owner("DELETE FROM accounts_user WHERE email_key LIKE %s", [f"%@{tenant.slug}.test"])
        group, _owner = license_group(tenant, members=WANTING, seats=WANTING)
        invited = _invite_all(tenant, group)
        rounds.append(_accept_all(tenant, group, invited))
    users = [found["users"] for found in rounds]
    result.ours |= {
        "median_ms": sorted(found["median_ms"] for found in rounds)[1],
        "longest_ms": max(found["longest_ms"] for found in rounds),
        "users": users[-1],
        "refused": rounds[-1]["refused"],
    }
    result.bars.append(holds(f"{SEATS} Users each time", users == [SEATS] * len(rounds), str(users)))
    others = [text for found in rounds for text in found["errors"]]
    result.bars.append(holds("no error and no deadlock", not others, ", ".join(sorted(set(others))) or "none"))
    waiting = [found["refused"] for found in rounds]
    result.bars.append(
        holds("everybody else is told that no seat is free", waiting == [WANTING - SEATS] * 3, str(waiting))
    )
    return result


def _invite_all(tenant: Tenant, group: LicenseGroup) -> list[tuple[UUID, UUID]]:
    """Turn every member into an invitation for the role User; return (member, account) pairs."""
    values = {"tenant": tenant.pk, "group": group.pk}
    as_owner(
        "UPDATE licensing_licensegroupmember SET status = 'pending', user_id = NULL, is_user = true, is_admin = false, "
        "generation = 1, sent_at = now(), expires_at = now() + interval '7 days' "
        "WHERE tenant_id = %(tenant)s AND group_id = %(group)s AND NOT is_owner",
        values,
    )
    as_owner("UPDATE licensing_licensegroup SET seats = %s WHERE id = %s", [SEATS, group.pk])
    as_owner(
        "INSERT INTO accounts_user (id, password, email, email_key, display_name, is_active, is_operator, time_zone, "
        "language, created_at) SELECT roamkeep_uuid7(), '!', m.address, m.address_key, m.address, true, false, '', '', "
        "now() FROM licensing_licensegroupmember m WHERE m.tenant_id = %(tenant)s AND m.group_id = %(group)s "
        "AND NOT m.is_owner ON CONFLICT (email_key) DO NOTHING",
        values,
    )
    return as_owner(
        "SELECT m.id, u.id FROM licensing_licensegroupmember m JOIN accounts_user u ON u.email_key = m.address_key "
        "WHERE m.tenant_id = %(tenant)s AND m.group_id = %(group)s AND NOT m.is_owner ORDER BY m.id",
        values,
    )


def _accept_all(tenant: Tenant, group: LicenseGroup, invited: list[tuple[UUID, UUID]]) -> dict:
    people = {user.pk: user for user in User.objects.filter(pk__in=[user_id for _, user_id in invited])}
    with tenant_context(tenant.pk):
        found = Membership.objects.filter(tenant_id=tenant.pk, user_id__in=list(people)).select_related("user")
        memberships = {row.user_id: row for row in found}
    tally, errors, times, guard = {"accepted": 0, "refused": 0}, [], [], threading.Lock()

    def one(pair: tuple[UUID, UUID]) -> None:
        member_id, user_id = pair
        started, outcome = time.perf_counter(), "accepted"
        try:
            with tenant_context(tenant.pk, user_id):
                accept(
                    tenant_id=tenant.pk,
                    pair=(member_id, 1),
                    user=people[user_id],
                    membership=memberships.get(user_id),
                    first_name="Pat",
                    last_name=str(member_id)[-6:],
                    by=actor(memberships[user_id]) if user_id in memberships else OPERATOR,
                )
        except Refused as refused:
            outcome = "refused" if refused.code == "no-seat" else refused.code
        except Exception as error:  # what it was is the finding
            outcome = type(error).__name__
        finally:
            connections.close_all()
        with guard:
            times.append((time.perf_counter() - started) * 1000)
            if outcome in tally:
                tally[outcome] += 1
            else:
                errors.append(outcome)

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(one, invited))
    with tenant_context(tenant.pk):
        users = LicenseGroupMember.objects.filter(
            tenant_id=tenant.pk, group_id=group.pk, status=MemberStatus.ACTIVE, is_user=True
        ).count()
    used, counted = seats_of(tenant, group.pk)
    if used != counted or counted != users:
        errors.append(f"{used} seats counted, {counted} Users")
    return {
        "users": users,
        "refused": tally["refused"],
        "errors": errors,
        "median_ms": sorted(times)[len(times) // 2],
        "longest_ms": max(times),
    }
