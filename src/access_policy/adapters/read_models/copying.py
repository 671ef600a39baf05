"""Upserts of many rows in PostgreSQL: COPY into a temporary table, and one INSERT … ON CONFLICT from there.

One statement per row costs the client more than folding the rows (ADR 0019).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, cast

import psycopg
from sqlalchemy import Connection, TableClause, column, select, text
from sqlalchemy.dialects.postgresql import Insert
from sqlalchemy.exc import DBAPIError

Row = tuple[Any, ...]

STAGED: Final = "staged_rows"
WORTHWHILE: Final = 50  # rows; for fewer, the extra statements cost more than they save


def parts_of_different_keys(rows: Iterable[Row], key_of: Callable[[Row], Row]) -> list[list[Row]]:
    """Split rows so that no part has a key twice, because one INSERT must not touch a row twice. The n-th row of a key is in
    the n-th part. No part is larger than the one before it.
    """
    parts: list[list[Row]] = []
    seen: dict[Row, int] = {}
    for row in rows:
        key = key_of(row)
        number = seen[key] = seen.get(key, -1) + 1
        if number == len(parts):
            parts.append([])
        parts[number].append(row)
    return parts


def upsert_copied(connection: Connection, table: TableClause, upsert: Insert, rows: Sequence[Row]) -> None:
    """Upsert rows with different keys. Their values are in the order of the columns of `table`.

    Raises `sqlalchemy.exc.DBAPIError`.
    """
    names = list(table.c.keys())
    staged = TableClause(STAGED, *(column(each.name, each.type) for each in table.columns))
    insert = upsert.from_select(names, select(staged))
    connection.execute(text(f"CREATE TEMP TABLE {STAGED} ON COMMIT DROP AS {select(table)} WITH NO DATA"))
    _copy(connection, names, rows)
    connection.execute(insert)
    connection.execute(text(f"DROP TABLE {STAGED}"))


def _copy(connection: Connection, names: Sequence[str], rows: Iterable[Row]) -> None:
    columns = ", ".join(f'"{name}"' for name in names)
    statement = f"COPY {STAGED} ({columns}) FROM STDIN"
    driver = cast("psycopg.Connection[Any]", connection.connection.dbapi_connection)
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
    except psycopg.Error as error:  # SQLAlchemy wraps those of its own statements only
        raise DBAPIError.instance(statement, None, error, psycopg.Error, hide_parameters=True) from error
