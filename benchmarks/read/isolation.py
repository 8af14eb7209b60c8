"""B11: row-level security costs no reads and shows no foreign rows, for every statement of every list page."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.models import Tenant, UserGroup
from audit.models import Channel, Event
from benchmarks.counters import Statement, captured, explain
from benchmarks.fixtures import Bench, member, page, sign_in, vacuum
from benchmarks.frame import Result, benchmark, holds
from benchmarks.read.desks import desks_of, divided
from config.identifiers import text_key, uuid7
from config.tenancy import tenant_context
from personalization.models import ItemState, ManagedUser, Task, TaskItem, TaskState
from roles.catalogue import Role
from roles.models import RoleAssignment

SLACK, FEW = 1.05, 8  # buffers more than without row-level security: 5 %, and 8 where there are few
EVENTS, ENTRIES, TASKS = 5_000, 400, 300
VERBS = ("signin.succeeded", "backup.created", "backup.restored", "userrole.added", "task.submitted")


@benchmark("B11")
def isolation(bench: Bench) -> Iterable[Result]:
    """Compare the buffers of each statement with and without row-level security, and ask for it as another tenant."""
    tenant = divided(bench)
    foreign = bench.small()
    task = _furnish(tenant)
    groups = desks_of(tenant)
    for login, role, scope in (
        ("paula", Role.PRIMARY_ADMIN, ()),
        ("anton", Role.ADMIN, groups[:20]),
        ("sven", Role.SUPPORT_DESK, groups[:2]),
    ):
        person = member(tenant, login, role=role, groups=scope)
        yield _judge(bench, tenant, foreign, person.login, role, _sent(sign_in(person), tenant, task, role))


def _addresses(tenant: Tenant, task: UUID, role: str) -> list[str]:
    today = timezone.now().date()
    users = ["", "?sort=-name", "?sort=domain", "?q=leon", "?q=FIN%5Cleon", "?q=nobody.at.all"]
    found = [f"users/{query}" for query in users]
    events = [
        "",
        f"?verb={VERBS[1]}",
        "?actor=ol",
        f"?since={today - timedelta(days=1)}&until={today}",
        "?outcome=failed",
    ]
    events += [f"?channel={next(iter(Channel)).value}", f"?task={task}", f"?verb={VERBS[2]}&actor=nobody"]
    found += [f"audit/{query}" for query in events]
    if role != Role.SUPPORT_DESK:
        found += ["tasks/", "tasks/?sort=number", f"tasks/{task}/", f"tasks/{task}/?state={ItemState.FAILED.value}"]
        found += ["tasks/panel/"]
    if role == Role.PRIMARY_ADMIN:
        found += [f"user-roles/{query}" for query in ("", "?q=desk", "?kind=group", "?sort=-since", "?q=nobody")]
    return [f"/t/{tenant.slug}/{address}" for address in found]


def _sent(client: Client, tenant: Tenant, task: UUID, role: str) -> list[tuple[str, Statement]]:
    """Return (address, statement) of every page and of the page behind its "Next", tenant tables only."""
    found: dict[str, tuple[str, Statement]] = {}
    waiting = _addresses(tenant, task, role)
    for address in waiting:
        with captured() as sent:
            answer = page(client, address)
        for each in sent:
            if each.is_list_read and _reads_tenant(each.sql):
                found.setdefault(f"{each.sql} {each.params}", (address, each))
        following = _next(answer)
        if following and following not in waiting and "after=" not in address:
            waiting.append(following)
    return list(found.values())


def _next(content: bytes) -> str:
    found = re.search(r'rel="next" href="([^"]+)"', content.decode())
    return html.unescape(found[1]) if found else ""


def tenant_tables() -> set[str]:
    """Return the tables that have a tenant."""
    return {
        model._meta.db_table
        for model in apps.get_models()
        if any(field.attname == "tenant_id" for field in model._meta.fields)
    } - {"accounts_session"}


def _reads_tenant(sql: str) -> bool:
    return any(table in sql for table in tenant_tables())


def _judge(
    bench: Bench, tenant: Tenant, foreign: Tenant, login: str, role: str, found: list[tuple[str, Statement]]
) -> Result:
    dearer, leaks, buffers, dearest = [], [], 0, ("", 0)
    for address, each in found:
        ours = explain(each, tenant_id=tenant.pk)
        bare = explain(each, tenant_id=tenant.pk, rls=False)
        buffers += ours.buffers
        dearest = max(dearest, (address, ours.buffers), key=lambda pair: pair[1])
        if ours.buffers > max(bare.buffers * SLACK, bare.buffers + FEW):
            dearer.append(f"{address}: {ours.buffers} with, {bare.buffers} without")
        if _visible(each, foreign.pk):
            leaks.append(address)
    result = Result(f"B11.{role.split('.')[-1]}", bench.size, title=f"statements of the list pages, {role}")
    result.ours = {"statements": len(found), "buffers": buffers}
    result.ours["dearest"] = f"{dearest[0].partition(tenant.slug)[2]} {dearest[1]:,}"
    result.bars = [
        holds("row-level security reads no more buffers (5 %, or 8)", not dearer, "; ".join(dearer[:3]) or "none more"),
        holds("another tenant sees no row of any statement", not leaks, "; ".join(leaks[:3]) or "none"),
        holds("at least ten statements were compared", len(found) >= 10, str(len(found))),
    ]
    return result


def _visible(statement: Statement, tenant_id: UUID) -> bool:
    """Say whether the statement, unchanged, shows anything when the transaction belongs to another tenant."""
    with tenant_context(tenant_id), connection.cursor() as cursor:
        cursor.execute(statement.sql, statement.params)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return any(value not in (0, None) for row in rows for value in row)


def _furnish(tenant: Tenant) -> UUID:
    """Give the tenant events, tasks and User Roles entries; return the task that has items. Made once."""
    with tenant_context(tenant.pk):
        first = Task.objects.filter(tenant=tenant, number=1).values_list("pk", flat=True).first()
        if first:
            return first
        groups = desks_of(tenant)
        now = timezone.now()
        tasks = [_task(tenant, number, now) for number in range(1, TASKS + 1)]
        Task.objects.bulk_create(tasks)
        users = ManagedUser.objects.filter(tenant_id=tenant.pk)[:5000]
        TaskItem.objects.bulk_create(
            TaskItem(
                tenant_id=tenant.pk,
                task_id=tasks[0].pk,
                managed_user_id=user.pk,
                group_id=user.group_id,
                user_label=str(user),
                state=ItemState.FAILED if number % 50 == 0 else ItemState.SUCCEEDED,
                ended_at=now,
            )
            for number, user in enumerate(users)
        )
        Event.objects.bulk_create(
            Event(
                id=uuid7(),
                tenant_id=tenant.pk,
                at=now - timedelta(minutes=EVENTS - number),
                verb=VERBS[number % len(VERBS)],
                channel=list(Channel)[number % len(Channel)],
                actor_id=None,
                actor_key=text_key("olga" if number % 3 else "paula"),
                actor_role="persops.support_desk" if number % 4 == 0 else "",
                actor_groups=[groups[number % len(groups)]],
                group_id=groups[number % len(groups)],
                task_id=tasks[0].pk if number % 10 == 0 else None,
                labels={"actor": "Olga"},
                salt=b"benchmark",
            )
            for number in range(EVENTS)
        )
        entries = [UserGroup(tenant=tenant, name=f"service desk {n}", source="local") for n in range(ENTRIES)]
        UserGroup.objects.bulk_create(entries)
        RoleAssignment.objects.bulk_create(
            RoleAssignment(
                tenant=tenant,
                group=group,
                role=Role.PRIMARY_ADMIN,  # the one role that needs no groups
                subject_name=group.name,
                subject_key=group.name_key,
                granted_by="benchmark",
                granted_at=now - timedelta(minutes=number),
            )
            for number, group in enumerate(entries)
        )
    vacuum()
    return tasks[0].pk


def _task(tenant: Tenant, number: int, now: Any) -> Task:
    return Task(
        tenant=tenant,
        number=number,
        name=f"Task {number}",
        creator_id=uuid7(),
        creator_user_id=uuid7(),
        creator_name="Olga",
        state=TaskState.COMPLETED,
        created_at=now,
        run_after=now,
        ended_at=now,
        selected=5000,
        done=5000,
        succeeded=5000,
    )
