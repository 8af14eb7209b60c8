"""What does not depend on the clock: queries, buffers, plan nodes, bytes of the write-ahead log, resident memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import connection, connections, transaction

from config.tenancy import tenant_context

_BOOKKEEPING = ("SAVEPOINT", "RELEASE", "BEGIN", "COMMIT", "ROLLBACK")


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement as Django sent it."""

    sql: str
    params: Any = None

    @property
    def is_list_read(self) -> bool:
        """Whether it reads rows of a tenant's tables, not settings or sessions."""
        return self.sql.lstrip().upper().startswith(("SELECT", "WITH")) and " FROM " in self.sql.upper()


@contextmanager
def captured(alias: str = "default") -> Iterator[list[Statement]]:
    """Collect the statements of a `with` block, transaction control left out."""
    found: list[Statement] = []

    def note(execute, sql, params, many, context):
        if not str(sql).lstrip().upper().startswith(_BOOKKEEPING):
            found.append(Statement(str(sql), params))
        return execute(sql, params, many, context)

    with connections[alias].execute_wrapper(note):
        yield found


def statements(call: Callable[[], object]) -> list[Statement]:
    """Return the statements that a call makes."""
    with captured() as found:
        call()
    return found


def query_count(call: Callable[[], object]) -> int:
    """Return how many statements a call makes."""
    return len(statements(call))


@dataclass(slots=True)
class Plan:
    """EXPLAIN (ANALYZE, BUFFERS) of one statement.

    buffers: 8 kB pages hit or read by the execution, planning left out; nodes: each with `Node Type`, `Relation Name`,
    `Index Name`, `Actual Rows`, `Actual Loops` (PostgreSQL's own words), and `Input Rows` of its first child.
    """

    buffers: int
    rows: int
    nodes: list[dict[str, Any]] = field(default_factory=list)

    def seq_scans(self, *, over: int = 1000) -> list[str]:
        """Tables read from end to end that have more than `over` rows there (read in one go, filtered ones included)."""
        return [n["Relation Name"] for n in self._of("Seq Scan") if _read(n) > over]

    def sorts(self, *, over: int = 1000) -> int:
        """How many sorts of more than `over` rows the plan has."""
        return sum(node["Input Rows"] > over for node in self._of("Sort", "Incremental Sort"))

    @property
    def indexes(self) -> set[str]:
        """The indexes that the plan uses."""
        return {node["Index Name"] for node in self.nodes if "Index Name" in node}

    def _of(self, *types: str) -> list[dict[str, Any]]:
        return [node for node in self.nodes if node["Node Type"] in types]


def _read(node: dict[str, Any]) -> float:
    """Rows of one go: PostgreSQL gives means over the loops."""
    return node["Actual Rows"] + node.get("Rows Removed by Filter", 0)


def explain(statement: Statement, *, tenant_id: UUID | None, rls: bool = True) -> Plan:
    """Run a captured statement under EXPLAIN (ANALYZE, BUFFERS) and return its plan.

    With `rls` as the application's role in the tenant's context; without as the owner of the tables, whose policy is
    `true`, with the same tenant set for functions that read it.
    """
    if rls:
        with tenant_context(tenant_id), connection.cursor() as cursor:
            return _explained(cursor, statement)
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        cursor.execute("SELECT set_config('app.tenant_id', %s, true)", [str(tenant_id or "")])
        return _explained(cursor, statement)


def _explained(cursor: Any, statement: Statement) -> Plan:
    words = "EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) "
    cursor.execute(words + statement.sql, statement.params or None)  # once to warm hint bits and catalogues
    cursor.fetchall()
    cursor.execute(words + statement.sql, statement.params or None)
    (answer,) = cursor.fetchone()
    root = (json.loads(answer) if isinstance(answer, str) else answer)[0]["Plan"]
    nodes = list(_walk(root))
    return Plan(root["Shared Hit Blocks"] + root["Shared Read Blocks"], int(root["Actual Rows"]), nodes)


def _walk(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    children = node.get("Plans", ())
    into = sum(
        child["Actual Rows"] * child["Actual Loops"] for child in children[:1]
    )  # a sort with a limit gives fewer
    yield {key: value for key, value in node.items() if key != "Plans"} | {"Input Rows": into}
    for child in children:
        yield from _walk(child)


def wal_bytes(call: Callable[[], object]) -> int:
    """Return how many bytes of write-ahead log the server wrote during a call; others' writes count too."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_wal_insert_lsn()::text")
        (before,) = cursor.fetchone()
        call()
        cursor.execute("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), %s::pg_lsn)::bigint", [before])
        return cursor.fetchone()[0]


def resident_kb(pid: int | str = "self", *, peak: bool = False) -> int:
    """Return the resident memory of a process in kB, or its peak (proc(5), VmRSS and VmHWM)."""
    wanted = "VmHWM:" if peak else "VmRSS:"
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(wanted):
            return int(line.split()[1])
    raise ValueError(f"process {pid} has no {wanted}")
