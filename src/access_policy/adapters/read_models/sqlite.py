"""The SQLite file of the read models. Readers and the writer do not wait for each other (WAL)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event

BUSY_TIMEOUT_S = 10.0  # how long a writer waits for another process's transaction, such as a rebuild


def sqlite_engine(path: Path) -> Engine:
    """Transactions of the engine only read, unless its execution option `writes` is set: those hold the write lock from
    their begin, so that what they read stays true until they commit."""
    engine = create_engine(
        f"sqlite:///{path}",
        connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False},
        hide_parameters=True,  # rows must not leak into logs and reasons by way of errors
    )
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    return engine


def _configure(connection: Any, _: object) -> None:
    connection.isolation_level = None  # the driver's own BEGIN comes too late for savepoints; ours is below
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")  # rows can be rebuilt; the log they come from is kept with FULL
    cursor.close()


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
