"""The baseline: the least code that inserts the rows of the event store, or reads them, in one database."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Protocol

import psycopg

from access_policy.entrypoints.demo.postgres import PostgresServer, migrated
from access_policy.settings import Settings

Row = tuple[str, int, str, bytes]  # stream, version, stored name, bytes

COLUMNS = "originator_id, originator_version, topic, state"
KEPT = (
    "originator_id TEXT, originator_version BIGINT, topic TEXT, state {bytes},"
    " PRIMARY KEY (originator_id, originator_version)"
)


class Bare(Protocol):
    """A database with our event store, and a table `bare` with the same rows and the same key."""

    name: str
    settings: Settings

    def rows(self, limit: int) -> list[Row]:
        """Return rows of our decisions."""
        ...

    def empty(self) -> None: ...

    def insert(self, rows: Sequence[Row]) -> None:
        """Insert the rows in one transaction, synchronised to disk."""
        ...

    def scan(self) -> Iterator[bytes]:
        """Yield the bytes of each event of our log, in order."""
        ...


class BareSqlite:
    name = "SQLite"

    def __init__(self, directory: Path) -> None:
        self.settings = _settings(directory)
        self._log = directory / "events.sqlite"
        self._connection = sqlite3.connect(directory / "bare.sqlite", isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")

    def rows(self, limit: int) -> list[Row]:
        with closing(sqlite3.connect(self._log)) as log:
            asked = f"SELECT {COLUMNS} FROM stored_events WHERE topic LIKE 'access.%' LIMIT {limit}"
            return list(log.execute(asked))

    def empty(self) -> None:
        self._connection.execute("DROP TABLE IF EXISTS bare")
        self._connection.execute(f"CREATE TABLE bare ({KEPT.format(bytes='BLOB')})")

    def insert(self, rows: Sequence[Row]) -> None:
        self._connection.execute("BEGIN")
        self._connection.executemany("INSERT INTO bare VALUES (?, ?, ?, ?)", rows)
        self._connection.execute("COMMIT")

    def scan(self) -> Iterator[bytes]:
        with closing(sqlite3.connect(self._log)) as log:
            for row in log.execute("SELECT state FROM stored_events ORDER BY rowid"):
                yield row[0]


class BarePostgres:
    name = "PostgreSQL"

    def __init__(self, directory: Path, url: str) -> None:
        self.settings = _settings(directory, store_url=url, read_models_url=url)
        self._connection = psycopg.connect(url, autocommit=True)

    def rows(self, limit: int) -> list[Row]:
        asked = f"SELECT {COLUMNS} FROM stored_events WHERE topic LIKE 'access.%%' LIMIT {limit}"
        return list(self._connection.execute(asked))

    def empty(self) -> None:
        self._connection.execute("DROP TABLE IF EXISTS bare")
        self._connection.execute(f"CREATE TABLE bare ({KEPT.format(bytes='BYTEA')})")

    def insert(self, rows: Sequence[Row]) -> None:
        with self._connection.transaction():
            self._connection.execute(
                "INSERT INTO bare SELECT * FROM unnest(%b::text[], %b::bigint[], %b::text[], %b::bytea[])",
                [list(column) for column in zip(*rows, strict=True)],
                prepare=True,
            )

    def scan(self) -> Iterator[bytes]:
        with self._connection.cursor(name="scan") as cursor, self._connection.transaction():
            cursor.itersize = 1_000
            for (state,) in cursor.execute("SELECT state FROM stored_events ORDER BY notification_id"):
                yield state


@contextmanager
def bare_postgres(directory: Path) -> Iterator[BarePostgres]:
    """Use a separate server, on the same disk as the others."""
    server = PostgresServer()
    try:
        url = server.server_url("postgres")
        migrated(url)
        yield BarePostgres(directory, url)
    finally:
        server.end()


def _settings(directory: Path, **more: str) -> Settings:
    directory.mkdir()
    return Settings(data=directory, http="127.0.0.1:0", ocpp="127.0.0.1:0", drain_s=0.0, **more)
