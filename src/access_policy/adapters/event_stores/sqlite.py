"""The event store in an SQLite file: durable after each append (write-ahead log, fully synchronised)."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from eventsourcing.sqlite import (
    SQLiteApplicationRecorder,
    SQLiteConnection,
    SQLiteConnectionPool,
    SQLiteDatastore,
)

from access_policy.adapters.event_stores.recorder_store import TIMEOUT_S, RecorderEventStore
from access_policy.adapters.event_stores.serde import DOMAIN_SERDE, EventSerde

SYNCHRONOUS_FULL: Final = 2  # the value of the pragma
DRIVER_TIMEOUT_SHARE: Final = 0.8  # of the store's deadline: SQLite gives up waiting for a lock before we do


class NotDurable(RuntimeError):
    """The file's SQLite would not keep what was committed."""


def sqlite_event_store(
    path: Path, *, timeout_s: float = TIMEOUT_S, serde: EventSerde = DOMAIN_SERDE
) -> RecorderEventStore:
    """Opens the file, or makes it. Raises `NotDurable`, `eventsourcing.persistence.PersistenceError` or
    `sqlite3.Error` if it cannot be used."""
    datastore = DurableSqliteDatastore(path, timeout_s=timeout_s)
    recorder = SQLiteApplicationRecorder(datastore)
    recorder.create_table()
    return RecorderEventStore(
        recorder,
        timeout_s=timeout_s,
        serde=serde,
        driver_errors=(sqlite3.Error,),
        close_recorder=datastore.close,
    )


class DurableSqliteDatastore(SQLiteDatastore):
    def __init__(self, path: Path, *, timeout_s: float) -> None:
        super().__init__(str(path), originator_id_type="text")
        self.pool = _DurablePool(path, timeout_s=timeout_s * DRIVER_TIMEOUT_SHARE)


class _DurablePool(SQLiteConnectionPool):
    def __init__(self, path: Path, *, timeout_s: float) -> None:
        super().__init__(db_name=str(path), pool_timeout=timeout_s)
        self._busy_timeout_ms = round(timeout_s * 1000)

    def _create_connection(self) -> SQLiteConnection:
        """As the library makes one (autocommit, rows by name), but checked, and closed if it will not do."""
        connection = sqlite3.connect(self.db_name, isolation_level=None, check_same_thread=False)
        try:
            self._make_durable(connection)
        except BaseException:
            connection.close()
            raise
        connection.row_factory = sqlite3.Row
        return SQLiteConnection(connection, max_age=self.max_age)

    def _make_durable(self, connection: sqlite3.Connection) -> None:
        connection.execute(f"PRAGMA busy_timeout={self._busy_timeout_ms}")
        (journal,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
        connection.execute("PRAGMA synchronous=FULL")
        (level,) = connection.execute("PRAGMA synchronous").fetchone()
        if journal != "wal":
            raise NotDurable(f"{self.db_name}: SQLite's journal_mode is {journal!r}, not 'wal'; use a local disk.")
        if level != SYNCHRONOUS_FULL:
            raise NotDurable(f"{self.db_name}: SQLite's synchronous is {level}, not FULL.")

    def put_connection(self, conn: SQLiteConnection) -> None:
        """A commit that fails can leave its transaction open: it must not reach the next user of the connection."""
        if not conn.closed and conn._sqlite_conn.in_transaction:
            try:
                conn.rollback()
            except sqlite3.Error:
                conn.close()
        super().put_connection(conn)
