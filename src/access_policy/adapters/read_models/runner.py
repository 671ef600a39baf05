"""Writes the read models: the rows of a batch and the position reached with it, in one transaction.

An event that a projection cannot take is parked with its reason, and the later events of its stream behind it; all other
streams go on. A projection is rebuilt by emptying its tables and folding the log up to the position of all of them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, delete, event, select, update
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.exc import SQLAlchemyError

from access_policy.adapters.read_models.tables import METADATA, PARKED, POSITIONS
from access_policy.application.ports.event_store import EventStore, Recorded, StoreUnavailable
from access_policy.application.projections import PROJECTIONS
from access_policy.application.projections.changes import Change, Projection, Put, Remove, RowChange

log = logging.getLogger(__name__)

POSITION = "read_models"
BATCH = 1_000

Answer = TypeVar("Answer")


class ReadModels:
    """One writer thread; readers have their own connections (see `views`). `follow` and `followed_to` fit a follower."""

    def __init__(self, path: Path, projections: Sequence[Projection] = PROJECTIONS) -> None:
        self.engine = sqlite_engine(path)
        self.projections = tuple(projections)
        self.types = frozenset(name for projection in projections for name in projection.types)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="read-models-writer")
        METADATA.create_all(self.engine)

    async def follow(self, batch: Sequence[Recorded], reached: int) -> None:
        await self._run(lambda: self._write(batch, reached))

    async def followed_to(self) -> int:
        return await self._run(self._position)

    async def parked(self) -> list[dict[str, Any]]:
        """What could not be folded, by position."""

        def read() -> list[dict[str, Any]]:
            with self.engine.connect() as connection:
                return [dict(row) for row in connection.execute(select(PARKED).order_by("position")).mappings()]

        return await self._run(read)

    async def rebuild(
        self, store: EventStore, names: Iterable[str], progress: Callable[[int, int], None] = lambda done, of: None
    ) -> int:
        """Fold the named projections anew, up to the position of all of them; returns the number of events folded.

        Nobody else may be following meanwhile. Interrupted, it leaves the projections as they were.
        """
        wanted = [projection for projection in self.projections if projection.name in set(names)]
        position = await self._run(self._position)
        connection = await self._run(self.engine.connect)
        try:
            transaction = await self._run(connection.begin)
            await self._run(lambda: _empty(connection, wanted))
            types = frozenset(name for projection in wanted for name in projection.types)
            folded = after = 0
            while batch := await store.read_log(after=after, limit=BATCH, types=types, up_to=position):
                await self._run(partial(_apply_batch, connection, wanted, batch))
                folded, after = folded + len(batch), batch[-1].position
                progress(after, position)
            await self._run(transaction.commit)
        finally:
            await self._run(connection.close)
        return folded

    async def close(self) -> None:
        await asyncio.to_thread(self._writer.shutdown)
        self.engine.dispose()

    # --- on the writer's thread --------------------------------------------------------------------------------------

    def _write(self, batch: Sequence[Recorded], reached: int) -> None:
        with self.engine.begin() as connection:
            _apply_batch(connection, self.projections, batch)
            put = upsert(POSITIONS).values(name=POSITION, position=reached)
            connection.execute(put.on_conflict_do_update(index_elements=["name"], set_={"position": reached}))

    def _position(self) -> int:
        with self.engine.connect() as connection:
            found = connection.execute(select(POSITIONS.c.position).where(POSITIONS.c.name == POSITION)).scalar()
        return found or 0

    async def _run(self, call: Callable[[], Answer]) -> Answer:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._writer, call)
        except SQLAlchemyError as error:
            raise StoreUnavailable(f"the read models failed: {error}") from error


def sqlite_engine(path: Path) -> Engine:
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 10.0, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _: object) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=NORMAL")  # rows can be rebuilt; the log they come from is kept with FULL
        cursor.close()
        connection.isolation_level = None  # the driver's own BEGIN comes too late for savepoints; ours is below

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


def _empty(connection: Connection, projections: Sequence[Projection]) -> None:
    for projection in projections:
        for table in projection.tables:
            connection.execute(delete(METADATA.tables[table]))
        connection.execute(delete(PARKED).where(PARKED.c.projection == projection.name))


def _apply_batch(connection: Connection, projections: Sequence[Projection], batch: Sequence[Recorded]) -> None:
    """All at once; where one of them cannot be taken, one by one, so that it alone is parked."""
    query = select(PARKED.c.projection, PARKED.c.stream)
    parked = {(row.projection, row.stream) for row in connection.execute(query)}
    if not parked:
        try:
            with connection.begin_nested():
                for recorded in batch:
                    for projection in projections:
                        _apply_event(connection, projection, recorded)
        except Exception as error:  # noqa: BLE001  which of them it was is found out below
            log.warning("a batch of %d events is folded one by one: %r", len(batch), error)
        else:
            return
    for recorded in batch:
        for projection in projections:
            _apply_or_park(connection, projection, recorded, parked)


def _apply_event(connection: Connection, projection: Projection, recorded: Recorded) -> None:
    if type(recorded.event).TYPE in projection.types:
        for change in projection.fold(recorded):
            _apply(connection, change)


def _apply_or_park(
    connection: Connection, projection: Projection, recorded: Recorded, parked: set[tuple[str, str]]
) -> None:
    if type(recorded.event).TYPE not in projection.types:
        return
    if (projection.name, recorded.stream) in parked:
        _park(connection, projection, recorded, "behind a parked event of its stream")
        return
    try:
        with connection.begin_nested():
            _apply_event(connection, projection, recorded)
    except Exception as error:  # noqa: BLE001  one poisonous event must hold up its own stream only
        log.error("projection %s parked position %d: %r", projection.name, recorded.position, error)
        parked.add((projection.name, recorded.stream))
        _park(connection, projection, recorded, repr(error)[:500])


def _park(connection: Connection, projection: Projection, recorded: Recorded, reason: str) -> None:
    row = {
        "projection": projection.name,
        "position": recorded.position,
        "stream": recorded.stream,
        "reason": reason,
    }
    connection.execute(upsert(PARKED).values(row).on_conflict_do_nothing())


def _apply(connection: Connection, change: RowChange) -> None:
    table = METADATA.tables[change.table]
    match change:
        case Put(key=key, values=values, at_first=at_first):
            put = upsert(table).values({**at_first, **values, **key})
            keys = list(key)
            connection.execute(
                put.on_conflict_do_update(index_elements=keys, set_=dict(values))
                if values
                else put.on_conflict_do_nothing(index_elements=keys)
            )
        case Change(where=where, values=values, before=before):
            changing = update(table).values(dict(values))
            for name, value in where.items():
                changing = changing.where(table.c[name].is_(None) if value is None else table.c[name] == value)
            if before is not None:
                changing = changing.where(table.c.position < before)
            connection.execute(changing)
        case Remove(where=where):
            removing = delete(table)
            for name, value in where.items():
                removing = removing.where(table.c[name] == value)
            connection.execute(removing)
