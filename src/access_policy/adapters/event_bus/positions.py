"""Where relays remember how far they came: tables of their own, one row a bus; or in memory, for a bus in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import Column, Connection, DateTime, Integer, MetaData, String, Table, case, delete, select, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import SQLAlchemyError

from access_policy.adapters.read_models.sqlite import sqlite_engine
from access_policy.application.ports.event_store import StoreUnavailable, StreamId
from access_policy.application.ports.relay_positions import HeldStream

TIMEOUT_S: Final = 5.0
_Answer = TypeVar("_Answer")

_METADATA = MetaData()
_RELAYS = Table(
    "relays",
    _METADATA,
    Column("bus", String, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("holder", String, nullable=False),
    Column("held_until", DateTime, nullable=False),
)
_HELD = Table(
    "held_streams",
    _METADATA,
    Column("bus", String, primary_key=True),
    Column("stream", String, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("passed", Integer, nullable=False),
    Column("reason", String, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("try_again_at", DateTime, nullable=False),
)


class SqlRelayPositions:
    """Implements `RelayPositions` in an SQLite file. `bus` tells relays of different buses apart: a new bus is told the whole
    log."""

    def __init__(self, path: Path, bus: str) -> None:
        self._bus = bus
        self._engine = sqlite_engine(path)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="relay-positions")
        with self._engine.execution_options(writes=True).begin() as connection:
            _METADATA.create_all(connection)
            row = {"bus": bus, "position": 0, "holder": "", "held_until": datetime(2000, 1, 1)}  # noqa: DTZ001  as stored
            connection.execute(insert(_RELAYS).values(row).on_conflict_do_nothing())

    async def claim(self, holder: str, *, now: datetime, lasts: timedelta) -> bool:
        free = (_RELAYS.c.holder.in_(("", holder))) | (_RELAYS.c.held_until <= _stored(now))
        claim = update(_RELAYS).where(_RELAYS.c.bus == self._bus, free)
        claim = claim.values(holder=holder, held_until=_stored(now + lasts))
        return await self._run(lambda connection: bool(connection.execute(claim).rowcount))

    async def release(self, holder: str) -> None:
        mine = update(_RELAYS).where(_RELAYS.c.bus == self._bus, _RELAYS.c.holder == holder).values(holder="")
        await self._run(lambda connection: connection.execute(mine))

    async def position(self) -> int:
        asked = select(_RELAYS.c.position).where(_RELAYS.c.bus == self._bus)
        return await self._run(lambda connection: int(connection.execute(asked).scalar_one()))

    async def advance(self, position: int, held: Sequence[HeldStream] = ()) -> None:
        ahead = update(_RELAYS).where(_RELAYS.c.bus == self._bus, _RELAYS.c.position < position)

        def write(connection: Connection) -> None:
            connection.execute(ahead.values(position=position))
            for each in held:
                hold = insert(_HELD).values(self._row(each))
                then = {"passed": _larger(hold.excluded.passed)}
                connection.execute(hold.on_conflict_do_update(index_elements=["bus", "stream"], set_=then))

        await self._run(write)

    async def held(self) -> list[HeldStream]:
        asked = select(_HELD).where(_HELD.c.bus == self._bus).order_by(_HELD.c.try_again_at, _HELD.c.stream)
        return await self._run(
            lambda connection: [
                HeldStream(
                    stream=StreamId(row.stream),
                    version=row.version,
                    passed=row.passed,
                    reason=row.reason,
                    tries=row.tries,
                    try_again_at=row.try_again_at.replace(tzinfo=UTC),
                )
                for row in connection.execute(asked)
            ]
        )

    async def hold_longer(self, held: HeldStream) -> None:
        hold = insert(_HELD).values(self._row(held))
        then: dict[str, Any] = {name: hold.excluded[name] for name in ("version", "reason", "tries", "try_again_at")}
        then["passed"] = _larger(hold.excluded.passed)
        await self._run(
            lambda connection: connection.execute(
                hold.on_conflict_do_update(index_elements=["bus", "stream"], set_=then)
            )
        )

    async def let_go(self, stream: StreamId, *, published_to: int) -> bool:
        of_stream = (_HELD.c.bus == self._bus, _HELD.c.stream == stream)

        def write(connection: Connection) -> bool:
            connection.execute(delete(_HELD).where(*of_stream, _HELD.c.passed <= published_to))
            return connection.execute(select(_HELD.c.stream).where(*of_stream)).first() is None

        return await self._run(write)

    async def close(self) -> None:
        await asyncio.to_thread(self._thread.shutdown)
        self._engine.dispose()

    def _row(self, held: HeldStream) -> dict[str, object]:
        return {
            "bus": self._bus,
            "stream": held.stream,
            "version": held.version,
            "passed": held.passed,
            "reason": held.reason.encode(errors="backslashreplace").decode(),
            "tries": held.tries,
            "try_again_at": _stored(held.try_again_at),
        }

    async def _run(self, call: Callable[[Connection], _Answer]) -> _Answer:
        def in_transaction() -> _Answer:
            with self._engine.execution_options(writes=True).begin() as connection:
                return call(connection)

        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await asyncio.get_running_loop().run_in_executor(self._thread, in_transaction)
        except TimeoutError as late:
            raise StoreUnavailable(f"the relay's positions did not answer within {TIMEOUT_S:g} s") from late
        except (SQLAlchemyError, RuntimeError) as error:  # RuntimeError: they are closed
            raise StoreUnavailable(f"the relay's positions: {error}") from error


class MemoryRelayPositions:
    """Implements `RelayPositions` for one process."""

    def __init__(self) -> None:
        self._position = 0
        self._held: dict[StreamId, HeldStream] = {}
        self._holder, self._held_until = "", datetime.min.replace(tzinfo=UTC)

    async def claim(self, holder: str, *, now: datetime, lasts: timedelta) -> bool:
        if self._holder not in ("", holder) and self._held_until > now:
            return False
        self._holder, self._held_until = holder, now + lasts
        return True

    async def release(self, holder: str) -> None:
        if self._holder == holder:
            self._holder = ""

    async def position(self) -> int:
        return self._position

    async def advance(self, position: int, held: Sequence[HeldStream] = ()) -> None:
        self._position = max(self._position, position)
        for each in held:
            known = self._held.get(each.stream, each)
            self._held[each.stream] = replace(known, passed=max(known.passed, each.passed))

    async def held(self) -> list[HeldStream]:
        return sorted(self._held.values(), key=lambda held: (held.try_again_at, held.stream))

    async def hold_longer(self, held: HeldStream) -> None:
        known = self._held.get(held.stream, held)
        self._held[held.stream] = replace(held, passed=max(known.passed, held.passed))

    async def let_go(self, stream: StreamId, *, published_to: int) -> bool:
        if stream in self._held and self._held[stream].passed > published_to:
            return False
        self._held.pop(stream, None)
        return True

    async def close(self) -> None:
        pass


def _stored(at: datetime) -> datetime:
    """UTC, without saying so: what every database keeps."""
    return at.astimezone(UTC).replace(tzinfo=None)


def _larger(passed: Any) -> Any:
    return case((passed > _HELD.c.passed, passed), else_=_HELD.c.passed)
