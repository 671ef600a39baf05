"""Fill the tables of a rebuild from the log, beside the live tables."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Final, NamedTuple, TypeVar

from sqlalchemy import Connection

from access_policy.adapters.read_models import rebuilding
from access_policy.adapters.read_models.batch import fold_batch, write_prepared
from access_policy.adapters.read_models.preparing import OpenStore, Prepared, Preparer, PreparerLost
from access_policy.adapters.read_models.table_sets import NEXT
from access_policy.application.backoff import Backoff
from access_policy.application.ports.event_store import EventStore, Recorded, StoreUnavailable
from access_policy.application.projections.changes import Projection

log = logging.getLogger(__name__)

BATCH: Final = 4_000  # events in one transaction; a live follower uses smaller batches, because callers wait for them
LONG: Final = 50_000  # events; for fewer, starting another process takes longer than it saves
START_WAIT_S: Final = 0.0  # for its start, before each batch, because this process folds in the meantime

TRIES: Final = 10  # per read of the log, as long as followers do not wait for the rebuild
RETRY_FIRST_S: Final = 0.5
RETRY_LONGEST_S: Final = 10.0

Answer = TypeVar("Answer")
Write = Callable[[Callable[[Connection], Any]], Awaitable[Any]]  # runs the call in a transaction
Batch = Sequence[Recorded] | Prepared


class Progress(NamedTuple):
    folded: int = 0  # events
    position: int = 0


class Filling:
    """Fills the tables. After each batch it calls `report` with the position reached and the position to reach."""

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
        """Let another process prepare the batches of a long log, until one of them fails."""
        if await self._store.last_position() >= LONG:
            self._preparer = Preparer(open_store, self.projections, dialect, BATCH)

    async def end(self) -> None:
        """End the preparer's process."""
        if self._preparer is not None:
            await self._preparer.end()
            self._preparer = None

    def hold(self, connection: Connection) -> int:
        return rebuilding.hold(connection, self.projections, self._token)

    async def complete_indexes(self, write: Write) -> None:
        for index in rebuilding.indexes_of_readers(self.projections):
            await write(partial(rebuilding.create_index, projections=self.projections, token=self._token, index=index))

    async def catch_up(self, write: Write) -> None:
        """Fold until less than a batch is missing. A failed read of the log is retried for a while."""
        while True:
            before, last = self.progress.folded, await _tried(self._store.last_position, TRIES)
            await self.reach(last, write, tries=TRIES)
            if self.progress.folded - before < BATCH:
                return

    async def reach(self, last: int, write: Write, *, tries: int = 1) -> None:
        """Fold all events up to `last`. The next batch is prepared while the previous one is written. Each read of the log is
        tried up to `tries` times.
        """
        preparing = self._prepare_after(self.progress.position, last, tries)
        try:
            while size := _size(batch := await preparing):
                reached = batch.reached if isinstance(batch, Prepared) else batch[-1].position
                preparing = self._prepare_after(reached, last, tries)
                if await self._write(write, batch, reached):
                    self.progress = Progress(self.progress.folded + size, reached)
                    self._report(reached, last)
                else:
                    preparing.cancel()
                    await self.end()
                    preparing = self._prepare_after(self.progress.position, last, tries)
        finally:
            preparing.cancel()
        if self.progress.position < last:
            await self._write(write, (), last)
            self.progress = Progress(self.progress.folded, last)

    def _prepare_after(self, position: int, last: int, tries: int) -> asyncio.Task[Batch]:
        reading = _tried(partial(self._prepare, position, last), tries)
        return asyncio.create_task(reading, name="read of the log for a rebuild")

    async def _prepare(self, position: int, last: int) -> Batch:
        if self._preparer is not None:
            try:
                if self._preparer.has_started(START_WAIT_S):
                    return await self._preparer.prepare(position, last)
            except PreparerLost as loss:
                log.warning(
                    "the process that prepares batches has ended, and the rebuild continues without it: %s", loss
                )
                await self.end()
        return await self._store.read_log(
            after=position, limit=BATCH, types=self._types, up_to=last, with_unreadable=True
        )

    async def _write(self, write: Write, batch: Batch, reached: int) -> bool:
        """Write a batch. Returns False, and writes nothing, if a prepared batch failed."""

        def fold(connection: Connection) -> bool:
            rebuilding.require_ours(connection, self.projections, self._token)
            if not isinstance(batch, Prepared):
                fold_batch(connection, self.projections, batch, reached, NEXT)
                return True
            return batch.groups is not None and write_prepared(
                connection, self.projections, batch.groups, reached, NEXT
            )

        return bool(await write(fold))


async def _tried(read: Callable[[], Awaitable[Answer]], tries: int) -> Answer:
    """Read, up to `tries` times. Raises `StoreUnavailable` after the last attempt."""
    backoff = Backoff(RETRY_FIRST_S, RETRY_LONGEST_S)
    while True:
        try:
            return await read()
        except StoreUnavailable as trouble:
            pause_s = backoff.next_s()
            if backoff.failures >= tries:
                raise
            log.warning("the rebuild waits for the log, then reads it again: %s", trouble)
            await asyncio.sleep(pause_s)


def _size(batch: Batch) -> int:
    return batch.events if isinstance(batch, Prepared) else len(batch)
