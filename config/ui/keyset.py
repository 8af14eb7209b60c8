"""Keyset paging: a page starts beyond the last row of the one before, so its cost does not grow with its number.

A cursor is the row's sort values as base64url JSON. It is not signed: it only narrows what the person may see anyway.
"""

import base64
import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

from django.core.exceptions import BadRequest, EmptyResultSet, ValidationError
from django.db.models import BooleanField, CharField, F, Func, IntegerField, Q, TextField, Value
from django.db.models.expressions import RawSQL
from django.utils import timezone

LONGEST = 4000  # characters of a cursor


class BadCursor(BadRequest):
    """A cursor that no link of ours makes: answered with the page for 400."""


@dataclass(frozen=True, slots=True)
class Order:
    """One order of a list: the column's key, its sort fields, direction, and where rows without a value stand.

    `nulls` says where empty values stand when ascending ("last", as PostgreSQL does, or "first"); descending is the
    exact reverse, so one index serves both.
    """

    key: str
    names: tuple[str, ...]
    descending: bool = False
    nulls: str = "last"

    @property
    def fields(self):
        """The sort fields with the primary key behind them: no two rows are equal."""
        return (*self.names, "pk")

    @property
    def param(self):
        """The order as it stands in the address."""
        return f"-{self.key}" if self.descending else self.key


def _plain(value):
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, UUID | Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be a sort value")


def encode(order, values):
    """Return the cursor of the row with these values of `order.fields`."""
    text = json.dumps([order.param, *values], default=_plain, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _refuse_constant(name):
    raise ValueError(name)


def _typed(queryset, name, raw):
    """Return one value of a cursor in its column's type, checked as far as the database would complain about it."""
    if raw is None:
        if not nullable(queryset, name):
            raise ValueError
        return None
    field = F(name).resolve_expression(queryset.query).output_field
    if isinstance(field, CharField | TextField) and not isinstance(raw, str):
        raise TypeError
    value = field.to_python(raw)
    if isinstance(value, str) and "\0" in value.encode().decode():
        raise ValueError
    if isinstance(field, IntegerField):
        field.run_validators(value)
    if isinstance(value, Decimal) and not value.is_finite():
        raise ValueError
    if isinstance(value, datetime):
        if timezone.is_naive(value):
            raise ValueError
        value = value.astimezone(UTC)  # refuses what lies outside the calendar
    return value


def decode(cursor, order, queryset):
    """Return the values of `order.fields` that the cursor holds, in the types of the columns, or raise BadCursor."""
    try:
        if len(cursor) > LONGEST:
            raise ValueError
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        param, *values = json.loads(text, parse_constant=_refuse_constant)
        if param != order.param:
            raise ValueError
        return [_typed(queryset, name, value) for name, value in zip(order.fields, values, strict=True)]
    except (ValueError, TypeError, AttributeError, ArithmeticError, RecursionError, ValidationError) as error:
        raise BadCursor("bad cursor") from error


class _Beyond(Func):
    """`(a, b) > (x, y)` as one row comparison: the form that PostgreSQL turns into a single index condition."""

    output_field = BooleanField()

    def __init__(self, *expressions, operator, **extra):
        super().__init__(*expressions, **extra)
        self.operator = operator

    def as_sql(self, compiler, connection, **context):
        parts, params = [], []
        for expression in self.get_source_expressions():
            sql, values = compiler.compile(expression)
            parts.append(sql)
            params.extend(values)
        half = len(parts) // 2
        return f"({', '.join(parts[:half])}) {self.operator} ({', '.join(parts[half:])})", params


def nullable(queryset, name):
    """Tell whether a sort field can be empty: a column that allows it, one behind such a relation, or an expression."""
    if name == "pk":
        return False
    if name in queryset.query.annotations:
        return True
    model = queryset.model
    for part in name.split("__"):
        field = model._meta.pk if part == "pk" else model._meta.get_field(part)
        if field.null or field.auto_created and field.is_relation:
            return True
        model = field.related_model or model
    return False


def beyond(queryset, order, values, *, backward):
    """Return the queryset limited to rows that come after these values (before them when `backward`)."""
    falling = order.descending != backward
    if not any(nullable(queryset, name) for name in order.names):
        columns = [F(name) for name in order.fields]
        typed = [
            Value(value, output_field=column.resolve_expression(queryset.query).output_field)
            for column, value in zip(columns, values, strict=True)
        ]
        return queryset.filter(_Beyond(*columns, *typed, operator="<" if falling else ">"))
    nulls_behind = (order.nulls == "last") != falling
    condition = None
    for name, value in reversed(list(zip(order.fields, values, strict=True))):
        if value is None:
            step, same = (Q() if nulls_behind else Q(**{f"{name}__isnull": False})), Q(**{f"{name}__isnull": True})
            tied = same & condition
            condition = tied if nulls_behind else step | tied
        else:
            step = Q(**{f"{name}__{'lt' if falling else 'gt'}": value})
            if nulls_behind and name != "pk":
                step |= Q(**{f"{name}__isnull": True})
            condition = step if condition is None else step | (Q(**{name: value}) & condition)
    return queryset.filter(condition)


def _terms(queryset, order, backward):
    """Return (name, whether it falls, where empty values are named to stand) of each sort field."""
    falling = order.descending != backward
    places = {"nulls_first": True} if (order.nulls == "first") != falling else {"nulls_last": True}
    return [(name, falling, places if nullable(queryset, name) else {}) for name in order.fields]


def ordered(queryset, order, *, backward):
    """Return the queryset in this order, or in its reverse."""
    terms = _terms(queryset, order, backward)
    return queryset.order_by(*(F(name).desc(**at) if falls else F(name).asc(**at) for name, falls, at in terms))


class _Among(Func):
    """`key = ANY(ARRAY(SELECT …))`: the keys are known before rows are read by them, whatever the planner guesses."""

    output_field = BooleanField()

    def __init__(self, key, sql, params, **extra):
        super().__init__(key, **extra)
        self.keys = sql, params

    def as_sql(self, compiler, connection, **context):
        sql, params = compiler.compile(self.get_source_expressions()[0])
        return f"{sql} = ANY(ARRAY({self.keys[0]}))", [*params, *self.keys[1]]


def of_shares(queryset, order, field, values, rows, *, backward=False):
    """Return the queryset limited to the first `rows` rows of those whose `field` has one of these values, UUIDs.

    An index gives the rows of one value in order, not those of several: PostgreSQL would sort them all. So it takes
    `rows` of each value, and sorts those. (Ordered statements for each value, merged, are planned longer than this runs.)
    """
    of_one = ordered(queryset.filter(**{field: RawSQL("share.value", ())}), order, backward=backward)
    try:
        sql, params = of_one.values(*order.fields)[:rows].query.sql_with_params()
    except EmptyResultSet:
        return queryset.none()
    directions = [
        f"{place} {'DESC' if falls else 'ASC'}" + "".join(f" {words.replace('_', ' ').upper()}" for words in nulls)
        for place, (_, falls, nulls) in enumerate(_terms(queryset, order, backward), start=1)
    ]
    first = f"""
        SELECT pk FROM (
            SELECT of_one.* FROM unnest(%s::uuid[]) share(value) CROSS JOIN LATERAL ({sql}) of_one
            ORDER BY {", ".join(directions)} LIMIT %s
        ) first
    """
    return queryset.filter(_Among(F("pk"), first, (list(values), *params, rows)))
