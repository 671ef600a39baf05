"""Streams that are published separately from the log, from their first unpublished event to their end.

A stream is held because the bus refused one of its events, or because a long run of its events would delay other
streams.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from access_policy.application.event_loop import cooperatively
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.event_bus import BusUnavailable, EventBus, PublishStatus
from access_policy.application.ports.event_store import EventStore, Recorded, StreamId
from access_policy.application.ports.relay_positions import HeldStream, RelayPositions
from access_policy.application.published_events.detail import entry_of
from access_policy.application.published_events.mapping import TYPES
from access_policy.application.relay.timings import RelayTimings

log = logging.getLogger(__name__)

REASON_LENGTH_MAX: Final = 500
# events in one iteration of the event loop, because the bus in this process never waits
PUBLISHED_AT_A_TIME: Final = 20
LONG_RUN: Final = "a long run of its events is published separately"


class HeldStreams:
    """The held streams as this process knows them. Several processes may publish them, which repeats events but loses
    none."""

    def __init__(
        self, store: EventStore, bus: EventBus, positions: RelayPositions, clock: Clock, timings: RelayTimings
    ) -> None:
        self._store = store
        self._bus = bus
        self._positions = positions
        self._clock = clock
        self._timings = timings
        self._held: dict[StreamId, HeldStream] = {}

    def __contains__(self, stream: StreamId) -> bool:
        return stream in self._held

    def __len__(self) -> int:
        return len(self._held)

    async def load(self) -> None:
        self._held = {held.stream: held for held in await self._positions.held()}

    def long_run(self, first: Recorded, passed: int) -> HeldStream:
        """Return a hold of the stream because of a long run of its events, up to version `passed`."""
        return HeldStream(
            stream=first.stream,
            version=first.version,
            passed=passed,
            reason=LONG_RUN,
            tries=0,
            try_again_at=self._clock.now(),
        )

    def first(self, recorded: Recorded, reason: str) -> HeldStream:
        """Return a hold of the stream from this event on, which takes effect once it is stored and `add`ed."""
        return HeldStream(
            stream=recorded.stream,
            version=recorded.version,
            passed=recorded.version,
            reason=reason[:REASON_LENGTH_MAX],
            tries=1,
            try_again_at=self._clock.now() + self._timings.held_for(1),
        )

    def add(self, streams: Sequence[HeldStream]) -> None:
        for held in streams:
            if held.stream not in self._held:
                self._held[held.stream] = held
                level = logging.ERROR if held.tries else logging.INFO
                log.log(level, "stream %s is held from version %d on: %s", held.stream, held.version, held.reason)

    async def run(self) -> None:
        """Publish due streams until cancelled."""
        more = False
        while True:
            if not more:
                await self._timings.sleep(self._timings.look_at_held_s)
            more = False
            try:
                more = await self.try_again()
            except BusUnavailable:
                pass  # the follower logs it
            except Exception:
                log.exception("held streams will be retried later")

    async def try_again(self) -> bool:
        """Publish a part of each stream that is due. Return True if one has more. Raises `BusUnavailable`,
        `StoreUnavailable`."""
        now = self._clock.now()
        more = False
        for held in [held for held in self._held.values() if held.try_again_at <= now]:
            more |= await self._turn(held)
        return more

    async def _turn(self, held: HeldStream) -> bool:
        """Publish a part of the stream. Return True if it has more."""
        events = await self._store.load(held.stream, after_version=held.version - 1, limit=self._timings.turn)
        async for recorded in cooperatively(events, at_a_time=PUBLISHED_AT_A_TIME):
            trouble = await self._trouble_with(recorded) if type(recorded.event).TYPE in TYPES else None
            if trouble is not None:
                await self._hold_longer(held, recorded.version, trouble)
                return False
        published_to = held.version - 1 + len(events)
        if len(events) < self._timings.turn and await self._positions.release(held.stream, published_to=published_to):
            del self._held[held.stream]
            log.info("stream %s is published again", held.stream)
            return False
        longer = replace(held, version=published_to + 1, reason=LONG_RUN, tries=0, try_again_at=self._clock.now())
        await self._positions.hold_longer(longer)
        self._held[held.stream] = longer
        return True

    async def _trouble_with(self, recorded: Recorded) -> str | None:
        try:
            entry = entry_of(recorded)
        except Exception as error:  # noqa: BLE001  an event that cannot be made public holds its own stream only
            return repr(error)
        (outcome,) = await self._bus.publish([entry])
        return None if outcome.status is PublishStatus.ACCEPTED else f"{outcome.status}: {outcome.reason}"

    async def _hold_longer(self, held: HeldStream, version: int, reason: str) -> None:
        tries = held.tries + 1 if version == held.version else 1
        longer = replace(
            held,
            version=version,
            reason=reason[:REASON_LENGTH_MAX],
            tries=tries,
            try_again_at=self._clock.now() + self._timings.held_for(tries),
        )
        await self._positions.hold_longer(longer)
        self._held[held.stream] = longer
