"""A few tables of their own: what is small, must be durable, and is neither event nor read model. Keys, passwords, import
plans, positions."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import BigInteger, Connection, MetaData, Table, event, func, literal, select, text
from sqlalchemy.exc import SQLAlchemyError

from access_policy.adapters.sql.databases import Database, database_at
from access_policy.adapters.sql.migrations import Part, require_migrated
from access_policy.adapters.sql.postgres_connections import deadline
from access_policy.application.ports.event_store import StoreUnavailable

log = logging.getLogger(__name__)

TIMEOUT_S: Final = 5.0
BUSY_SHARE: Final = 0.8  # of the timeout: who waits for another process's transaction is told so, not cut off
SERVER_THREADS: Final = 2  # and connections, at most: there are some of these tables in each process
OTHERS_END_S: Final = 1.0  # how long a wipe waits for others: transactions that still see what was deleted, other wipes

_Answer = TypeVar("_Answer")


class RecordTables:
    """The tables of `metadata` in an SQLite file, which is opened or made for its owner alone, or in the PostgreSQL database
    of a URL, which must have been migrated. Opening raises `MigrationNeeded` or `SQLAlchemyError`; all methods raise
    `StoreUnavailable` after `timeout_s` at the latest."""

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
        """The answer of `call`, which sees one state of the tables throughout."""

        def in_transaction() -> _Answer:
            with self._database.reading.begin() as connection:
                return call(connection)

        return await self._run(in_transaction)

    async def write(self, call: Callable[[Connection], _Answer]) -> _Answer:
        """The answer of `call`, committed and on the disk. Where it raises, it is unknown whether that was done."""

        def in_transaction() -> _Answer:
            with self._database.writing.begin() as connection:
                return call(connection)

        return await self._run(in_transaction)

    async def wipe(self, table: Table) -> None:
        """What was deleted from the table stands in none of its files any more. A server's write-ahead log and its backups
        hold it until they are rotated, and the new file what transactions can still see that began before the deletion and
        have not ended a second later: it goes with the next wipe."""
        await self._run(lambda: _wipe_file(self._database) if self._database.is_file else _wipe(self._database, table))

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
            async with asyncio.timeout(self._timeout_s):  # not wait_for: that of 3.11 can lose a cancellation
                return await answer
        except TimeoutError as late:
            raise StoreUnavailable(f"{self._name} did not answer within {self._timeout_s:g} s") from late
        except (SQLAlchemyError, sqlite3.Error) as error:
            raise StoreUnavailable(f"{self._name}: {error}") from error


def only_one(connection: Connection, *names: str) -> None:
    """Until the transaction ends, no other one that says the same names goes on from here. In a file none does anyway."""
    if connection.dialect.name == "postgresql":
        digest = hashlib.sha256("\0".join(names).encode()).digest()
        key = literal(int.from_bytes(digest[:8], "big", signed=True), BigInteger)
        connection.execute(select(func.pg_advisory_xact_lock(key)))


def as_stored(at: datetime) -> datetime:
    """UTC, without saying so: what every database keeps."""
    return at.astimezone(UTC).replace(tzinfo=None)


def as_text(at: datetime) -> str:
    """UTC, as text that sorts as time does."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def storable(text: str, length_max: int) -> str:
    return text[:length_max].replace("\0", "\\x00").encode(errors="backslashreplace").decode()


def _kept_well(busy_s: float) -> Callable[[Any, object], None]:
    pragmas = ("synchronous=FULL", "secure_delete=ON", f"busy_timeout={round(busy_s * 1000)}")

    def configure(connection: Any, _: object) -> None:
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return configure


def _open(connection: Connection, metadata: MetaData) -> None:
    if connection.dialect.name == "postgresql":
        require_migrated(connection, Part.RECORDS)
        return
    metadata.create_all(connection)
    for table in metadata.tables.values():
        for index in table.indexes:  # one that came later than the table
            index.create(connection, checkfirst=True)


def _wipe_file(database: Database) -> None:
    """Empty the write-ahead log, which still holds what `secure_delete` overwrote in the file itself."""
    connection = database.reading.raw_connection()  # any other is in a transaction from its first statement on
    try:
        if not _in_time(lambda: _checkpointed(connection.cursor())):
            raise sqlite3.OperationalError("another process reads the file; its log is not emptied yet")
    finally:
        connection.close()


def _checkpointed(cursor: Any) -> bool:
    """SQLite does not wait for a process that is at it already."""
    cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    ((busy, _, _),) = cursor.fetchall()
    cursor.close()
    return not busy


def _in_time(is_so: Callable[[], bool]) -> bool:
    """Whether it came to be so while there was time to wait for others."""
    until = time.monotonic() + OTHERS_END_S
    while not is_so():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


# Of this database: who may see what was deleted before transaction `:next` began, on account of when it began itself.
_OLDER: Final = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    " AND greatest(age(backend_xmin), age(backend_xid)) > age(CAST(CAST(:next AS xid8) AS xid))"
)


def _wipe(database: Database, table: Table) -> None:
    """Write the table anew: a plain VACUUM gives the room of deleted rows free and leaves in it what they held."""
    with database.writing.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        following = connection.execute(text("SELECT CAST(pg_snapshot_xmax(pg_current_snapshot()) AS text)")).scalar()
        if not _in_time(lambda: not connection.execute(_OLDER, {"next": following}).scalar()):
            log.warning("deleted rows of %s stay in its file: an older transaction is still open", table.name)
        file = select(func.pg_relation_filenode(table.name))
        before = connection.execute(file).scalar()
        connection.execute(text(f"VACUUM (FULL) {table.name}"))
        if connection.execute(file).scalar() == before:  # the server warns and does nothing
            raise SQLAlchemyError(f"only the owner of the table {table.name} can wipe it")
