"""Fills the tables of a rebuild from the log, beside the live ones."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection

from access_policy.adapters.read_models import rebuilding
from access_policy.adapters.read_models.batch import fold_batch, write_prepared
from access_policy.adapters.read_models.preparing import OpenStore, Prepared, Preparer, PreparerLost
from access_policy.adapters.read_models.tables import NEXT
from access_policy.application.ports.event_store import EventStore, Recorded
from access_policy.application.projections.changes import Projection

log = logging.getLogger(__name__)

BATCH: Final = 4_000  # events in one transaction; a live follower uses smaller batches, because callers wait for it
LONG: Final = 50_000  # events: for fewer, the start of another process takes longer than it saves
START_WAIT_S: Final = 0.0  # for that start, before each batch: this process folds meanwhile

Write = Callable[[Callable[[Connection], Any]], Awaitable[Any]]  # runs the call in a transaction
Batch = Sequence[Recorded] | Prepared


class Progress(NamedTuple):
    folded: int = 0  # events
    position: int = 0


class Filling:
    """`report` is called with the position reached and the one to reach after each batch."""

    def __init__(
        self,
        store: EventStore,
        projections: Sequence[Projection],
        token: str,
        report: Callable[[int, int], None],
    ) -> None:
        self.projections = projections
        self.progress = Progress()
        self._store = store
        self._token = token
        self._report = report
        self._types = frozenset(name for projection in projections for name in projection.types)
        self._preparer: Preparer | None = None

    async def share_work(self, open_store: OpenStore, dialect: str) -> None:
        """Have another process prepare the batches of a long log, until one of them is in trouble."""
        if await self._store.last_position() >= LONG:
            self._preparer = Preparer(open_store, self.projections, dialect, BATCH)

    async def end(self) -> None:
        """End the process of the preparer."""
        if self._preparer is not None:
            await self._preparer.end()
            self._preparer = None

    def hold(self, connection: Connection) -> int:
        return rebuilding.hold(connection, self.projections, self._token)

    async def complete_indexes(self, write: Write) -> None:
        for index in rebuilding.indexes_of_readers(self.projections):
            await write(partial(rebuilding.create_index, projections=self.projections, token=self._token, index=index))

    async def catch_up(self, write: Write) -> None:
        """Fold until less than a batch is missing."""
        while True:
            before, last = self.progress.folded, await self._store.last_position()
            await self.reach(last, write)
            if self.progress.folded - before < BATCH:
                return

    async def reach(self, last: int, write: Write) -> None:
        """Fold all events up to `last`; the next batch is prepared while the one before it is written."""
        preparing = self._prepare_after(self.progress.position, last)
        try:
            while size := _size(batch := await preparing):
                reached = batch.reached if isinstance(batch, Prepared) else batch[-1].position
                preparing = self._prepare_after(reached, last)
                if await self._write(write, batch, reached):
                    self.progress = Progress(self.progress.folded + size, reached)
                    self._report(reached, last)
                else:
                    preparing.cancel()
                    await self.end()
                    preparing = self._prepare_after(self.progress.position, last)
        finally:
            preparing.cancel()
        if self.progress.position < last:
            await self._write(write, (), last)
            self.progress = Progress(self.progress.folded, last)

    def _prepare_after(self, position: int, last: int) -> asyncio.Task[Batch]:
        return asyncio.create_task(self._prepare(position, last), name="read of the log for a rebuild")

    async def _prepare(self, position: int, last: int) -> Batch:
        if self._preparer is not None:
            try:
                if self._preparer.has_started(START_WAIT_S):
                    return await self._preparer.prepare(position, last)
            except PreparerLost as loss:
                log.warning("the process that prepares batches has ended, the rebuild goes on without it: %s", loss)
                await self.end()
        return await self._store.read_log(
            after=position, limit=BATCH, types=self._types, up_to=last, with_unreadable=True
        )

    async def _write(self, write: Write, batch: Batch, reached: int) -> bool:
        """False, and nothing is written, if a prepared batch is in trouble."""

        def fold(connection: Connection) -> bool:
            rebuilding.require_ours(connection, self.projections, self._token)
            if not isinstance(batch, Prepared):
                fold_batch(connection, self.projections, batch, reached, NEXT)
                return True
            return batch.groups is not None and write_prepared(
                connection, self.projections, batch.groups, reached, NEXT
            )

        return bool(await write(fold))


def _size(batch: Batch) -> int:
    return batch.events if isinstance(batch, Prepared) else len(batch)
