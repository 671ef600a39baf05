"""Remove deleted rows from the files of a database, because deleting alone leaves their bytes in place."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Connection, exists, func, select, table, text
from sqlalchemy.exc import SQLAlchemyError

from access_policy.adapters.sql.databases import Database

log = logging.getLogger(__name__)

OTHERS_END_S: Final = 1.0  # how long a wipe waits for transactions that still see deleted rows, and for other wipes


def wipe_file(database: Database) -> None:
    """Empty the write-ahead log, which still contains the rows that `secure_delete` overwrote in the file."""
    connection = database.reading.raw_connection()  # any other connection is in a transaction from its first statement
    try:
        patience_s = connection.driver_connection.patience_s  # type: ignore[union-attr]
        with _waiting(connection.cursor(), patience_s):
            if not _in_time(lambda: _checkpointed(connection.cursor())):
                raise sqlite3.OperationalError("another process is reading the file, so its log is not emptied yet")
    finally:
        connection.close()


@contextmanager
def _waiting(cursor: Any, patience_s: float) -> Iterator[None]:
    """Let SQLite itself wait, because a checkpoint that finds a reader does not raise an error that would be retried."""
    cursor.execute(f"PRAGMA busy_timeout={round(1000 * patience_s)}")
    try:
        yield
    finally:
        cursor.execute("PRAGMA busy_timeout=0")
        cursor.close()


def _checkpointed(cursor: Any) -> bool:
    """Checkpoint once and return whether it succeeded. SQLite does not wait for another process that is checkpointing."""
    cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    ((busy, _, _),) = cursor.fetchall()
    cursor.close()
    return not busy


def _in_time(is_done: Callable[[], bool]) -> bool:
    """Wait until the condition holds; False if time runs out."""
    until = time.monotonic() + OTHERS_END_S
    while not is_done():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


# Sessions of this database that may still see rows deleted before transaction `:next`.
_OLDER: Final = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    " AND greatest(age(backend_xmin), age(backend_xid)) > age(CAST(CAST(:next AS xid8) AS xid))"
)

_STATISTICS: Final = "pg_catalog.pg_statistic"
_COLUMNS: Final = text(
    "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
    " WHERE attrelid = CAST(:name AS regclass) AND attnum > 0 AND NOT attisdropped"
)


def wipe_tables(database: Database, *names: str) -> None:
    """Rewrite the tables and their planner statistics. A plain VACUUM frees the space of deleted rows but leaves their content
    in it.
    """
    with database.writing.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for name in names:
            _wipe_table(connection, name)
            _forget_statistics(connection, name)
        if not _rewritten(connection, _STATISTICS):
            log.warning("deleted statistics stay in a file that only the owner of the database can wipe")


def _wipe_table(connection: Connection, name: str) -> None:
    following = connection.execute(text("SELECT CAST(pg_snapshot_xmax(pg_current_snapshot()) AS text)")).scalar()
    if not _in_time(lambda: not connection.execute(_OLDER, {"next": following}).scalar()):
        log.warning("deleted rows of %s stay in its file: an older transaction is still open", name)
    if not _rewritten(connection, name):
        raise SQLAlchemyError(f"only the owner of the table {name} can wipe it")


def _rewritten(connection: Connection, name: str) -> bool:
    """Rewrite the table; False if the server refused, for which it only warns."""
    file = select(func.pg_relation_filenode(name))
    before = connection.execute(file).scalar()
    connection.execute(text(f"VACUUM (FULL) {name}"))
    return connection.execute(file).scalar() != before


def _forget_statistics(connection: Connection, name: str) -> None:
    """Remove the planner's statistics, which contain values of the deleted rows. `ANALYZE` replaces them, except for a table
    without rows; changing a column to the type that it already has removes them.
    """
    connection.execute(text(f"ANALYZE {name}"))
    if not connection.execute(select(exists().select_from(table(name)))).scalar():
        for column, kind in connection.execute(_COLUMNS, {"name": name}).all():
            connection.execute(text(f'ALTER TABLE {name} ALTER COLUMN "{column}" TYPE {kind}'))
