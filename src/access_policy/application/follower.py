"""Follow the store's log: pass batches to a handler, and resume at the handler's position after a failure."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Sequence

from access_policy.application.backoff import Backoff
from access_policy.application.ports.event_store import EventStore, Recorded

log = logging.getLogger(__name__)

Handle = Callable[[Sequence[Recorded], int], Awaitable[None]]
Position = Callable[[], Awaitable[int]]

RESTART_FIRST_S = 0.1
RESTART_LONGEST_S = 5.0
# an idle follower rests this long after a batch, so that a thousand commits a second cause few reads
REST_MIN_S = 0.01
BUSY_BATCH = 50  # events; after a batch of at least this size it rests longer, to leave the processor to decisions:
REST_FACTOR = 3.0  # this many times the duration of the batch,
REST_MAX_S = 1.0  # but at most this long after a full batch, and proportionally less after a smaller one


class Follower:
    """Delivers the log to one handler, at least once and in ascending order.

    `handle` receives a batch and the position reached with it: all events of `types` up to that position have been
    delivered. `position` returns the position at which to resume after a start or a failure. `with_unreadable` also
    delivers unreadable events, for a handler that parks them; without it, an unreadable event is a failure. A commit of
    this process or a call of `wake` makes the follower read the log at once; otherwise it polls every `poll_s`.
    """

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
        self._woken = asyncio.Event()
        self._hurry = asyncio.Event()  # set while a caller waits for a position
        self._waiting = 0
        self._reached = 0
        self._progress = asyncio.Condition()
        store.on_appended(self.wake)

    @property
    def reached(self) -> int:
        """The position up to which this process has handled all events."""
        return self._reached

    async def run(self) -> None:
        """Follow until cancelled. A streak of failures is logged once; the follower resumes at the handler's position."""
        backoff, stuck_at = Backoff(RESTART_FIRST_S, RESTART_LONGEST_S), self._reached
        while True:
            try:
                await self.resume()
                while True:
                    await self.catch_up(at_ease=True)
                    if backoff.failures:
                        log.info("follower %s resumed after %d failures", self.name, backoff.failures)
                        backoff.reset()
                    await self._wait()
            except Exception:
                if self._reached != stuck_at:
                    stuck_at = self._reached
                    backoff.reset()
                if backoff.failures == 0:
                    log.exception("follower %s failed and restarts", self.name)
                await asyncio.sleep(backoff.next_s())

    async def resume(self) -> None:
        """Resume at the handler's position."""
        await self._set_reached(await self._position())

    async def catch_up(
        self, progress: Callable[[int, int], None] = lambda reached, last: None, *, at_ease: bool = False
    ) -> None:
        """Handle all events that are in the log now.

        `progress` receives the position reached and the last one. With `at_ease` the follower rests after each
        batch, longer after large ones; a caller of `wait_until` ends the rest.
        """
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
            if at_ease:
                await self._rest(self._rest_s(len(batch), time.monotonic() - began))

    async def wait_until(self, position: int, *, timeout_s: float) -> bool:
        """Return True once all events up to `position` have been handled, False after `timeout_s`."""
        if self._reached < position:
            self._woken.set()  # an event of another type at that position did not wake the follower
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

    async def beyond(self, position: int) -> int:
        """Wait, without hurrying the follower, until events after `position` have been handled; return the position
        reached."""
        async with self._progress:
            await self._progress.wait_for(lambda: self._reached > position)
        return self._reached

    def wake(self, types: frozenset[str] = frozenset()) -> None:
        """Read the log at once: events of these types were appended. An empty set means that the types are unknown."""
        if not self._types or not types or not self._types.isdisjoint(types):
            self._woken.set()

    async def lag(self) -> int:
        """Return the number of positions between the last one handled and the end of the log."""
        return max(0, await self._store.last_position() - self._reached)

    async def _set_reached(self, position: int) -> None:
        async with self._progress:
            self._reached = position
            self._progress.notify_all()

    def _rest_s(self, events: int, took_s: float) -> float:
        """Seconds to rest after a batch of so many events."""
        if events < BUSY_BATCH:
            return REST_MIN_S
        return max(REST_MIN_S, min(REST_MAX_S * events / self._batch, REST_FACTOR * took_s))

    async def _rest(self, span_s: float) -> None:
        try:
            async with asyncio.timeout(span_s):
                await self._hurry.wait()
        except TimeoutError:
            pass

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(self._poll_s):
                await self._woken.wait()
        except TimeoutError:
            pass
        self._woken.clear()
