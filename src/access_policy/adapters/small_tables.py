"""A few tables in a database of their own: what is small, must be durable, and is no event."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, MetaData, event
from sqlalchemy.exc import SQLAlchemyError

from access_policy.adapters.databases import database_at
from access_policy.application.ports.event_store import StoreUnavailable

TIMEOUT_S: Final = 5.0
_Answer = TypeVar("_Answer")


class SmallTables:
    """An SQLite file, opened or made, with the tables of `metadata`; one thread, every call a transaction on the disk."""

    def __init__(self, path: Path, metadata: MetaData) -> None:
        self._name = path.name
        self._database = database_at(path, "tables")
        event.listen(self._database.reading, "connect", _durably)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=path.stem)
        with self._database.writing.begin() as connection:
            metadata.create_all(connection)

    async def run(self, call: Callable[[Connection], _Answer]) -> _Answer:
        """The answer of `call`, committed. Raises `StoreUnavailable`: unknown whether it was done."""

        def in_transaction() -> _Answer:
            with self._database.writing.begin() as connection:
                return call(connection)

        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await asyncio.get_running_loop().run_in_executor(self._thread, in_transaction)
        except TimeoutError as late:
            raise StoreUnavailable(f"{self._name} did not answer within {TIMEOUT_S:g} s") from late
        except (SQLAlchemyError, RuntimeError) as error:  # RuntimeError: it is closed
            raise StoreUnavailable(f"{self._name}: {error}") from error

    async def close(self) -> None:
        await asyncio.to_thread(self._thread.shutdown)
        self._database.close()


def as_stored(at: datetime) -> datetime:
    """UTC, without saying so: what every database keeps."""
    return at.astimezone(UTC).replace(tzinfo=None)


def storable(text: str, length_max: int) -> str:
    return text[:length_max].encode(errors="backslashreplace").decode()


def _durably(connection: Any, _: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()
