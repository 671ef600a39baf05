"""Row changes as SQL, many in one statement.

Changes are brought into groups of one statement each. Every row sees its changes in their order; changes of different
rows may swap places.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, Dialect, Table, bindparam, case, delete, update
from sqlalchemy.sql import Executable

from access_policy.adapters.read_models.tables import LIVE, TableSet
from access_policy.adapters.sql.databases import upsert_into
from access_policy.application.projections.changes import Change, Put, Remove, RowChange

Parameters = dict[str, Any]


class Shape(NamedTuple):
    """What changes of one statement have in common. `nulls` are the columns of the condition that must be empty."""

    kind: type
    table: str
    key: tuple[str, ...]
    values: tuple[str, ...] = ()
    at_first: tuple[str, ...] = ()
    counted: tuple[str, str] | None = None
    nulls: tuple[str, ...] = ()
    bounded: bool = False


class Group(NamedTuple):
    shape: Shape
    parameters: list[Parameters]


def write(connection: Connection, changes: Iterable[RowChange], into: TableSet = LIVE) -> None:
    for shape, parameters in groups_of(changes):
        connection.execute(_statement(shape, into, connection.dialect), parameters)


def groups_of(changes: Iterable[RowChange]) -> list[Group]:
    """Each change joins the latest group of its shape, unless its row was touched by a later group."""
    groups: list[Group] = []
    latest_of_shape: dict[Shape, int] = {}
    latest_of_row: dict[tuple[Any, ...], int] = {}
    latest_of_table: dict[str, int] = {}
    latest_of_all_rows: dict[str, int] = {}  # the latest group that may touch any row of the table
    for change in changes:
        shape, parameters = _shaped(change)
        row = _row(change, shape)
        after = (
            latest_of_table.get(shape.table, -1)
            if row is None
            else max(latest_of_row.get(row, -1), latest_of_all_rows.get(shape.table, -1))
        )
        place = latest_of_shape.get(shape, -1)
        if place < max(after, 0):
            place = latest_of_shape[shape] = len(groups)
            groups.append(Group(shape, []))
        groups[place].parameters.append(parameters)
        latest_of_table[shape.table] = max(place, latest_of_table.get(shape.table, -1))
        if row is None:
            latest_of_all_rows[shape.table] = place
        else:
            latest_of_row[row] = place
    return groups


def _row(change: RowChange, shape: Shape) -> tuple[Any, ...] | None:
    """The one row that the change can touch; None if it can touch others."""
    key = change.key if isinstance(change, Put) else change.where
    names = _primary_key(change.table)
    if any(key.get(name) is None for name in names):
        return None
    return (shape.table, *(key[name] for name in names))


def _shaped(change: RowChange) -> tuple[Shape, Parameters]:
    match change:
        case Put(key=key, values=values, at_first=at_first, counted=counted):
            shape = Shape(Put, change.table, tuple(key), tuple(values), tuple(at_first))
            parameters = {**at_first, **values, **key}
            if counted is None:
                return shape, parameters
            return (
                shape._replace(counted=(counted.column, counted.mark)),
                {**parameters, counted.column: 1, counted.mark: counted.value},
            )
        case Change(values=values, before=before):
            shape, parameters = _conditional(change)
            parameters.update({f"to_{name}": value for name, value in values.items()})
            if before is not None:
                parameters["before"] = before
            return shape._replace(values=tuple(values), bounded=before is not None), parameters
        case Remove():
            return _conditional(change)


def _conditional(change: Change | Remove) -> tuple[Shape, Parameters]:
    named = {name: value for name, value in change.where.items() if value is not None}
    nulls = tuple(name for name, value in change.where.items() if value is None)
    shape = Shape(type(change), change.table, tuple(named), nulls=nulls)
    return shape, {f"is_{name}": value for name, value in named.items()}


@lru_cache(maxsize=512)
def _primary_key(table: str) -> tuple[str, ...]:
    return tuple(column.name for column in LIVE.table(table).primary_key.columns)


@lru_cache(maxsize=512)
def _statement(shape: Shape, into: TableSet, dialect: Dialect) -> Executable:
    table = into.table(shape.table)
    if shape.kind is Put:
        return _upsert(table, shape, dialect)
    if shape.kind is Remove:
        return delete(table).where(*_conditions(table, shape))
    return (
        update(table).values({name: bindparam(f"to_{name}") for name in shape.values}).where(*_conditions(table, shape))
    )


def _conditions(table: Table, shape: Shape) -> list[Any]:
    conditions: list[Any] = [table.c[name] == bindparam(f"is_{name}") for name in shape.key]
    conditions += [table.c[name].is_(None) for name in shape.nulls]
    if shape.bounded:
        conditions.append(table.c.position < bindparam("before"))
    return conditions


def _upsert(table: Table, shape: Shape, dialect: Dialect) -> Executable:
    put = upsert_into(table, dialect)
    excluded = put.excluded  # a copy of the whole table each time it is asked for
    then: dict[str, Any] = {name: excluded[name] for name in shape.values}
    if shape.counted is not None:
        column, mark = shape.counted
        grew = excluded[mark] > table.c[mark]
        then[column] = case((grew, table.c[column] + 1), else_=table.c[column])
        then[mark] = case((grew, excluded[mark]), else_=table.c[mark])
    if not then:
        return put.on_conflict_do_nothing(index_elements=list(shape.key))
    return put.on_conflict_do_update(index_elements=list(shape.key), set_=then)
