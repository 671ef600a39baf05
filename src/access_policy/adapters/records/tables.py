"""Record tables, for small, durable data that is neither an event nor a read model: keys, passwords, import plans,
positions.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeVar

from sqlalchemy import BigInteger, Connection, MetaData, Table, event, func, literal, select, text
from sqlalchemy.exc import SQLAlchemyError

from access_policy.adapters.sql.databases import database_at
from access_policy.adapters.sql.migrations import Part, require_migrated
from access_policy.adapters.sql.postgres_connections import deadline
from access_policy.adapters.sql.sqlite_locks import PromptConnection
from access_policy.adapters.sql.wiping import wipe_file, wipe_tables
from access_policy.application.ports.event_store import StoreUnavailable

log = logging.getLogger(__name__)

TIMEOUT_S: Final = 5.0
BUSY_SHARE: Final = 0.8  # share of the timeout, so that the driver's lock error arrives first
# threads, and at most as many connections, because each process has several of these table sets
SERVER_THREADS: Final = 2

_Answer = TypeVar("_Answer")


class RecordTables:
    """The tables of `metadata` in an SQLite file, created so that only its owner can access it, or in the PostgreSQL database
    of a URL, which must have been migrated.

    Opening raises `MigrationNeeded` or `SQLAlchemyError`; all methods raise `StoreUnavailable`, within `timeout_s`.
    """

    def __init__(self, where: Path | str, metadata: MetaData, *, timeout_s: float = TIMEOUT_S) -> None:
        first = next(iter(metadata.tables))
        self._name = where.name if isinstance(where, Path) else f"the database of {first}"
        self._timeout_s = timeout_s
        self._database = database_at(where, first, timeout_s=timeout_s)
        threads = 1 if isinstance(where, Path) else SERVER_THREADS
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=first)
        if isinstance(where, Path):
            where.touch(mode=0o600)
            event.listen(self._database.reading, "connect", _kept_well(BUSY_SHARE * timeout_s))
        try:
            with deadline(timeout_s), self._database.writing.begin() as connection:
                _open(connection, metadata)
        except BaseException:
            self._database.close()
            raise

    async def read(self, call: Callable[[Connection], _Answer]) -> _Answer:
        """Return the result of `call`, which sees one consistent state of the tables."""

        def in_transaction() -> _Answer:
            with self._database.reading.begin() as connection:
                return call(connection)

        return await self._run(in_transaction)

    async def write(self, call: Callable[[Connection], _Answer]) -> _Answer:
        """Return the result of `call`, committed and on disk. If it raises, the outcome is unknown."""

        def in_transaction() -> _Answer:
            with self._database.writing.begin() as connection:
                return call(connection)

        return await self._run(in_transaction)

    async def wipe(self, table: Table) -> None:
        """Remove deleted rows from all files of the table.

        A server's write-ahead log and backups contain them until they are rotated. The new file still contains rows that are
        visible to a transaction that began before the deletion and runs for more than a second after it; the next wipe removes
        those.
        """
        await self._run(
            lambda: wipe_file(self._database) if self._database.is_file else wipe_tables(self._database, table.name)
        )

    async def close(self) -> None:
        await asyncio.to_thread(self._threads.shutdown)
        self._database.close()

    async def _run(self, call: Callable[[], _Answer]) -> _Answer:
        def in_time() -> _Answer:
            with deadline(self._timeout_s):
                return call()

        try:
            answer = asyncio.get_running_loop().run_in_executor(self._threads, in_time)
        except RuntimeError as closed:
            raise StoreUnavailable(f"{self._name} is closed") from closed
        try:
            async with asyncio.timeout(self._timeout_s):  # not wait_for, because Python 3.11's can lose a cancellation
                return await answer
        except TimeoutError as late:
            raise StoreUnavailable(f"{self._name} did not answer within {self._timeout_s:g} s") from late
        except (SQLAlchemyError, sqlite3.Error) as error:
            raise StoreUnavailable(f"{self._name}: {error}") from error


def only_one(connection: Connection, *names: str) -> None:
    """Lock the names: until the transaction ends, every other transaction that calls this with the same names waits here.
    SQLite needs no such lock.
    """
    if connection.dialect.name == "postgresql":
        digest = hashlib.sha256("\0".join(names).encode()).digest()
        key = literal(int.from_bytes(digest[:8], "big", signed=True), BigInteger)
        connection.execute(select(func.pg_advisory_xact_lock(key)))


def as_stored(at: datetime) -> datetime:
    """Convert to UTC without an offset, which every database stores."""
    return at.astimezone(UTC).replace(tzinfo=None)


def as_text(at: datetime) -> str:
    """Format as UTC text that sorts chronologically."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def storable(text: str, length_max: int) -> str:
    return text[:length_max].replace("\0", "\\x00").encode(errors="backslashreplace").decode()


def _kept_well(busy_s: float) -> Callable[[PromptConnection, object], None]:
    pragmas = ("synchronous=FULL", "secure_delete=ON")

    def configure(connection: PromptConnection, _: object) -> None:
        connection.patience_s = busy_s
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return configure


def _open(connection: Connection, metadata: MetaData) -> None:
    if connection.dialect.name == "postgresql":
        require_migrated(connection, Part.RECORDS)
        return
    there = set(connection.execute(text("SELECT name FROM sqlite_master")).scalars())
    for table in metadata.sorted_tables:
        if table.name not in there:
            table.create(connection)
        else:
            for index in table.indexes:  # a column newer than the table
                if index.name not in there:
                    index.create(connection)
