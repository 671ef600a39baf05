"""Follows the store's log: hands batches to a handler, remembers nothing itself, comes back after any failure."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime

from access_policy.application.backoff import Backoff
from access_policy.application.ports.event_store import EventStore, Recorded

log = logging.getLogger(__name__)

Handle = Callable[[Sequence[Recorded], int], Awaitable[None]]
Position = Callable[[], Awaitable[int]]

RESTART_FIRST_S = 0.1  # the longest wait after a first failure; doubled for each further one
RESTART_LONGEST_S = 5.0
BUSY_BATCH = 50  # events; from here on
BREATH = 3.0  # times as long as it worked a follower rests, and leaves the processor to those who decide,
BREATH_MAX_S = 1.0  # but not longer than this


class Follower:
    """`handle` gets a batch, ascending, and the position that is reached with it: all events of `types` up to there have
    been handed over. `position` says where to go on from after a start or a failure. Delivery is at least once. A handler
    that parks what it cannot take asks for events `with_unreadable`; to others such an event is a failure."""

    def __init__(
        self,
        name: str,
        store: EventStore,
        handle: Handle,
        position: Position,
        *,
        types: Collection[str] = (),
        batch: int = 500,
        poll_s: float = 0.25,
        with_unreadable: bool = False,
    ) -> None:
        self.name = name
        self._store = store
        self._handle = handle
        self._position = position
        self._types = frozenset(types)
        self._with_unreadable = with_unreadable
        self._batch = batch
        self._poll_s = poll_s
        self._hint = asyncio.Event()
        self._hurry = asyncio.Event()  # set while someone waits for a position
        self._waiting = 0
        self._reached = 0
        self._progress = asyncio.Condition()
        store.on_appended(self._appended)

    @property
    def reached(self) -> int:
        """The position up to which everything has been handled by this process."""
        return self._reached

    async def run(self) -> None:
        """Until cancelled; a failure is logged once a streak, and following goes on from the handler's position."""
        backoff, stuck_at = Backoff(RESTART_FIRST_S, RESTART_LONGEST_S), self._reached
        while True:
            try:
                await self.resume()
                while True:
                    await self.catch_up(at_ease=True)
                    if backoff.failures:
                        log.info("follower %s goes on after %d failures", self.name, backoff.failures)
                        backoff.reset()
                    await self._wait()
            except Exception:
                if self._reached != stuck_at:
                    stuck_at = self._reached
                    backoff.reset()
                if backoff.failures == 0:
                    log.exception("follower %s failed and starts again", self.name)
                await asyncio.sleep(backoff.next_s())

    async def resume(self) -> None:
        """Go on from where the handler is."""
        await self._set_reached(await self._position())

    async def catch_up(
        self, progress: Callable[[int, int], None] = lambda reached, last: None, *, at_ease: bool = False
    ) -> None:
        """Handle all that is in the log now. `progress` hears of the position reached and the one to reach; `at_ease`:
        with rests after long batches, which end when someone waits for the follower."""
        while True:
            last = await self._store.last_position()
            if last <= self._reached:
                return
            batch = await self._store.read_log(
                after=self._reached,
                limit=self._batch,
                types=self._types,
                up_to=last,
                with_unreadable=self._with_unreadable,
            )
            reached = batch[-1].position if len(batch) == self._batch else last
            began = time.monotonic()
            await self._handle(batch, reached)
            await self._set_reached(reached)
            progress(reached, last)
            if at_ease and len(batch) >= BUSY_BATCH:
                await self._rest(min(BREATH_MAX_S, BREATH * (time.monotonic() - began)))

    async def wait_until(self, position: int, *, timeout_s: float) -> bool:
        """True once everything up to `position` has been handled; False when the time is over first."""
        if self._reached < position:
            self._hint.set()  # the position may be that of an event of other types, which wakes nobody
        self._waiting += 1
        self._hurry.set()
        try:
            async with asyncio.timeout(timeout_s), self._progress:
                await self._progress.wait_for(lambda: self._reached >= position)
        except TimeoutError:
            return False
        finally:
            self._waiting -= 1
            if not self._waiting:
                self._hurry.clear()
        return True

    async def lag(self) -> int:
        """Positions behind the log's end; 0 when everything has been handled."""
        return max(0, await self._store.last_position() - self._reached)

    async def waiting_since(self) -> datetime | None:
        """When the oldest event that is not handled yet was recorded; None when everything has been."""
        oldest = await self._store.read_log(
            after=self._reached, limit=1, types=self._types, with_unreadable=self._with_unreadable
        )
        return oldest[0].envelope.recorded_at if oldest else None

    def _appended(self, types: frozenset[str]) -> None:
        if not self._types or not self._types.isdisjoint(types):
            self._hint.set()

    async def _set_reached(self, position: int) -> None:
        async with self._progress:
            self._reached = position
            self._progress.notify_all()

    async def _rest(self, span_s: float) -> None:
        try:
            async with asyncio.timeout(span_s):
                await self._hurry.wait()
        except TimeoutError:
            pass

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(self._poll_s):
                await self._hint.wait()
        except TimeoutError:
            pass
        self._hint.clear()
