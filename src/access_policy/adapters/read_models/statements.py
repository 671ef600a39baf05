"""Row changes as SQL, in few statements: rows of one shape go to the database together.

Changes of one row keep their order: before a row is changed in another way, everything that waits is sent.
"""

from __future__ import annotations

from functools import lru_cache
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Connection, delete, update
from sqlalchemy.dialects.sqlite import Insert
from sqlalchemy.dialects.sqlite import insert as upsert

from access_policy.adapters.read_models.tables import METADATA
from access_policy.application.projections.changes import Change, Put, Remove, RowChange

_Shape = tuple[str, tuple[str, ...], tuple[str, ...], tuple[str, ...]]
_RowKey = tuple[Any, ...]


class Statements:
    """Collects changes inside a transaction of `connection`; leaving the block sends what waits."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._waiting: dict[_Shape, list[dict[str, Any]]] = {}
        self._shape_of: dict[_RowKey, _Shape] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.send()

    def add(self, change: RowChange) -> None:
        match change:
            case Put():
                self._put(change)
            case Change():
                self.send()
                self._change(change)
            case Remove(table=name, where=where):
                self.send()
                table = METADATA.tables[name]
                self._connection.execute(delete(table).where(*(table.c[column] == where[column] for column in where)))

    def send(self) -> None:
        for shape, rows in self._waiting.items():
            self._connection.execute(_put_statement(shape), rows)
        self._waiting.clear()
        self._shape_of.clear()

    def _put(self, change: Put) -> None:
        shape = (change.table, tuple(change.key), tuple(change.values), tuple(change.at_first))
        row = (change.table, *change.key.values())
        if self._shape_of.setdefault(row, shape) != shape:
            self.send()
            self._shape_of[row] = shape
        self._waiting.setdefault(shape, []).append({**change.at_first, **change.values, **change.key})

    def _change(self, change: Change) -> None:
        table = METADATA.tables[change.table]
        changing = update(table).values(dict(change.values))
        for name, value in change.where.items():
            changing = changing.where(table.c[name].is_(None) if value is None else table.c[name] == value)
        if change.before is not None:
            changing = changing.where(table.c.position < change.before)
        self._connection.execute(changing)


@lru_cache(maxsize=256)  # there are as many shapes as kinds of events
def _put_statement(shape: _Shape) -> Insert:
    name, keys, values, _ = shape
    put = upsert(METADATA.tables[name])
    if not values:
        return put.on_conflict_do_nothing(index_elements=keys)
    excluded = put.excluded  # a copy of the whole table each time it is asked for
    return put.on_conflict_do_update(index_elements=keys, set_={each: excluded[each] for each in values})
