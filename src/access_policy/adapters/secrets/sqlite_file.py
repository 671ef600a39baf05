"""A small SQLite file of secrets: one connection on a thread of its own, nothing of a deleted row left in it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

from access_policy.application.ports.event_store import StoreUnavailable

TIMEOUT_S: Final = 5.0
LOCK_TIMEOUT_S: Final = 4.0
_Answer = TypeVar("_Answer")


class SecretsFile:
    """Opens the file, or makes it for its owner alone, with the tables of `schemas`. Raises `sqlite3.Error`."""

    def __init__(self, path: Path, *schemas: str, timeout_s: float = TIMEOUT_S) -> None:
        self._path = path
        self._timeout_s = timeout_s
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=path.stem)
        path.touch(mode=0o600)
        self._connection = sqlite3.connect(path, timeout=LOCK_TIMEOUT_S, isolation_level=None, check_same_thread=False)
        try:
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON"):
                self._connection.execute(f"PRAGMA {pragma}")
            for schema in schemas:
                self._connection.execute(schema)
        except sqlite3.Error:
            self._connection.close()
            raise

    async def run(self, call: Callable[[sqlite3.Connection], _Answer]) -> _Answer:
        """The answer of `call` on the file's thread. Raises `StoreUnavailable`: unknown whether it was done."""
        answer = asyncio.get_running_loop().run_in_executor(self._thread, call, self._connection)
        try:
            async with asyncio.timeout(self._timeout_s):  # not wait_for: that of 3.11 can lose a cancellation
                return await answer
        except TimeoutError as late:
            raise StoreUnavailable(f"{self._path.name} did not answer within {self._timeout_s:g} s") from late
        except sqlite3.Error as error:
            raise StoreUnavailable(f"{self._path.name}: {error}") from error

    async def close(self) -> None:
        await asyncio.to_thread(self._thread.shutdown)
        self._connection.close()


def wipe_deleted(connection: sqlite3.Connection) -> None:
    """Empty the write-ahead log, which still holds what `secure_delete` overwrote in the file itself."""
    busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        raise sqlite3.OperationalError("another process reads the file; the log is not emptied yet")
