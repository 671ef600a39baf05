"""The event store in PostgreSQL, over pyeventsourcing's recorder.

An append holds the table's EXCLUSIVE lock until it has committed. Positions therefore become visible in order, and a reader
that remembers its last position misses no event. (The library's stored functions take no such lock, so readers can miss events;
the service never uses them.) An append is one round trip, including COMMIT, so that the server never waits for the client while
it holds the lock.

Each call has one deadline for all its waits: for a connection, a lock and an answer. If the connection fails earlier, the call
retries with the same events; the store above recognises by their ids any that were stored.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from inspect import unwrap
from typing import Any, Final, TypeVar

import psycopg
import sqlalchemy
from eventsourcing.persistence import InterfaceError, Notification, OperationalError, StoredEvent
from eventsourcing.postgres import ConnectionPool, PostgresApplicationRecorder, PostgresDatastore
from psycopg import Connection
from psycopg.rows import DictRow, dict_row, tuple_row
from psycopg.sql import SQL
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from access_policy.adapters.event_stores.log_rows import LogRow
from access_policy.adapters.event_stores.recorder_store import READERS, TIMEOUT_S, RecorderEventStore
from access_policy.adapters.event_stores.serde import DOMAIN_SERDE, EventSerde
from access_policy.adapters.sql.databases import database_at
from access_policy.adapters.sql.migrations import Part, require_migrated
from access_policy.adapters.sql.postgres_connections import (
    PunctualConnection,
    connection_settings,
    deadline,
    time_left,
)

POOL_SIZE: Final = READERS + 1  # a connection for each thread of the store
# share of the store's deadline, so that the driver's error arrives before the caller gives up
DRIVER_TIMEOUT_SHARE: Final = 0.8
RECONNECT_FOR_S: Final = 2.0  # after this the pool waits for the next caller instead of backing off further
RETRY_AFTER_S: Final = 0.05

LIBRARY_SWITCH: Final = "POSTGRES_ENABLE_DB_FUNCTIONS"
EVENTS_TABLE: Final = "stored_events"
LOCK: Final = "LOCK TABLE public.stored_events IN EXCLUSIVE MODE"
INSERT: Final = (
    "INSERT INTO public.stored_events (originator_id, originator_version, topic, state)"
    " SELECT * FROM unnest(%b::text[], %b::bigint[], %b::text[], %b::bytea[]) RETURNING notification_id"
)
SELECT_ROWS: Final = SQL(
    "SELECT notification_id, originator_id, originator_version, topic, state FROM public.stored_events"
    " WHERE notification_id > %(after)s {bound} {named} ORDER BY notification_id LIMIT %(limit)s"
)

_Answer = TypeVar("_Answer")

# The library's reads without their ten-attempt retry wrapper.
_SELECT_EVENTS: Final[Callable[..., Sequence[StoredEvent]]] = unwrap(PostgresApplicationRecorder.select_events)
_SELECT_NOTIFICATIONS: Final[Callable[..., Sequence[Notification]]] = unwrap(
    PostgresApplicationRecorder.select_notifications
)
_MAX_NOTIFICATION_ID: Final[Callable[..., int | None]] = unwrap(PostgresApplicationRecorder.max_notification_id)


class LosesEvents(RuntimeError):
    """The environment enables the library's stored functions, with which readers of the log miss events."""


def postgres_event_store(
    url: str, *, pool_size: int = POOL_SIZE, timeout_s: float = TIMEOUT_S, serde: EventSerde = DOMAIN_SERDE
) -> RecorderEventStore:
    """Open the store in a migrated database. `url` is `postgresql://…`, as libpq reads it.

    Raises `LosesEvents`, `MigrationNeeded`, or `eventsourcing.persistence.PersistenceError` if the server cannot be used.
    """
    if os.environ.get(LIBRARY_SWITCH, "").strip().lower() in ("y", "yes", "t", "true", "on", "1"):
        raise LosesEvents(f"{LIBRARY_SWITCH} is set; readers would miss events. Unset it.")
    with _migrated(url):
        pass
    datastore = PunctualDatastore(url, pool_size=pool_size, timeout_s=timeout_s * DRIVER_TIMEOUT_SHARE)
    recorder = LockedAppends(datastore)
    return RecorderEventStore(
        recorder,
        timeout_s=timeout_s,
        serde=serde,
        driver_errors=(psycopg.Error,),
        close_recorder=datastore.close,
    )


def has_events(url: str) -> bool:
    """Tell whether the store has events. Raises like opening the store."""
    with _migrated(url) as connection:
        return bool(connection.execute(text("SELECT EXISTS (SELECT 1 FROM public.stored_events)")).scalar_one())


@contextmanager
def _migrated(url: str) -> Iterator[sqlalchemy.Connection]:
    """Connect to the migrated database over a new connection, because a pool reports only that it has no connection, not
    why.
    """
    database = database_at(url, "event store")
    try:
        with database.reading.connect() as connection:
            require_migrated(connection, Part.EVENTS)
            yield connection
    except SQLAlchemyError as error:
        raise OperationalError(f"the event store's database cannot be used: {error}") from error
    finally:
        database.close()


class LockedAppends(PostgresApplicationRecorder):
    """The library's recorder with one deadline per call instead of ten attempts, and with appends in one round trip."""

    def __init__(self, datastore: PunctualDatastore) -> None:
        super().__init__(datastore, events_table_name=EVENTS_TABLE)
        self._punctual = datastore

    def insert_events(self, stored_events: Sequence[StoredEvent], **_: Any) -> Sequence[int]:
        return self._punctual.in_time(lambda: self._insert(stored_events)) if stored_events else ()

    def select_events(self, *args: Any, **kwargs: Any) -> Sequence[StoredEvent]:
        return self._punctual.in_time(lambda: _SELECT_EVENTS(self, *args, **kwargs))

    def log_rows(self, after: int, limit: int, up_to: int | None, names: Sequence[str]) -> Sequence[LogRow]:
        return self._punctual.in_time(lambda: self._log_rows(after, limit, up_to, names))

    def select_notifications(self, *args: Any, **kwargs: Any) -> Sequence[Notification]:
        return self._punctual.in_time(lambda: _SELECT_NOTIFICATIONS(self, *args, **kwargs))

    def max_notification_id(self) -> int | None:
        return self._punctual.in_time(lambda: _MAX_NOTIFICATION_ID(self))

    def _log_rows(self, after: int, limit: int, up_to: int | None, names: Sequence[str]) -> Sequence[LogRow]:
        """Read rows in the binary format, because the text of a `bytea` has two characters for each byte."""
        with self._punctual.get_connection() as connection:
            cursor = connection.cursor(row_factory=tuple_row, binary=True)
            values = {"after": after, "up_to": up_to, "names": list(names), "limit": limit}
            select = SELECT_ROWS.format(
                bound=SQL("AND notification_id <= %(up_to)s" if up_to is not None else ""),
                named=SQL("AND topic = ANY(%(names)s)" if names else ""),
            )
            return cursor.execute(select, values).fetchall()

    def _insert(self, events: Sequence[StoredEvent]) -> list[int]:
        """Insert the events in a pipeline: the server continues after BEGIN, and commits, without waiting for the client. After
        a failed statement it skips the rest, including COMMIT.
        """
        columns = (
            [str(event.originator_id) for event in events],
            [event.originator_version for event in events],
            [event.topic for event in events],
            [event.state for event in events],
        )
        with self._punctual.get_connection() as connection:
            try:
                with connection.pipeline():
                    connection.execute("BEGIN")
                    connection.execute(LOCK)
                    inserted = connection.execute(INSERT, columns, prepare=True)
                    connection.execute("COMMIT")
                return [row["notification_id"] for row in inserted.fetchall()]
            except psycopg.Error:
                if not connection.closed:
                    connection.rollback()
                raise


class PunctualDatastore(PostgresDatastore):
    """A pool of psycopg connections, none of which waits beyond the deadline of its current call."""

    def __init__(self, url: str, *, pool_size: int, timeout_s: float) -> None:
        super().__init__("", "", "", "", "", originator_id_type="text", enable_db_functions=False)
        self._timeout_s = timeout_s
        self.pool = _PunctualPool(
            url,
            connection_class=PunctualConnection,
            kwargs=connection_settings(url, timeout_s, "event store", autocommit=True, row_factory=dict_row),
            min_size=1,
            max_size=pool_size,
            open=False,
            reconnect_timeout=RECONNECT_FOR_S,
            name="event-store",
        )

    def register_type_adapters(self) -> None:
        """Register nothing: events are inserted from plain arrays."""

    def in_time(self, call: Callable[[], _Answer]) -> _Answer:
        """Run `call`, and retry while the connection fails and the deadline has not passed."""
        with deadline(self._timeout_s):
            while True:
                try:
                    return call()
                except (InterfaceError, OperationalError):
                    if time_left() <= RETRY_AFTER_S:
                        raise
                    time.sleep(RETRY_AFTER_S)


class _PunctualPool(ConnectionPool[Connection[DictRow]]):
    def getconn(self, timeout: float | None = None) -> Connection[DictRow]:
        return super().getconn(time_left() if timeout is None else timeout)
