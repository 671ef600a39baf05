"""Writes the read models: the rows of a batch and the positions reached with it, in one transaction.

Each projection has a position of its own: one that is new, or whose tables have another shape than those on disk, begins
at the start of the log while the others go on. An event that a projection cannot take is parked with its reason, and the
later events of its stream behind it; all other streams go on. Once the fold is mended, `rebuild` takes them in.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.exc import SQLAlchemyError

from access_policy.adapters.read_models.batch import fold_batch
from access_policy.adapters.read_models.sqlite import sqlite_engine
from access_policy.adapters.read_models.tables import BOOKKEEPING, PARKED, POSITIONS, shape_of, tables_of
from access_policy.application.ports.event_store import EventStore, Recorded, StoreUnavailable
from access_policy.application.projections import PROJECTIONS
from access_policy.application.projections.changes import Projection

log = logging.getLogger(__name__)

BATCH = 1_000

Answer = TypeVar("Answer")


class ReadModels:
    """One writer thread; readers have their own connections (see `views`). `follow` and `followed_to` fit a follower.

    All methods raise `StoreUnavailable` when the file cannot be read or written; nothing was written then.
    """

    def __init__(self, path: Path, projections: Sequence[Projection] = PROJECTIONS) -> None:
        self.engine = sqlite_engine(path)
        self.projections = tuple(projections)
        self.types = frozenset(name for projection in projections for name in projection.types)
        self._writing = self.engine.execution_options(writes=True)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="read-models-writer")
        self._turn = asyncio.Lock()  # a rebuild is many calls of the writer's thread; a batch must not come between
        with self._writing.begin() as connection:
            _make_tables(connection, self.projections)

    async def follow(self, batch: Sequence[Recorded], reached: int) -> None:
        """Take in a batch, ascending, after which everything up to `reached` has been handed over. Events that were
        handed over before change nothing."""
        async with self._turn:
            await self._run(lambda: self._write(batch, reached))

    async def followed_to(self) -> int:
        """The position up to which all projections have been handed everything."""
        positions = await self._run(self._positions)
        return min(positions.values(), default=0)

    async def parked(self) -> list[dict[str, Any]]:
        """What could not be folded, by position."""

        def read() -> list[dict[str, Any]]:
            with self.engine.connect() as connection:
                rows = connection.execute(select(PARKED).order_by(PARKED.c.position, PARKED.c.projection))
                return [dict(row) for row in rows.mappings()]

        return await self._run(read)

    async def rebuild(
        self, store: EventStore, names: Iterable[str], progress: Callable[[int, int], None] = lambda done, of: None
    ) -> int:
        """Fold the named projections anew from the whole log; returns the number of events folded.

        One transaction: readers see the old rows until all new ones are there, whoever else follows waits, and what is
        interrupted leaves everything as it was. Raises `ValueError` for a name that no projection has.
        """
        wanted = [projection for projection in self.projections if projection.name in set(names)]
        if unknown := set(names) - {projection.name for projection in wanted}:
            raise ValueError(f"there is no projection {', '.join(sorted(unknown))}")
        types = frozenset(name for projection in wanted for name in projection.types)
        async with self._turn:
            connection = await self._run(self._writing.connect)
            try:
                transaction = await self._run(connection.begin)
                last = await store.last_position()
                await self._run(lambda: _begin_anew(connection, wanted))
                folded = after = 0
                while batch := await store.read_log(after=after, limit=BATCH, types=types, up_to=last):
                    await self._run(partial(fold_batch, connection, wanted, batch, batch[-1].position))
                    folded, after = folded + len(batch), batch[-1].position
                    progress(after, last)
                await self._run(partial(fold_batch, connection, wanted, [], last))
                await self._run(transaction.commit)
            finally:
                await self._run(connection.close)
        return folded

    async def close(self) -> None:
        await asyncio.to_thread(self._writer.shutdown)
        self.engine.dispose()

    def _write(self, batch: Sequence[Recorded], reached: int) -> None:
        with self._writing.begin() as connection:
            fold_batch(connection, self.projections, batch, reached)

    def _positions(self) -> dict[str, int]:
        with self.engine.connect() as connection:
            rows = connection.execute(select(POSITIONS.c.projection, POSITIONS.c.position))
            known = {row.projection: row.position for row in rows}
        return {projection.name: known.get(projection.name, 0) for projection in self.projections}

    async def _run(self, call: Callable[[], Answer]) -> Answer:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._writer, call)
        except SQLAlchemyError as error:
            raise StoreUnavailable(f"the read models failed: {error}") from error


def _make_tables(connection: Connection, projections: Sequence[Projection]) -> None:
    """Tables of another shape than ours are dropped: the log has everything that was in them."""
    BOOKKEEPING.create_all(connection)
    known = {row.projection: row.shape for row in connection.execute(select(POSITIONS.c.projection, POSITIONS.c.shape))}
    for projection in projections:
        if known.get(projection.name) != shape_of(projection):
            log.info("read model %s is folded from the start of the log", projection.name)
            _begin_anew(connection, [projection])


def _begin_anew(connection: Connection, projections: Sequence[Projection]) -> None:
    for projection in projections:
        for table in tables_of(projection):
            table.drop(connection, checkfirst=True)
            table.create(connection)
        connection.execute(delete(PARKED).where(PARKED.c.projection == projection.name))
        start = {"position": 0, "shape": shape_of(projection)}
        put = upsert(POSITIONS).values(projection=projection.name, **start)
        connection.execute(put.on_conflict_do_update(index_elements=["projection"], set_=start))
