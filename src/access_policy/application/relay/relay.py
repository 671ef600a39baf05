"""Publish the log: in order for each stream, at least once, with the event's id, by which consumers recognise
repetitions.

The store's log is the outbox. An entry that the bus refuses while it accepts others (a strange entry, a failing
subscriber) blocks only its own stream: the stream is durably put on hold, the position advances, and the stream is
retried later. If the bus accepts nothing at all, the position stays, and the follower retries the batch.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from access_policy.application.context import new_id
from access_policy.application.event_loop import cooperatively
from access_policy.application.follower import Follower
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.event_bus import EventBus, PublishResult, PublishStatus, Subscribers
from access_policy.application.ports.event_store import EventStore, Recorded, StoreUnavailable, StreamId
from access_policy.application.ports.relay_positions import HeldStream, RelayPositions
from access_policy.application.published_events.detail import entry_of
from access_policy.application.published_events.mapping import TYPES
from access_policy.application.relay.calls import Waiting, next_calls
from access_policy.application.relay.held_streams import HeldStreams
from access_policy.application.relay.timings import RelayTimings

log = logging.getLogger(__name__)

BATCH: Final = 400  # events
CALLS: Final = 4  # concurrent calls
MADE_PUBLIC_AT_A_TIME: Final = 50  # events, in one iteration of the event loop
BEHIND: Final = "after an event of its stream that the bus did not accept"


class Relay:
    """`run` publishes while this process has the lease. Several processes may each run a relay, under a `holder` name
    of their own: a relay that restarts continues at once, and another one waits until the lease of a dead relay has
    expired."""

    def __init__(
        self,
        store: EventStore,
        bus: EventBus,
        positions: RelayPositions,
        clock: Clock,
        *,
        subscribers: Subscribers | None = None,
        holder: str = "",
        timings: RelayTimings | None = None,
        batch: int = BATCH,
        poll_s: float = 0.25,
    ) -> None:
        self._bus = bus
        self._subscribers = subscribers
        self._positions = positions
        self._clock = clock
        self._timings = timings or RelayTimings()
        self._holder = holder or new_id()
        self._store = store
        self._taken: set[str] = set()  # ids of events after the position that the bus already has
        self.held = HeldStreams(store, bus, positions, clock, self._timings)
        self.follower = Follower("relay", store, self.follow, self.begin, types=TYPES, batch=batch, poll_s=poll_s)
        self.published = 0  # entries that the bus accepted

    async def run(self) -> None:
        """Publish until cancelled. With `subscribers` in this process, publish only while there is a subscriber, from
        the position at which the earliest one begins, or from where this relay or an earlier one stopped."""
        while True:
            if self._subscribers is not None:
                await self._subscribers.until_present()
                await self._skip_history(self._subscribers)
            if await self._is_ours():
                await self._publish_while_ours()
            await self._timings.sleep(self._timings.lease_s / 3)

    async def lag(self) -> int:
        """Return the number of positions that no process of this installation has published yet. Raises
        `StoreUnavailable`."""
        if not self._is_wanted():
            return 0
        return max(0, await self._store.last_position() - await self._positions.position())

    async def begin(self) -> int:
        """Return the position at which to resume."""
        position = await self._positions.position()
        await self.held.load()  # after the position, so that all streams held up to it are loaded
        return position

    async def follow(self, batch: Sequence[Recorded], reached: int) -> None:
        """Publish an ascending batch that ends at `reached`. Raises `StoreUnavailable`, or `BusUnavailable`: the caller
        then passes the same batch again."""
        queues, held = await self._sorted(batch)
        await self._publish(queues, held)
        await self._positions.advance(reached, tuple(held.values()))
        self.held.add(tuple(held.values()))
        self._taken.clear()

    async def _publish_while_ours(self) -> None:
        jobs = [asyncio.create_task(self.follower.run()), asyncio.create_task(self.held.run())]
        try:
            while self._is_wanted() and await self._is_ours():
                await self._timings.sleep(self._timings.lease_s / 3)
        finally:
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)
            with contextlib.suppress(StoreUnavailable):
                await self._positions.release_lease(self._holder)

    def _is_wanted(self) -> bool:
        return self._subscribers is None or self._subscribers.present

    async def _skip_history(self, subscribers: Subscribers) -> None:
        """Advance to the position at which the subscribers begin. Positions only grow, so that events which an earlier
        relay published are not published again."""
        backoff = self._timings.backoff()
        while True:
            try:
                since = subscribers.since
                return await self._positions.advance(await self._store.last_position() if since is None else since)
            except StoreUnavailable as trouble:
                log.warning("nothing is published: %s", trouble)
                await self._timings.sleep(backoff.next_s())

    async def _is_ours(self) -> bool:
        lasts = timedelta(seconds=self._timings.lease_s)
        try:
            return await self._positions.acquire_lease(self._holder, now=self._clock.now(), lasts=lasts)
        except StoreUnavailable as trouble:
            log.warning("nothing is published: %s", trouble)
            return False

    async def _sorted(
        self, batch: Sequence[Recorded]
    ) -> tuple[dict[StreamId, deque[Waiting]], dict[StreamId, HeldStream]]:
        """Return the entries to publish by stream, and the streams that are held because one of their events is skipped."""
        queues: dict[StreamId, deque[Waiting]] = {}
        held: dict[StreamId, HeldStream] = {}
        async for recorded in cooperatively(batch, at_a_time=MADE_PUBLIC_AT_A_TIME):
            if recorded.envelope.event_id in self._taken:
                continue
            if (first := held.get(recorded.stream)) is not None:
                held[recorded.stream] = replace(first, passed=recorded.version)
                continue
            if recorded.stream in self.held:
                held[recorded.stream] = self.held.first(recorded, BEHIND)
                continue
            try:
                waiting = Waiting(recorded, entry_of(recorded))
            except Exception as error:  # noqa: BLE001  an event that cannot be made public holds its own stream only
                held[recorded.stream] = self.held.first(recorded, repr(error))
            else:
                queues.setdefault(recorded.stream, deque()).append(waiting)
        for stream in [stream for stream, queue in queues.items() if len(queue) > self._timings.run_max]:
            waiting_run = queues.pop(stream)
            passed = held[stream].passed if stream in held else waiting_run[-1].recorded.version
            held[stream] = self.held.long_run(waiting_run[0].recorded, passed)
        return queues, held

    async def _publish(self, queues: dict[StreamId, deque[Waiting]], held: dict[StreamId, HeldStream]) -> None:
        backoff = self._timings.backoff()
        while queues:
            calls = next_calls(queues, CALLS)
            answers = await asyncio.gather(*(self._call(call) for call in calls), return_exceptions=True)
            not_now = 0
            for call, answer in zip(calls, answers, strict=True):
                if isinstance(answer, list):
                    not_now += self._settle(call, answer, queues, held)
            for answer in answers:
                if isinstance(answer, BaseException):
                    raise answer
            if not_now:
                await self._timings.sleep(backoff.next_s())
            else:
                backoff.reset()

    async def _call(self, call: Sequence[Waiting]) -> list[PublishResult]:
        return await self._bus.publish([waiting.entry for waiting in call])

    def _settle(
        self,
        call: Sequence[Waiting],
        outcomes: Sequence[PublishResult],
        queues: dict[StreamId, deque[Waiting]],
        held: dict[StreamId, HeldStream],
    ) -> int:
        """Handle each entry by its own result. Return the number of entries to retry."""
        again = 0
        for waiting, outcome in zip(call, outcomes, strict=True):
            stream = waiting.recorded.stream
            if outcome.status is PublishStatus.ACCEPTED:
                self.published += 1
                self._taken.add(waiting.entry.event_id)
                queues[stream].popleft()
                if not queues[stream]:
                    del queues[stream]
                continue
            waiting.tries += 1
            if outcome.status is PublishStatus.REFUSED or waiting.tries >= self._timings.entry_tries:
                passed = held[stream].passed if stream in held else queues[stream][-1].recorded.version
                first = self.held.first(waiting.recorded, f"{outcome.status}: {outcome.reason}")
                held[stream] = replace(first, passed=passed)
                del queues[stream]
            else:
                again += 1
        return again
