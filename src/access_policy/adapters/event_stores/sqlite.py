"""The event store in an SQLite file: durable after each append (write-ahead log, fully synchronised)."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Final

from eventsourcing.persistence import IntegrityError, StoredEvent
from eventsourcing.sqlite import (
    SQLiteApplicationRecorder,
    SQLiteConnection,
    SQLiteConnectionPool,
    SQLiteCursor,
    SQLiteDatastore,
)

from access_policy.adapters.event_stores.log_rows import LogRow
from access_policy.adapters.event_stores.recorder_store import TIMEOUT_S, RecorderEventStore
from access_policy.adapters.event_stores.serde import DOMAIN_SERDE, EventSerde
from access_policy.adapters.event_stores.sqlite_checkpoints import KEPT_BYTES, Checkpoints
from access_policy.adapters.sql.sqlite_locks import PromptConnection

SYNCHRONOUS_FULL: Final = 2  # the value of the pragma
ROWS_MAX: Final = 500  # per statement: 2,000 values; SQLite's limit is 32,766
CHECKPOINT_IN_A_COMMIT_PAGES: Final = 50_000  # 200 MB of write-ahead log, which `Checkpoints` never lets it reach
DRIVER_TIMEOUT_SHARE: Final = 0.8  # share of the store's deadline, so that SQLite's lock error arrives first

TYPES: Final = ("text", "integer", "text", "blob")  # of the columns; an edited row may have others
SELECT_AS_STORED: Final = """
SELECT rowid, CAST(originator_id AS BLOB), originator_version, CAST(topic AS BLOB), CAST(state AS BLOB),
    typeof(originator_id), typeof(originator_version), typeof(topic), typeof(state)
FROM stored_events WHERE rowid > ? AND rowid <= ? ORDER BY rowid LIMIT ?"""
SELECT_ROWS: Final = "SELECT rowid, originator_id, originator_version, topic, state FROM stored_events"


class NotDurable(RuntimeError):
    """This SQLite file could lose committed events."""


def sqlite_event_store(
    path: Path, *, timeout_s: float = TIMEOUT_S, serde: EventSerde = DOMAIN_SERDE
) -> RecorderEventStore:
    """Open the file, or create it. Raises `NotDurable`, `eventsourcing.persistence.PersistenceError` or `sqlite3.Error` if the
    file cannot be used.
    """
    datastore = DurableSqliteDatastore(path, timeout_s=timeout_s)
    recorder = ManyRowsAppends(datastore)
    recorder.create_table()
    checkpoints = Checkpoints(path)
    checkpoints.start()

    def close() -> None:
        checkpoints.stop()
        datastore.close()

    return RecorderEventStore(
        recorder, timeout_s=timeout_s, serde=serde, driver_errors=(sqlite3.Error,), close_recorder=close
    )


class ManyRowsAppends(SQLiteApplicationRecorder):
    """The library's recorder, but one statement inserts up to `ROWS_MAX` rows and commits itself.

    At each statement the driver releases the interpreter's lock, and has to get it back from the event loop, which may be busy
    for milliseconds with the next attempts. So this happens once for each commit, not for each row and for BEGIN and COMMIT.
    """

    waits_for_rows: Final = False

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        if not 0 < len(stored_events) <= ROWS_MAX:
            return super().insert_events(stored_events, **kwargs)
        with self.datastore.get_connection(commit=True) as connection, connection.cursor() as cursor:
            try:
                return _insert_rows(SQLiteCursor(cursor), stored_events)
            except sqlite3.IntegrityError as error:
                raise IntegrityError(error) from error

    def log_rows(self, after: int, limit: int, up_to: int | None, names: Sequence[str]) -> Sequence[LogRow]:
        conditions, values = ["rowid > ?"], [after]
        if up_to is not None:
            conditions.append("rowid <= ?")
            values.append(up_to)
        if names:
            conditions.append(f"topic IN ({','.join('?' * len(names))})")
        select = f"{SELECT_ROWS} WHERE {' AND '.join(conditions)} ORDER BY rowid LIMIT ?"
        with self.datastore.get_connection(commit=False) as connection, connection.cursor() as cursor:
            cursor.row_factory = None  # plain tuples
            return cursor.execute(select, (*values, *names, limit)).fetchall()

    def rows_as_stored(self, after: int, limit: int, up_to: int) -> list[LogRow]:
        with self.datastore.get_connection(commit=False) as connection, connection.cursor() as cursor:
            cursor.row_factory = None
            return [_as_stored(*row) for row in cursor.execute(SELECT_AS_STORED, (after, up_to, limit))]

    def _insert_events(self, c: SQLiteCursor, stored_events: Sequence[StoredEvent], **_: Any) -> Sequence[int]:
        parts = (stored_events[at : at + ROWS_MAX] for at in range(0, len(stored_events), ROWS_MAX))
        return [position for part in parts for position in _insert_rows(c, part)]


def _insert_rows(cursor: SQLiteCursor, events: Sequence[StoredEvent]) -> Sequence[int]:
    """Insert the rows and return their positions, which are consecutive because there is only one writer at a time."""
    rows = ",".join(["(?,?,?,?)"] * len(events))
    values = chain.from_iterable((e.originator_id, e.originator_version, e.topic, e.state) for e in events)
    cursor.execute(f"INSERT INTO stored_events VALUES {rows}", tuple(values))  # noqa: S608  placeholders alone
    last: int = cursor.lastrowid
    return range(last - len(events) + 1, last + 1)


def _as_stored(
    position: int, stream: bytes | None, version: object, name: bytes | None, state: bytes | None, *types: str
) -> LogRow:
    """Convert a row that may have been edited: SQLite stores any type in any column, and any bytes in a text. If this service
    cannot have written the row, its version is 0, and its bytes include the types, name and version.
    """
    stream, name, state = stream or b"", name or b"", state or b""
    if types != TYPES or not isinstance(version, int) or version < 1 or not (_is_text(stream) and _is_text(name)):
        version, state = 0, f"{version} {types} {name!r} ".encode() + state
    return position, stream.decode(errors="replace"), version, name.decode(errors="replace"), state


def _is_text(value: bytes) -> bool:
    return value.decode(errors="ignore").encode() == value


class DurableSqliteDatastore(SQLiteDatastore):
    def __init__(self, path: Path, *, timeout_s: float) -> None:
        super().__init__(str(path), originator_id_type="text")
        self.pool = _DurablePool(path, timeout_s=timeout_s * DRIVER_TIMEOUT_SHARE)


class _DurablePool(SQLiteConnectionPool):
    def __init__(self, path: Path, *, timeout_s: float) -> None:
        super().__init__(db_name=str(path), pool_timeout=timeout_s)
        self._patience_s = timeout_s

    def _create_connection(self) -> SQLiteConnection:
        """Connect as the library does (autocommit, rows by name), then check the connection, and close it if it is
        unsuitable.
        """
        connection = sqlite3.connect(
            self.db_name, isolation_level=None, check_same_thread=False, timeout=0, factory=PromptConnection
        )
        connection.patience_s = self._patience_s
        try:
            self._make_durable(connection)
        except BaseException:
            connection.close()
            raise
        connection.row_factory = sqlite3.Row
        return SQLiteConnection(connection, max_age=self.max_age)

    def _make_durable(self, connection: sqlite3.Connection) -> None:
        (journal,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_IN_A_COMMIT_PAGES}")
        connection.execute(f"PRAGMA journal_size_limit={KEPT_BYTES}")
        (level,) = connection.execute("PRAGMA synchronous").fetchone()
        if journal != "wal":
            raise NotDurable(f"{self.db_name}: SQLite's journal_mode is {journal!r}, not 'wal'; use a local disk.")
        if level != SYNCHRONOUS_FULL:
            raise NotDurable(f"{self.db_name}: SQLite's synchronous is {level}, not FULL.")

    def put_connection(self, conn: SQLiteConnection) -> None:
        """Return the connection. A failed commit can leave its transaction open, which is rolled back before the next use."""
        if not conn.closed and conn._sqlite_conn.in_transaction:
            try:
                conn.rollback()
            except sqlite3.Error:
                conn.close()
        super().put_connection(conn)
