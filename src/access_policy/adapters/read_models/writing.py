"""Write groups of row changes as SQL.

SQLAlchemy builds and compiles the statement of a shape once. Its rows go to the driver as plain tuples, because binding forty
parameters by name costs more per row in SQLAlchemy than storing the row costs in the database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    JSON,
    Boolean,
    Connection,
    Dialect,
    Table,
    TableClause,
    bindparam,
    case,
    column,
    delete,
    literal_column,
    update,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.sql import ClauseElement
from sqlalchemy.types import TypeEngine

from access_policy.adapters.read_models.columns import Instant, texts_of
from access_policy.adapters.read_models.copying import WORTHWHILE, parts_of_different_keys, upsert_copied
from access_policy.adapters.read_models.grouping import Parameters, Shape, groups_of
from access_policy.adapters.read_models.table_sets import LIVE, TableSet
from access_policy.adapters.sql.databases import upsert_into
from access_policy.application.projections.changes import Put, Remove, RowChange

ConvertColumn = Callable[[Sequence[Any]], Sequence[Any]]

SQLITE: Final = SQLiteDialect_pysqlite()
BY_POSITION: Final = PGDialect_psycopg(paramstyle="format")  # type: ignore[no-untyped-call]  # the engine's own binds by name


class RowGroup(NamedTuple):
    """The rows of one statement, in the form that the dialect's driver accepts."""

    shape: Shape
    rows: list[Parameters]


def write(connection: Connection, changes: Iterable[RowChange], into: TableSet = LIVE) -> None:
    write_groups(connection, row_groups(changes, into, _dialect_of(connection)), into)


def row_groups(changes: Iterable[RowChange], into: TableSet, dialect: Dialect) -> list[RowGroup]:
    """Return rows for `write_groups`, which another process may call. `dialect` comes from `dialect_named`."""
    return [
        RowGroup(group.shape, _statement(group.shape, into, dialect).rows(group.parameters))
        for group in groups_of(changes)
    ]


def write_groups(connection: Connection, groups: Iterable[RowGroup], into: TableSet) -> None:
    dialect = _dialect_of(connection)
    for group in groups:
        _write_rows(connection, _statement(group.shape, into, dialect), group.rows)


def dialect_named(name: str) -> Dialect:
    return BY_POSITION if name == BY_POSITION.name else SQLITE


def _dialect_of(connection: Connection) -> Dialect:
    return dialect_named(connection.dialect.name)


def _write_rows(connection: Connection, statement: _Statement, rows: list[Parameters]) -> None:
    if statement.upsert is not None:
        parts = parts_of_different_keys(rows, statement.key_of)
        while parts and len(parts[0]) >= WORTHWHILE:
            upsert_copied(connection, statement.table, statement.upsert, parts.pop(0))
        rows = [row for part in parts for row in part]
    if rows:
        connection.exec_driver_sql(statement.sql, rows)


@dataclass(frozen=True, slots=True)
class _Statement:
    """A compiled statement. `numbers` are the numbers of the parameters in the order of the SQL text. `converters` turn whole
    columns into values that the driver stores. The columns of `table` are in the order of the rows. `upsert` is None for other
    statements.
    """

    sql: str
    table: TableClause
    upsert: postgresql.Insert | None
    key_of: Callable[[Parameters], Parameters]
    numbers: tuple[int, ...]
    converters: tuple[tuple[int, ConvertColumn], ...]

    def rows(self, parameters: Sequence[Parameters]) -> list[Parameters]:
        if not self.numbers:
            return list(parameters)
        given = list(zip(*parameters, strict=True))
        columns: list[Sequence[Any]] = [given[number] for number in self.numbers]
        for number, convert in self.converters:
            columns[number] = convert(columns[number])
        return list(zip(*columns, strict=True))


@lru_cache(maxsize=512)
def _statement(shape: Shape, into: TableSet, dialect: Dialect) -> _Statement:
    names = shape.names
    table = _in_order(into.table(shape.table), shape)
    clause = _clause(table, shape, dialect)
    compiled = clause.compile(dialect=dialect, column_keys=list(dict.fromkeys(names)) if shape.kind is Put else None)
    in_text = compiled.positiontup or []  # type: ignore[attr-defined]
    last = {name: number for number, name in enumerate(names)}
    kinds = [compiled.binds[name].type for name in in_text]  # type: ignore[attr-defined]
    converters = [(number, convert) for number, kind in enumerate(kinds) if (convert := _converter(kind, dialect))]
    upsert = clause if isinstance(clause, postgresql.Insert) else None
    put = _in_order(into.table(shape.table), shape, all_columns=False)
    key_of = itemgetter(*(in_text.index(name) for name in shape.key)) if shape.kind is Put else tuple
    return _Statement(str(compiled), put, upsert, key_of, tuple(last[name] for name in in_text), tuple(converters))


def _in_order(table: Table, shape: Shape, *, all_columns: bool = True) -> TableClause:
    """Return the table with its columns in the order of the shape's parameters, so that the statement has the same order."""
    names = dict.fromkeys((*shape.at_first, *shape.values, *shape.key, *(shape.counted or ())))
    if all_columns:
        names |= dict.fromkeys(table.c.keys())
    return TableClause(table.name, *(column(name, table.c[name].type) for name in names))


def _converter(kind: TypeEngine[Any], dialect: Dialect) -> ConvertColumn | None:
    """Return a function that turns the values of a column into strings and numbers, which every driver stores and another
    process can send. None if they already are.
    """
    if isinstance(kind, Instant):
        return texts_of
    of = SQLITE if isinstance(kind, JSON) else dialect  # JSON as text, not in an object of the driver
    convert = None if isinstance(kind, Boolean) else kind.dialect_impl(of).bind_processor(of)
    return None if convert is None else lambda column: list(map(convert, column))


def _clause(table: TableClause, shape: Shape, dialect: Dialect) -> ClauseElement:
    if shape.kind is Put:
        return _upsert(table, shape, dialect)
    if shape.kind is Remove:
        return delete(table).where(*_conditions(table, shape))
    return (
        update(table).values({name: bindparam(f"to_{name}") for name in shape.values}).where(*_conditions(table, shape))
    )


def _conditions(table: TableClause, shape: Shape) -> list[Any]:
    conditions: list[Any] = [table.c[name] == bindparam(f"is_{name}") for name in shape.key]
    conditions += [table.c[name].is_(None) for name in shape.nulls]
    if shape.bounded:
        conditions.append(table.c.position < bindparam("before"))
    return conditions


def _upsert(table: TableClause, shape: Shape, dialect: Dialect) -> ClauseElement:
    put = upsert_into(table, dialect)
    excluded = put.excluded  # a copy of the whole table each time it is read
    then: dict[str, Any] = {name: excluded[name] for name in shape.values}
    if shape.counted is not None:
        column, mark = shape.counted
        grew = excluded[mark] > table.c[mark]
        then[column] = case((grew, table.c[column] + literal_column("1")), else_=table.c[column])
        then[mark] = case((grew, excluded[mark]), else_=table.c[mark])
    if not then:
        return put.on_conflict_do_nothing(index_elements=list(shape.key))
    return put.on_conflict_do_update(index_elements=list(shape.key), set_=then)
