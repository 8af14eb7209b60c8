"""B3: what an operator in 20 groups may see, beside django-guardian's grants on single objects."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import connections
from django.db.models import QuerySet
from guardian.core import ObjectPermissionChecker

from accounts.models import Membership, Tenant, UserGroup
from benchmarks import baseline
from benchmarks.counters import explain, query_count, statements
from benchmarks.fixtures import Bench, member, page, sign_in
from benchmarks.frame import Result, at_least, at_most, benchmark, holds, race
from benchmarks.peers.models import GroupObjectPermission, UserObjectPermission
from benchmarks.read.desks import OWN, desks_of, divided
from benchmarks.read.lists import ORDER, page_size
from config.tenancy import tenant_context
from config.ui.keyset import of_shares, ordered
from personalization.access import visible_users
from personalization.models import ManagedUser
from roles.catalogue import Role
from roles.rights import rights_of

ROWS = 100
PERMISSION = "personalization.view_manageduser"
_GRANTS = """
INSERT INTO {table} (permission_id, content_type_id, object_pk, group_id)
SELECT p, %(content_type)s, u.id::text, (%(user_groups)s::uuid[])[array_position(%(groups)s::uuid[], u.group_id)]
FROM personalization_manageduser u CROSS JOIN unnest(%(permissions)s::int[]) AS p WHERE u.tenant_id = %(tenant)s
"""


@dataclass(slots=True)
class Desk:
    """The tenant, the operator, and the order of its users."""

    tenant: Tenant
    person: Membership

    def narrowed(self) -> Desk:
        """The same tenant for an operator in 2 groups."""
        groups = desks_of(self.tenant)[:2]
        return Desk(self.tenant, member(self.tenant, "rita", role=Role.ADMIN, groups=groups, via=2))

    def users(self) -> QuerySet[ManagedUser]:
        """Every user of the tenant, in the order of the list."""
        return ManagedUser.objects.filter(tenant_id=self.tenant.pk).order_by("name_key", "domain_key", "id")

    def ours(self) -> QuerySet[ManagedUser]:
        """The users of the operator's groups: one query for the rights, then a plain predicate."""
        return visible_users(rights_of(self.person), self.tenant.pk)

    def page(self) -> QuerySet[ManagedUser]:
        """A page of them as the product's list reads it: each group's rows in order, merged."""
        rights = rights_of(self.person)
        rows = visible_users(rights, self.tenant.pk)
        first = of_shares(rows, ORDER, "group_id", sorted(rights.groups, key=str), ROWS)
        return ordered(first, ORDER, backward=False)

    def guardian(self) -> QuerySet[ManagedUser]:
        """The same by guardian, asked for as little as it can be: no superuser, no global permissions."""
        from guardian.shortcuts import get_objects_for_user  # noqa: TID251 - the peer itself

        return get_objects_for_user(
            self.person.user, PERMISSION, self.users(), with_superuser=False, accept_global_perms=False
        )


def inside(desk: Desk, read: Callable[[Any], Any], source: Callable[[], Any]) -> Callable[[], Any]:
    """Return the call `read(source())` as it runs in a request: in a transaction of the tenant."""

    def run() -> Any:
        with tenant_context(desk.tenant.pk, desk.person.user_id):
            return read(source())

    return run


def _keys(rows: QuerySet[ManagedUser]) -> list[UUID]:
    return list(rows.values_list("pk", flat=True)[:ROWS])


@benchmark("B3")
def permissions(bench: Bench) -> Iterable[Result]:
    """Time a page, a count, 100 checks and one check of an operator in 20 of 200 groups."""
    with _furnished(bench) as desk:
        with tenant_context(desk.tenant.pk):
            objects = list(desk.users()[: ROWS * 10 : 10])
        yield from _reads(bench, desk)
        yield from _checks(bench, desk, objects)
        yield _request(bench, desk)


def _reads(bench: Bench, desk: Desk) -> Iterable[Result]:
    for name, read, ours in (("page", _keys, desk.page), ("count", QuerySet.count, desk.ours)):
        variants = {
            "ours": inside(desk, read, ours),
            "guardian": inside(desk, read, desk.guardian),
            "no permission": inside(desk, read, desk.users),
        }
        if variants["ours"]() != variants["guardian"]():
            raise AssertionError(f"{name}: guardian and Roamkeep differ")
        samples = race(variants, rounds=bench.rounds, repeat={"ours": 8, "no permission": 8})
        result = Result(f"B3.{name}", bench.size, title=f"{name} of what an operator may see")
        result.timed(samples, ours="ours", peers=["guardian"], floor=["no permission"])
        result.ours["queries"] = query_count(variants["ours"]) - 2  # the context's own two
        if name == "page":
            other = desk.narrowed()
            few = inside(other, _keys, other.page)
            groups = race({"20 groups": variants["ours"], "2 groups": few}, rounds=bench.rounds, repeat=8)
            result.growth["time, 2 → 20 groups"] = groups.ratio("20 groups", "2 groups").median
            result.samples["groups"] = groups
            result.bars = [
                at_most("time, 2 → 20 groups", result.growth["time, 2 → 20 groups"], 1.5, wall=True),
                baseline.bar(f"B3.page.{bench.size} ÷ floor", result.floor["no permission"].median),
            ]
            _look_at_plans(bench, desk, result)
        yield result


def _look_at_plans(bench: Bench, desk: Desk, result: Result) -> None:
    """Count what the page reads for an operator in 20 groups and for one in 2, who sees a hundredth of the users."""
    for name, one in (("20_groups", desk), ("2_groups", desk.narrowed())):
        found = statements(inside(one, _keys, one.page))
        plan = explain(
            next(each for each in found if "personalization_manageduser" in each.sql), tenant_id=one.tenant.pk
        )
        result.ours[f"buffers_{name}"] = plan.buffers
        taken = ROWS * int(name.split("_")[0])
        text = f"no sort of more than a page of each group, {name.replace('_', ' ')}"
        result.bars.append(holds(text, not plan.sorts(over=taken)))
    if bench.size == "M":
        result.bars.append(at_least("guardian ÷ ours", result.peers["guardian"].median, 5, wall=True))


def _checks(bench: Bench, desk: Desk, objects: list[ManagedUser]) -> Iterable[Result]:
    person: Any = desk.person.user
    person.is_superuser = False  # guardian asks

    def ours(rows: list[ManagedUser]) -> list[bool]:
        rights = rights_of(desk.person)
        return [rights.may("users.view", row.group_id) for row in rows]

    def loop(rows: list[ManagedUser]) -> list[bool]:
        checker = ObjectPermissionChecker(person)
        return [checker.has_perm(PERMISSION, row) for row in rows]

    def prefetched(rows: list[ManagedUser]) -> list[bool]:
        checker = ObjectPermissionChecker(person)
        checker.prefetch_perms(rows)  # type: ignore[arg-type]  # takes lists too
        return [checker.has_perm(PERMISSION, row) for row in rows]

    for name, rows in (("100 checks", objects), ("1 check", objects[:1])):
        variants = {
            "ours": inside(desk, ours, rows.copy),
            "guardian loop": inside(desk, loop, rows.copy),
            "guardian prefetch_perms": inside(desk, prefetched, rows.copy),
        }
        answers = {key: run() for key, run in variants.items()}
        if len({tuple(answer) for answer in answers.values()}) != 1 or (
            len(rows) > 1 and len(set(answers["ours"])) != 2
        ):
            raise AssertionError(f"{name}: guardian and Roamkeep differ, or all answers are equal")
        samples = race(variants, rounds=bench.rounds, repeat={"ours": 10})
        result = Result(f"B3.{name.replace(' ', '-')}", bench.size, title=f"{name} of single rows")
        result.timed(samples, ours="ours", peers=["guardian loop", "guardian prefetch_perms"])
        queries = query_count(variants["ours"]) - 2
        result.ours["queries"] = queries
        result.ours["guardian_loop_queries"] = query_count(variants["guardian loop"]) - 2
        result.bars = [at_most("statements", queries, 1)]
        if len(rows) > 1:
            result.bars += [
                at_least("guardian loop ÷ ours", result.peers["guardian loop"].median, 50, wall=True),
                at_least(
                    "guardian prefetch_perms ÷ ours", result.peers["guardian prefetch_perms"].median, 2, wall=True
                ),
            ]
        yield result


def _request(bench: Bench, desk: Desk) -> Result:
    """Count what a whole request asks about rights."""
    client = sign_in(desk.person)
    asked = []
    for rows in (10, ROWS):
        with page_size(rows):
            found = statements(lambda: page(client, f"/t/{desk.tenant.slug}/users/"))
        asked.append(sum("roles_roleassignment" in each.sql or "grant" in each.sql for each in found))
    result = Result("B3.request", bench.size, title="questions about rights in a whole request")
    result.ours["permission_queries"] = max(asked)
    result.bars = [at_most("statements about rights, 10 rows and 100", max(asked), 1)]
    result.bars.append(holds("as many for 10 rows as for 100", asked[0] == asked[1]))
    return result


@contextmanager
def _furnished(bench: Bench):
    """Yield the Desk with guardian's tables made and filled; they are dropped at the end."""
    tenant = divided(bench)
    groups = desks_of(tenant)
    person = member(tenant, "oskar", role=Role.ADMIN, groups=groups[:OWN], via=OWN)
    with tenant_context(tenant.pk):
        own = UserGroup.objects.filter(tenant=tenant, name__startswith="oskar desk")
        by_number = sorted(own, key=lambda group: int(group.name.split()[-1]))
        others = UserGroup.objects.filter(tenant=tenant, name__startswith="other desk").order_by("pk")
        user_groups = [group.pk for group in [*by_number, *others]]
    models = (UserObjectPermission, GroupObjectPermission)
    owner = connections["owner"]
    _drop(models)
    with owner.schema_editor() as editor:
        for model in models:
            editor.create_model(model)
    try:
        content_type = ContentType.objects.get_for_model(ManagedUser)
        wanted = list(Permission.objects.filter(content_type=content_type).values_list("pk", flat=True)[:10])
        table = owner.ops.quote_name(GroupObjectPermission._meta.db_table)
        with owner.cursor() as cursor:
            cursor.execute(
                _GRANTS.format(table=table),
                {
                    "content_type": content_type.pk,
                    "permissions": wanted,
                    "tenant": tenant.pk,
                    "groups": groups,
                    "user_groups": user_groups,
                },
            )
            for model in models:
                name = owner.ops.quote_name(model._meta.db_table)
                cursor.execute(f"GRANT SELECT ON {name} TO {settings.DATABASE_ROLES['app']}")
                cursor.execute(f"VACUUM (ANALYZE) {name}")
        yield Desk(tenant, person)
    finally:
        _drop(models)


def _drop(models: Iterable[Any]) -> None:
    owner = connections["owner"]
    with owner.cursor() as cursor:
        for model in models:
            cursor.execute(f"DROP TABLE IF EXISTS {owner.ops.quote_name(model._meta.db_table)}")
