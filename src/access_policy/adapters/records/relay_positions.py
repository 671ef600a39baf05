"""Relay positions, in SQL tables with one row per bus, or in memory for a bus in this process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    DateTime,
    Integer,
    MetaData,
    Table,
    case,
    delete,
    select,
    update,
)

from access_policy.adapters.records.tables import RecordTables, as_stored, storable
from access_policy.adapters.sql.databases import TEXT, upsert_into
from access_policy.application.ports.event_store import StreamId
from access_policy.application.ports.relay_positions import HeldStream

REASON_LENGTH_MAX: Final = 500

METADATA = MetaData()
_RELAYS = Table(
    "relays",
    METADATA,
    Column("bus", TEXT, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("holder", TEXT, nullable=False),
    Column("held_until", DateTime, nullable=False),
)
_HELD = Table(
    "held_streams",
    METADATA,
    Column("bus", TEXT, primary_key=True),
    Column("stream", TEXT, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("passed", BigInteger, nullable=False),
    Column("reason", TEXT, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("try_again_at", DateTime, nullable=False),
)


class SqlRelayPositions:
    """Implements `RelayPositions`. `bus` distinguishes the relays of different buses; a new bus receives the whole log."""

    def __init__(self, where: Path | str, bus: str) -> None:
        self._bus = bus
        self._tables = RecordTables(where, METADATA)

    async def acquire_lease(self, holder: str, *, now: datetime, lasts: timedelta) -> bool:
        row = {"bus": self._bus, "position": 0, "holder": "", "held_until": as_stored(now)}
        free = (_RELAYS.c.holder.in_(("", holder))) | (_RELAYS.c.held_until <= as_stored(now))
        lease = update(_RELAYS).where(_RELAYS.c.bus == self._bus, free)
        lease = lease.values(holder=holder, held_until=as_stored(now + lasts))

        def write(connection: Connection) -> bool:
            connection.execute(upsert_into(_RELAYS, connection.dialect).values(row).on_conflict_do_nothing())
            return bool(connection.execute(lease).rowcount)

        return await self._tables.write(write)

    async def release_lease(self, holder: str) -> None:
        mine = update(_RELAYS).where(_RELAYS.c.bus == self._bus, _RELAYS.c.holder == holder).values(holder="")
        await self._tables.write(lambda connection: connection.execute(mine))

    async def position(self) -> int:
        asked = select(_RELAYS.c.position).where(_RELAYS.c.bus == self._bus)
        return await self._tables.read(lambda connection: int(connection.execute(asked).scalar() or 0))

    async def advance(self, position: int, held: Sequence[HeldStream] = ()) -> None:
        row = {"bus": self._bus, "position": position, "holder": "", "held_until": datetime(2000, 1, 1)}  # noqa: DTZ001

        def write(connection: Connection) -> None:
            put = upsert_into(_RELAYS, connection.dialect).values(row)
            put = put.on_conflict_do_update(
                index_elements=["bus"], set_={"position": position}, where=_RELAYS.c.position < position
            )
            connection.execute(put)
            for each in sorted(
                held, key=lambda held: held.stream
            ):  # relays lock rows in the same order, to avoid deadlocks
                hold = upsert_into(_HELD, connection.dialect).values(self._row(each))
                then = {"passed": _larger(hold.excluded.passed)}
                connection.execute(hold.on_conflict_do_update(index_elements=["bus", "stream"], set_=then))

        await self._tables.write(write)

    async def held(self) -> list[HeldStream]:
        asked = select(_HELD).where(_HELD.c.bus == self._bus).order_by(_HELD.c.try_again_at, _HELD.c.stream)
        return await self._tables.read(
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
        def write(connection: Connection) -> None:
            hold = upsert_into(_HELD, connection.dialect).values(self._row(held))
            then: dict[str, Any] = {
                name: hold.excluded[name] for name in ("version", "reason", "tries", "try_again_at")
            }
            then["passed"] = _larger(hold.excluded.passed)
            connection.execute(hold.on_conflict_do_update(index_elements=["bus", "stream"], set_=then))

        await self._tables.write(write)

    async def release(self, stream: StreamId, *, published_to: int) -> bool:
        of_stream = (_HELD.c.bus == self._bus, _HELD.c.stream == stream)

        def write(connection: Connection) -> bool:
            connection.execute(delete(_HELD).where(*of_stream, _HELD.c.passed <= published_to))
            return connection.execute(select(_HELD.c.stream).where(*of_stream)).first() is None

        return await self._tables.write(write)

    async def close(self) -> None:
        await self._tables.close()

    def _row(self, held: HeldStream) -> dict[str, object]:
        return {
            "bus": self._bus,
            "stream": held.stream,
            "version": held.version,
            "passed": held.passed,
            "reason": storable(held.reason, REASON_LENGTH_MAX),
            "tries": held.tries,
            "try_again_at": as_stored(held.try_again_at),
        }


class MemoryRelayPositions:
    """Implements `RelayPositions` for one process."""

    def __init__(self) -> None:
        self._position = 0
        self._held: dict[StreamId, HeldStream] = {}
        self._holder, self._held_until = "", datetime.min.replace(tzinfo=UTC)

    async def acquire_lease(self, holder: str, *, now: datetime, lasts: timedelta) -> bool:
        if self._holder not in ("", holder) and self._held_until > now:
            return False
        self._holder, self._held_until = holder, now + lasts
        return True

    async def release_lease(self, holder: str) -> None:
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

    async def release(self, stream: StreamId, *, published_to: int) -> bool:
        if stream in self._held and self._held[stream].passed > published_to:
            return False
        self._held.pop(stream, None)
        return True

    async def close(self) -> None:
        pass


def _larger(passed: Any) -> Any:
    return case((passed > _HELD.c.passed, passed), else_=_HELD.c.passed)
