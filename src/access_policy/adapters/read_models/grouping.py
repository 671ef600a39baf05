"""Put row changes into groups of one statement each.

Every row sees its changes in their order; changes of different rows may swap places.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

from access_policy.adapters.read_models.tables import LIVE
from access_policy.application.projections.changes import Change, Put, Remove, RowChange

Parameters = tuple[Any, ...]
RowKey = tuple[Any, ...]


class Shape(NamedTuple):
    """The common shape of the changes of one statement. `nulls` are the columns of the condition that must be empty."""

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
        """Bound parameters in the order of their values. If a name occurs twice, the later value counts."""
        if self.kind is Put:
            return (*self.at_first, *self.values, *self.key, *(self.counted or ()))
        conditions = (*(f"is_{name}" for name in self.key), *(("before",) if self.bounded else ()))
        return (*(f"to_{name}" for name in self.values), *conditions)


class Group(NamedTuple):
    shape: Shape
    parameters: list[Parameters]  # in the order of `shape.names`


@dataclass(slots=True)
class _TableState:
    """Numbers of the latest group that touches the table, of the latest that may touch any of its rows, and by row."""

    latest: int = -1
    of_all_rows: int = -1
    of_row: dict[RowKey, int] = field(default_factory=dict)


def groups_of(changes: Iterable[RowChange]) -> list[Group]:
    """Add each change to the latest group of its shape, unless a later group touches its row."""
    groups: list[Group] = []
    latest_of_shape: dict[Shape, int] = {}
    tables: dict[str, _TableState] = {}
    for change in changes:
        shape, parameters = _shaped(change)
        table = tables.get(shape.table)
        if table is None:
            table = tables[shape.table] = _TableState()
        row = _row(change, shape)
        after = table.latest if row is None else max(table.of_row.get(row, -1), table.of_all_rows)
        number = latest_of_shape.get(shape, -1)
        if number < 0 or number < after:
            number = latest_of_shape[shape] = len(groups)
            groups.append(Group(shape, []))
        groups[number].parameters.append(parameters)
        if number > table.latest:
            table.latest = number
        if row is None:
            table.of_all_rows = number
        else:
            table.of_row[row] = number
    return groups


def _row(change: RowChange, shape: Shape) -> RowKey | None:
    """The primary key of the one row that the change can touch; None if it can touch others."""
    key_of = _row_key(shape.table, shape.key)
    if key_of is None:
        return None
    return key_of(change.key if isinstance(change, Put) else change.where)


@lru_cache(maxsize=512)
def _row_key(table: str, named: tuple[str, ...]) -> Callable[[Mapping[str, Any]], RowKey] | None:
    """A function that reads the primary key from a change with these columns; None if they do not cover the key."""
    key = tuple(column.name for column in LIVE.table(table).primary_key.columns)
    return itemgetter(*key) if set(key) <= set(named) else None


def _shaped(change: RowChange) -> tuple[Shape, Parameters]:
    if isinstance(change, Put):
        key, values, at_first, counted = change.key, change.values, change.at_first, change.counted
        parameters = (*at_first.values(), *values.values(), *key.values())
        if counted is None:
            return Shape(Put, change.table, tuple(key), tuple(values), tuple(at_first)), parameters
        counting = (counted.column, counted.mark)
        shape = Shape(Put, change.table, tuple(key), tuple(values), tuple(at_first), counting)
        return shape, (*parameters, 1, counted.value)
    named, nulls, given = _condition(change.where)
    if isinstance(change, Remove):
        return Shape(Remove, change.table, named, nulls=nulls), given
    bound = () if change.before is None else (change.before,)
    shape = Shape(Change, change.table, named, tuple(change.values), nulls=nulls, bounded=bool(bound))
    return shape, (*change.values.values(), *given, *bound)


def _condition(where: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...], Parameters]:
    """The columns with a value, the columns that must be empty, and the values."""
    if None not in where.values():
        return tuple(where), (), tuple(where.values())
    named = {name: value for name, value in where.items() if value is not None}
    return tuple(named), tuple(name for name, value in where.items() if value is None), tuple(named.values())
