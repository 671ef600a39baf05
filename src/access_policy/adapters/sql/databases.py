"""SQLAlchemy engines for an SQLite file or a PostgreSQL database, with the same guarantees.

A reading transaction sees one state of the database throughout. Rows that a writing transaction read `with_for_update` do not
change until it commits: on SQLite because it holds the file's write lock from its beginning, on PostgreSQL because it holds the
rows' locks.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Dialect, Engine, String, TableClause, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite

from access_policy.adapters.sql.postgres_connections import PunctualConnection, connection_settings
from access_policy.adapters.sql.sqlite_locks import PromptConnection

BUSY_TIMEOUT_S = 10.0  # wait for another process's transaction on the file
STATEMENT_TIMEOUT_S = 30.0
CACHE_KIB: Final = 32 * 1024  # for each connection to a file, as far as it is used
# pages of the write-ahead log (32 MiB), so that a hot index page is copied once for many commits
CHECKPOINT_PAGES: Final = 8_000
NO_LIMIT: Final = 0.0
POOL_SIZE: Final = 8
POOL_TIMEOUT_S: Final = 5.0
NOTHING: Final[dict[None, None]] = {}  # its `get` returns None for None, without running Python code

TEXT: Final = String().with_variant(postgresql.VARCHAR(collation="C"), "postgresql")  # sorts the same everywhere


# sqlite3 looks for an adapter for each value that is neither a number nor text, unless its type has one. That costs more than
# storing the value.
sqlite3.register_adapter(type(None), NOTHING.get)
sqlite3.register_adapter(bool, int)


@dataclass(frozen=True, slots=True)
class Database:
    """Two views of one engine: `reading` for read-only transactions, `writing` for the others."""

    reading: Engine
    writing: Engine

    @property
    def is_file(self) -> bool:
        return self.reading.dialect.name == "sqlite"

    def close(self) -> None:
        self.reading.dispose()


def database_at(
    where: Path | str, purpose: str, *, waits: bool = False, timeout_s: float = STATEMENT_TIMEOUT_S
) -> Database:
    """Return a database in a file or at a `postgresql://` URL, without connecting yet. Statements on a server are limited to
    `timeout_s`, or not limited with `waits`.
    """
    return _file(where) if isinstance(where, Path) else _server(where, purpose, NO_LIMIT if waits else timeout_s)


def upsert_into(table: TableClause, dialect: Dialect) -> postgresql.Insert | sqlite.Insert:
    """Return an INSERT that can have ON CONFLICT, which both dialects write in the same way."""
    return postgresql.insert(table) if dialect.name == "postgresql" else sqlite.insert(table)


def _file(path: Path) -> Database:
    engine = create_engine(
        f"sqlite:///{path}",
        connect_args={"timeout": 0, "check_same_thread": False, "factory": PromptConnection},
        hide_parameters=True,  # errors must not carry rows into logs and error messages
    )
    event.listen(engine, "connect", _configure_file)
    event.listen(engine, "begin", _begin_in_file)
    return Database(engine, engine.execution_options(writes=True))


def _configure_file(connection: PromptConnection, _: object) -> None:
    connection.patience_s = BUSY_TIMEOUT_S
    connection.isolation_level = None  # the driver's BEGIN is too late for savepoints; `_begin_in_file` sends it
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")  # rows can be rebuilt; the log that they come from uses FULL
    cursor.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
    cursor.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
    cursor.close()


def _begin_in_file(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _server(url: str, purpose: str, timeout_s: float) -> Database:
    settings = connection_settings(url, timeout_s, purpose)
    engine = create_engine(
        "postgresql+psycopg://",
        creator=lambda: PunctualConnection.connect(url, **settings),
        pool_size=POOL_SIZE,
        pool_timeout=POOL_TIMEOUT_S,
        pool_pre_ping=True,  # replaces a connection that died while idle
        hide_parameters=True,
        isolation_level="REPEATABLE READ",
    )
    return Database(engine, engine.execution_options(isolation_level="READ COMMITTED"))
