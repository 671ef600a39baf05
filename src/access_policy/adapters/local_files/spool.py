"""The spool in a local SQLite file: one row per group of appends, durable before `append` returns."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from access_policy.adapters.event_stores.serde import DOMAIN_SERDE
from access_policy.application.ports.event_store import Append, NewEvent, StoreUnavailable, StreamId
from access_policy.application.ports.spool import Spooled

TIMEOUT_S: Final = 5.0
_SCHEMA: Final = "CREATE TABLE IF NOT EXISTS spooled (number INTEGER PRIMARY KEY AUTOINCREMENT, appends BLOB NOT NULL)"
_ASIDE: Final = (
    "CREATE TABLE IF NOT EXISTS set_aside (event_id TEXT PRIMARY KEY, append BLOB NOT NULL, reason TEXT NOT NULL)"
)
_Answer = TypeVar("_Answer")


class _Event(msgspec.Struct, array_like=True):
    name: str
    state: msgspec.Raw


class SpooledAppend(msgspec.Struct, array_like=True):
    """An append as a row of the spool contains it."""

    stream: str
    expected_version: int
    events: list[_Event]


class SqliteSpool:
    """Implements `Spool`. Opens or creates the file. Raises `sqlite3.Error` if the file cannot be used."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="spool")
        self._decoder = msgspec.json.Decoder(list[SpooledAppend])
        path.touch(mode=0o600)
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            for statement in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", _SCHEMA, _ASIDE):
                self._connection.execute(statement)
        except sqlite3.Error:
            self._connection.close()
            raise

    async def append(self, appends: Sequence[Append]) -> int:
        row = _encoded(appends)
        number = await self._run(
            lambda: self._connection.execute("INSERT INTO spooled (appends) VALUES (?)", (row,)).lastrowid
        )
        assert number is not None
        return number

    async def oldest(self, limit: int) -> list[Spooled]:
        asked = "SELECT number, appends FROM spooled ORDER BY number LIMIT ?"
        rows = await self._run(lambda: self._connection.execute(asked, (limit,)).fetchall())
        return [Spooled(number, self._decoded(appends)) for number, appends in rows]

    async def forget(self, up_to: int) -> None:
        await self._run(lambda: self._connection.execute("DELETE FROM spooled WHERE number <= ?", (up_to,)))

    async def set_aside(self, append: Append, reason: str) -> None:
        row = (append.events[0].envelope.event_id, _encoded([append]), reason)
        await self._run(lambda: self._connection.execute("INSERT OR IGNORE INTO set_aside VALUES (?, ?, ?)", row))

    async def close(self) -> None:
        await asyncio.to_thread(self._thread.shutdown)
        self._connection.close()

    def _decoded(self, row: bytes) -> tuple[Append, ...]:
        return tuple(
            Append(
                StreamId(append.stream),
                append.expected_version,
                tuple(NewEvent(*DOMAIN_SERDE.decode(event.name, bytes(event.state))) for event in append.events),
            )
            for append in self._decoder.decode(row)
        )

    async def _run(self, call: Callable[[], _Answer]) -> _Answer:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await asyncio.get_running_loop().run_in_executor(self._thread, call)
        except TimeoutError as late:
            raise StoreUnavailable(f"{self._path.name} did not answer within {TIMEOUT_S:g} s") from late
        except (sqlite3.Error, RuntimeError) as error:  # RuntimeError: the spool is closed
            raise StoreUnavailable(f"{self._path.name}: {error}") from error


def _encoded(appends: Sequence[Append]) -> bytes:
    return msgspec.json.encode(
        [
            SpooledAppend(
                append.stream,
                append.expected_version,
                [
                    _Event(name, msgspec.Raw(state))
                    for name, state in (DOMAIN_SERDE.encode(new.event, new.envelope) for new in append.events)
                ],
            )
            for append in appends
        ]
    )
