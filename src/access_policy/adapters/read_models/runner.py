"""Write the read models: the rows of a batch and the new positions, in one transaction.

Each projection has its own position. A new projection, or one whose rows would now differ from those on disk, begins at the
start of the log while the others continue. An event that a projection cannot fold is parked with its reason, and so are the
later events of its stream; all other streams continue. Once the fold is repaired, `rebuild` folds the parked events.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, select
from sqlalchemy.exc import SQLAlchemyError

from access_policy.adapters.read_models import rebuilding
from access_policy.adapters.read_models.batch import fold_batch
from access_policy.adapters.read_models.collecting import few_collections
from access_policy.adapters.read_models.filling import Filling
from access_policy.adapters.read_models.preparing import OpenStore
from access_policy.adapters.read_models.table_sets import BOOKKEEPING, LIVE, PARKED, POSITIONS, shape_of
from access_policy.adapters.read_models.tables import METADATA
from access_policy.adapters.sql.databases import Database, database_at
from access_policy.adapters.sql.migrations import MigrationNeeded, Part, migrate, require_migrated, version_of
from access_policy.adapters.sql.postgres_connections import deadline
from access_policy.application.ports.event_store import EventStore, Recorded, StoreUnavailable
from access_policy.application.projections import PROJECTIONS
from access_policy.application.projections.changes import Projection

log = logging.getLogger(__name__)

WRITE_TIMEOUT_S: Final = 60.0
INDEX_TIMEOUT_S: Final = 3_600.0  # for each index of the rebuilt tables
SWAPS_MAX: Final = 5  # a reader that locks tables in another order makes the swap start over

Answer = TypeVar("Answer")


class ReadModels:
    """Read models in an SQLite file, which opening migrates, or in a PostgreSQL database, which must have been migrated.

    One thread writes; readers have their own connections (see `views`). A follower uses `follow` and `followed_to`. Several
    processes may follow into the same tables: each batch begins where the last batch of any process ended.

    Opening raises `MigrationNeeded` or `SQLAlchemyError`. Every method raises `StoreUnavailable`, and writes nothing, if the
    database cannot be read or written.
    """

    def __init__(self, where: Path | str, projections: Sequence[Projection] = PROJECTIONS) -> None:
        self._database = database_at(where, "read models")
        self.engine = self._database.reading
        self.projections = tuple(projections)
        self.types = frozenset(name for projection in projections for name in projection.types)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="read-models-writer")
        self._turn = asyncio.Lock()  # a swap is several calls on the writer's thread; no batch may run between them
        try:
            _open(self._database, self.projections)
        except BaseException:
            self._database.close()
            raise

    async def follow(self, batch: Sequence[Recorded], reached: int) -> None:
        """Fold a batch, ascending; with it, all events up to `reached` have been delivered. Redelivered events have no
        effect.
        """
        async with self._turn:
            await self._write(lambda connection: fold_batch(connection, self.projections, batch, reached))

    async def followed_to(self) -> int:
        """Return the position up to which every event has been delivered to every projection."""
        return min((await self.positions()).values(), default=0)

    async def positions(self) -> dict[str, int]:
        """Return the positions by the name of the projection."""
        return await self._run(self._positions)

    async def parked(self) -> list[dict[str, Any]]:
        """Return the parked events, by position."""

        def read() -> list[dict[str, Any]]:
            names = [projection.name for projection in self.projections]
            with self.engine.connect() as connection:
                rows = connection.execute(
                    select(PARKED)
                    .where(PARKED.c.projection.in_(names))
                    .order_by(PARKED.c.position, PARKED.c.projection)
                )
                return [dict(row) for row in rows.mappings()]

        return await self._run(read)

    async def rebuild(
        self,
        store: EventStore,
        names: Iterable[str],
        progress: Callable[[int, int], None] = lambda done, of: None,
        *,
        open_store: OpenStore | None = None,
    ) -> int:
        """Fold the named projections again from the whole log. Return the number of events folded.

        The rows go into tables beside the live ones, which all processes keep reading and updating. At the end one
        transaction brings both to the same position and swaps them. An interrupted rebuild changes nothing. With
        `open_store`, which opens the same store, another process reads and folds a long log while this one writes.
        Raises `ValueError` for an unknown name, or `RebuildOvertaken`.
        """
        wanted = [projection for projection in self.projections if projection.name in set(names)]
        if unknown := set(names) - {projection.name for projection in wanted}:
            raise ValueError(f"unknown projection {', '.join(sorted(unknown))}")
        token = secrets.token_hex(8)
        filling = Filling(store, wanted, token, progress)
        try:
            with few_collections():
                if open_store is not None:
                    await filling.share_work(open_store, self.engine.dialect.name)
                await self._write(lambda connection: rebuilding.begin_next(connection, wanted, token))
                await filling.catch_up(self._write)
                await filling.complete_indexes(partial(self._write, timeout_s=INDEX_TIMEOUT_S))
                await filling.catch_up(self._write)
                await self._swap(filling)
        except BaseException:
            self._writer.submit(self._give_up, wanted, token)
            raise
        finally:
            await filling.end()
        return filling.progress.folded

    async def close(self) -> None:
        await asyncio.to_thread(self._writer.shutdown)
        self._database.close()

    async def _swap(self, filling: Filling) -> None:
        for attempts_left in reversed(range(SWAPS_MAX)):
            before = filling.progress
            try:
                await self._swap_once(filling)
            except StoreUnavailable as trouble:
                if not attempts_left:
                    raise
                log.warning("the rebuilt tables could not be swapped in; trying again: %s", trouble)
                filling.progress = before
                await filling.catch_up(self._write)
            else:
                return

    async def _swap_once(self, filling: Filling) -> None:
        async with self._turn:
            connection = await self._run(self._database.writing.connect)
            try:
                transaction = await self._run(connection.begin)

                async def write(call: Callable[[Connection], Answer]) -> Answer:
                    return await self._run(partial(call, connection))

                live = await write(filling.hold)
                await filling.reach(live, write)
                await write(lambda connection: rebuilding.swap(connection, filling.projections))
                await self._run(transaction.commit)
            finally:
                await self._run(connection.close)

    async def _write(self, call: Callable[[Connection], Answer], *, timeout_s: float = WRITE_TIMEOUT_S) -> Answer:
        """Run `call` in its own transaction."""

        def write() -> Answer:
            with self._database.writing.begin() as connection:
                return call(connection)

        return await self._run(write, timeout_s)

    def _give_up(self, projections: Sequence[Projection], token: str) -> None:
        try:
            with deadline(WRITE_TIMEOUT_S), self._database.writing.begin() as connection:
                rebuilding.give_up(connection, projections, token)
        except SQLAlchemyError as trouble:
            log.warning("the tables of an interrupted rebuild remain until the next rebuild: %s", trouble)

    def _positions(self) -> dict[str, int]:
        with self.engine.connect() as connection:
            rows = connection.execute(select(POSITIONS.c.projection, POSITIONS.c.position))
            known = {row.projection: row.position for row in rows}
        return {projection.name: known.get(projection.name, 0) for projection in self.projections}

    async def _run(self, call: Callable[[], Answer], timeout_s: float = WRITE_TIMEOUT_S) -> Answer:
        def in_time() -> Answer:
            with deadline(timeout_s):
                return call()

        try:
            return await asyncio.get_running_loop().run_in_executor(self._writer, in_time)
        except SQLAlchemyError as error:
            raise StoreUnavailable(f"the read models failed: {error}") from error


def _open(database: Database, projections: Sequence[Projection]) -> None:
    with database.writing.begin() as connection:
        if database.is_file:
            prepare(connection, projections)
        else:
            require_migrated(connection, Part.READ_MODELS)
            if changed := _changed(connection, projections):
                raise MigrationNeeded(
                    f"The rows of {', '.join(each.name for each in changed)} are from another version of the program."
                    " Run `access-policy migrate` with the same settings; it folds them again from the log."
                )


def prepare(connection: Connection, projections: Sequence[Projection] = PROJECTIONS) -> None:
    """Migrate the tables, and empty those whose fold now gives other rows, so that they follow from the start of the log."""
    if version_of(connection, Part.READ_MODELS) is None and connection.dialect.name == "sqlite":
        for metadata in (METADATA, BOOKKEEPING):  # a file from before tables had versions
            metadata.drop_all(connection)
    migrate(connection, Part.READ_MODELS)
    changed = _changed(connection, projections)
    if changed:
        log.info("folded from the start of the log: %s", ", ".join(projection.name for projection in changed))
    rebuilding.begin_anew(connection, changed)


def _changed(connection: Connection, projections: Sequence[Projection]) -> list[Projection]:
    rows = connection.execute(select(POSITIONS.c.projection, POSITIONS.c.shape))
    known = {row.projection: row.shape for row in rows}
    return [projection for projection in projections if known.get(LIVE.name_of(projection)) != shape_of(projection)]
