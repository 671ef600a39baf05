"""Combine row changes into groups of one statement each.

The changes of one row keep their order; changes of different rows may be reordered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

from access_policy.adapters.read_models.table_sets import LIVE
from access_policy.application.projections.changes import Change, Put, Remove, RowChange

Parameters = tuple[Any, ...]
RowKey = tuple[Any, ...]


class Shape(NamedTuple):
    """What the changes of one statement have in common. `nulls` are the columns that the condition requires to be null."""

    kind: type
    table: str
    key: tuple[str, ...]
    values: tuple[str, ...] = ()
    at_first: tuple[str, ...] = ()
    counted: tuple[str, str] | None = None
    nulls: tuple[str, ...] = ()
    bounded: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The bound parameters in the order of their values. If a name occurs twice, the later value counts."""
        if self.kind is Put:
            return (*self.at_first, *self.values, *self.key, *(self.counted or ()))
        conditions = (*(f"is_{name}" for name in self.key), *(("before",) if self.bounded else ()))
        return (*(f"to_{name}" for name in self.values), *conditions)


class Group(NamedTuple):
    shape: Shape
    parameters: list[Parameters]  # in the order of `shape.names`


RowOf = Callable[[Mapping[str, Any]], RowKey]


@dataclass(frozen=True, slots=True, eq=False)  # one object for each shape: compared by identity, which costs nothing
class _Plan:
    """A shape, and a function that reads the primary key from a change of that shape; None if the change can affect other
    rows.
    """

    shape: Shape
    row_of: RowOf | None


@dataclass(slots=True)
class _TableState:
    """The numbers of the latest group that touches the table, of the latest that may touch any of its rows, and, since that
    one, of the latest by row.
    """

    latest: int = -1
    of_all_rows: int = -1
    of_row: dict[RowKey, int] = field(default_factory=dict)


def groups_of(changes: Iterable[RowChange]) -> list[Group]:
    """Add each change to the latest group of its shape, unless a later group touches its row."""
    groups: list[Group] = []
    latest_of_plan: dict[_Plan, int] = {}
    tables: dict[str, _TableState] = {}
    for change in changes:
        plan, keyed, parameters = _planned(change)
        table = tables.get(change.table)
        if table is None:
            table = tables[change.table] = _TableState()
        row = None if plan.row_of is None else plan.row_of(keyed)
        after = table.latest if row is None else table.of_row.get(row, table.of_all_rows)
        number = latest_of_plan.get(plan, -1)
        if number < 0 or number < after:
            number = latest_of_plan[plan] = len(groups)
            groups.append(Group(plan.shape, []))
        groups[number].parameters.append(parameters)
        if number > table.latest:
            table.latest = number
        if row is None:
            table.of_all_rows = number
            table.of_row.clear()
        else:
            table.of_row[row] = number
    return groups


def _planned(change: RowChange) -> tuple[_Plan, Mapping[str, Any], Parameters]:
    """Return the plan, the columns by which the change names its rows, and the parameters in the order of the shape's names."""
    if isinstance(change, Put):
        first, values, key, counted = change.at_first, change.values, change.key, change.counted
        if counted is None:
            plan = _plan_of_put(change.table, None, None, len(first), len(values), *first, *values, *key)
            return plan, key, (*first.values(), *values.values(), *key.values())
        plan = _plan_of_put(change.table, counted.column, counted.mark, len(first), len(values), *first, *values, *key)
        return plan, key, (*first.values(), *values.values(), *key.values(), 1, counted.value)
    named, nulls, given = _condition(change.where)
    if isinstance(change, Remove):
        return _plan_of(Remove, change.table, named, (), nulls, bounded=False), change.where, given
    bound = () if change.before is None else (change.before,)
    plan = _plan_of(Change, change.table, named, tuple(change.values), nulls, bounded=bool(bound))
    return plan, change.where, (*change.values.values(), *given, *bound)


@lru_cache(maxsize=512)
def _plan_of_put(table: str, counted: str | None, mark: str | None, firsts: int, others: int, *names: str) -> _Plan:
    """Return a plan. `names` are `firsts` columns of a new row, then `others` columns, then the key. The cache finds these
    arguments without building a `Shape` for each change.
    """
    at_first, values, key = names[:firsts], names[firsts : firsts + others], names[firsts + others :]
    counting = None if counted is None or mark is None else (counted, mark)
    return _Plan(Shape(Put, table, key, values, at_first, counting), _row_of(table, key))


@lru_cache(maxsize=512)
def _plan_of(
    kind: type, table: str, named: tuple[str, ...], values: tuple[str, ...], nulls: tuple[str, ...], *, bounded: bool
) -> _Plan:
    shape = Shape(kind, table, named, values, nulls=nulls, bounded=bounded)
    return _Plan(shape, _row_of(table, named))


def _row_of(table: str, named: tuple[str, ...]) -> RowOf | None:
    key = tuple(column.name for column in LIVE.table(table).primary_key.columns)
    return itemgetter(*key) if set(key) <= set(named) else None


def _condition(where: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...], Parameters]:
    """Return the columns with a value, the columns that must be null, and the values."""
    if None not in where.values():
        return tuple(where), (), tuple(where.values())
    named = {name: value for name, value in where.items() if value is not None}
    return tuple(named), tuple(name for name, value in where.items() if value is None), tuple(named.values())
