"""The tables that a rebuild fills beside the live ones, and their swap. Each function runs in the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, Index, delete, insert, select, text, update
from sqlalchemy.schema import CreateTable

from access_policy.adapters.read_models.batch import positions_for_update
from access_policy.adapters.read_models.table_sets import LIVE, NEXT, PARKED, POSITIONS, READ_BY_FOLDS, shape_of
from access_policy.adapters.sql.databases import upsert_into
from access_policy.application.projections.changes import Projection


class RebuildOvertaken(RuntimeError):
    """Another rebuild of the same read models began later, and replaces this one."""


def begin_anew(connection: Connection, projections: Sequence[Projection]) -> None:
    """Empty the live tables, and make them follow from the start of the log."""
    for projection in projections:
        for table in LIVE.tables_of(projection):
            connection.execute(delete(table))
        connection.execute(delete(PARKED).where(PARKED.c.projection == projection.name))
        start = {"position": 0, "shape": shape_of(projection)}
        put = upsert_into(POSITIONS, connection.dialect).values(projection=projection.name, **start)
        connection.execute(put.on_conflict_do_update(index_elements=["projection"], set_=start))


def begin_next(connection: Connection, projections: Sequence[Projection], token: str) -> None:
    """Create empty tables beside the live ones, owned by the rebuild with this `token`. Drop those of an earlier rebuild."""
    for projection in projections:
        _drop_next(connection, projection)
        for table in NEXT.tables_of(projection):
            connection.execute(CreateTable(table))
        for index in _indexes(projection, read_by_folds=True):
            index.create(connection)
        row = {"projection": NEXT.name_of(projection), "position": 0, "shape": token}
        connection.execute(insert(POSITIONS).values(row))


def indexes_of_readers(projections: Sequence[Projection]) -> list[Index]:
    """Return the indexes that folds do not use. Creating them is faster once the new tables have their rows."""
    return [index for projection in projections for index in _indexes(projection, read_by_folds=False)]


def create_index(connection: Connection, projections: Sequence[Projection], token: str, index: Index) -> None:
    """Create the index beside the live one, in a separate transaction, so that followers wait for one index at most. Raises
    `RebuildOvertaken`.
    """
    require_ours(connection, projections, token)
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL statement_timeout = 0"))  # the caller has a deadline
    index.create(connection)


def _indexes(projection: Projection, *, read_by_folds: bool) -> list[Index]:
    return [
        index
        for table in NEXT.tables_of(projection)
        for index in table.indexes
        if (str(index.name).removesuffix(NEXT.suffix) in READ_BY_FOLDS) is read_by_folds
    ]


def give_up(connection: Connection, projections: Sequence[Projection], token: str) -> None:
    """Drop the tables beside the live ones if `token` still owns them."""
    if _are_ours(connection, projections, token):
        for projection in projections:
            _drop_next(connection, projection)


def require_ours(connection: Connection, projections: Sequence[Projection], token: str) -> None:
    """Keep other rebuilds away from these tables until the transaction ends. Raises `RebuildOvertaken`."""
    if not _are_ours(connection, projections, token):
        raise RebuildOvertaken(
            "another rebuild of the same read models has begun; this one has ended. Wait for the other one"
        )


def hold(connection: Connection, projections: Sequence[Projection], token: str) -> int:
    """Keep followers away from the live and the new tables until the transaction ends. Return the live tables' latest position.
    Raises `RebuildOvertaken`.
    """
    names = [each.name_of(projection) for projection in projections for each in (LIVE, NEXT)]
    positions = {row.projection: int(row.position) for row in connection.execute(positions_for_update(names))}
    require_ours(connection, projections, token)
    return max(positions[projection.name] for projection in projections)


def swap(connection: Connection, projections: Sequence[Projection]) -> None:
    """Replace the live tables, their positions and their parked events with the new ones."""
    for projection in projections:
        for name in projection.tables:
            _replace_table(connection, name)
        following = NEXT.name_of(projection)
        connection.execute(delete(PARKED).where(PARKED.c.projection == projection.name))
        connection.execute(update(PARKED).where(PARKED.c.projection == following).values(projection=projection.name))
        reached = connection.execute(
            select(POSITIONS.c.position).where(POSITIONS.c.projection == following)
        ).scalar_one()
        connection.execute(delete(POSITIONS).where(POSITIONS.c.projection == following))
        connection.execute(  # the same row, because followers wait for its lock
            update(POSITIONS)
            .where(POSITIONS.c.projection == projection.name)
            .values(position=reached, shape=shape_of(projection))
        )


def _are_ours(connection: Connection, projections: Sequence[Projection], token: str) -> bool:
    names = [NEXT.name_of(projection) for projection in projections]
    return [row.shape for row in connection.execute(positions_for_update(names))] == [token] * len(names)


def _drop_next(connection: Connection, projection: Projection) -> None:
    for table in NEXT.tables_of(projection):
        table.drop(connection, checkfirst=True)
    for kept in (POSITIONS, PARKED):
        connection.execute(delete(kept).where(kept.c.projection == NEXT.name_of(projection)))


def _replace_table(connection: Connection, name: str) -> None:
    """Rename the new table and its indexes to the names of the live ones."""
    live, following = LIVE.table(name), NEXT.table(name)
    live.drop(connection)
    connection.execute(text(f"ALTER TABLE {following.name} RENAME TO {live.name}"))
    names = [str(index.name) for index in live.indexes]
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"ALTER INDEX {following.name}_pkey RENAME TO {live.name}_pkey"))
        for index in names:
            connection.execute(text(f"ALTER INDEX {index}{NEXT.suffix} RENAME TO {index}"))
    else:
        _rename_in_file(connection, names)


def _rename_in_file(connection: Connection, indexes: Sequence[str]) -> None:
    """Rename the indexes in SQLite's schema table, because SQLite has no statement for it. The schema table may be changed if
    the stored rows stay the same (https://www.sqlite.org/lang_altertable.html, 7). Other connections read the schema again
    because a table was renamed, and this one because of RESET.
    """
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    for index in indexes:
        beside = f"{index}{NEXT.suffix}"
        connection.exec_driver_sql(
            "UPDATE sqlite_schema SET name = ?, sql = replace(sql, ?, ?) WHERE type = 'index' AND name = ?",
            (index, beside, index, beside),
        )
    connection.exec_driver_sql("PRAGMA writable_schema = RESET")
