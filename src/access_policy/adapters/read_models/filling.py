"""Fills the tables of a rebuild from the log, beside the live ones."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection

from access_policy.adapters.read_models import rebuilding
from access_policy.adapters.read_models.batch import fold_batch
from access_policy.adapters.read_models.tables import NEXT
from access_policy.application.ports.event_store import EventStore, Recorded
from access_policy.application.projections.changes import Projection

BATCH: Final = 4_000  # events in one transaction; a live follower uses smaller batches, because callers wait for it
RARELY: Final = (100_000, 50, 1_000)  # thresholds of the garbage collector

Write = Callable[[Callable[[Connection], Any]], Awaitable[Any]]  # runs the call in a transaction


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

    def hold(self, connection: Connection) -> int:
        return rebuilding.hold(connection, self.projections, self._token)

    def complete_indexes(self, connection: Connection) -> None:
        rebuilding.complete_indexes(connection, self.projections, self._token)

    async def catch_up(self, write: Write) -> None:
        """Fold until less than a batch is missing."""
        while True:
            before, last = self.progress.folded, await self._store.last_position()
            await self.reach(last, write)
            if self.progress.folded - before < BATCH:
                return

    async def reach(self, last: int, write: Write) -> None:
        """Fold all events up to `last`; the next batch is read and decoded while the one before it is written."""
        reading = self._read_after(self.progress.position, last)
        try:
            while batch := await reading:
                reading = self._read_after(batch[-1].position, last)
                await self._fold(write, batch, batch[-1].position)
                self._report(self.progress.position, last)
        finally:
            reading.cancel()
        if self.progress.position < last:
            await self._fold(write, (), last)

    def _read_after(self, position: int, last: int) -> asyncio.Task[list[Recorded]]:
        read = self._store.read_log(after=position, limit=BATCH, types=self._types, up_to=last, with_unreadable=True)
        return asyncio.create_task(read, name="read of the log for a rebuild")

    async def _fold(self, write: Write, batch: Sequence[Recorded], reached: int) -> None:
        def fold(connection: Connection) -> None:
            rebuilding.require_ours(connection, self.projections, self._token)
            fold_batch(connection, self.projections, batch, reached, NEXT)

        await write(fold)
        self.progress = Progress(self.progress.folded + len(batch), reached)


@contextmanager
def few_collections() -> Iterator[None]:
    """Collect garbage rarely: decoded events contain no cycles, and searching them for some would double the time to decode."""
    before = gc.get_threshold()
    gc.set_threshold(*RARELY)
    try:
        yield
    finally:
        gc.set_threshold(*before)
