"""The relay of a bus in the process: it works only while the bus has a subscriber."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pytest

from access_policy.adapters.event_bus.in_process import InProcessBus
from access_policy.adapters.records.relay_positions import MemoryRelayPositions
from access_policy.application.ports.event_store import Append
from access_policy.application.ports.relay_positions import HeldStream
from access_policy.application.relay.relay import Relay
from access_policy.application.streams import policy_stream
from access_policy.domain.charger_access_policy.events import ModeOverrideLifted
from access_policy.domain.ids import ChargerId, OverrideId, TenantId
from tests.support.depot_in_memory import SettableClock
from tests.support.stores import NOON, happened, inline_memory_store

ACME, BAY = TenantId("acme"), ChargerId("bay-1")
EVERYTHING = {"source": [{"exists": True}]}


class CountedPositions(MemoryRelayPositions):
    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    async def position(self) -> int:
        self.calls += 1
        return await super().position()

    async def acquire_lease(self, *args: Any, **kwargs: Any) -> bool:
        self.calls += 1
        return await super().acquire_lease(*args, **kwargs)

    async def advance(self, position: int, held: Sequence[HeldStream] = ()) -> None:
        self.calls += 1
        await super().advance(position, held)


class Depot:
    def __init__(self) -> None:
        self.store = inline_memory_store()
        self.bus = InProcessBus()
        self.positions = CountedPositions()
        self.received: list[str] = []
        self.happenings = 0

    def start(self, bus: InProcessBus) -> None:
        clock = SettableClock(NOON)
        self.relay = Relay(self.store, bus, self.positions, clock, subscribers=bus, holder="here", poll_s=0.01)
        self._running = asyncio.create_task(self.relay.run())

    async def stop(self) -> None:
        self._running.cancel()
        with suppress(asyncio.CancelledError):
            await self._running

    async def target(self, event: Any) -> None:
        self.received.append(event["detail"]["data"]["override_id"])

    async def lift(self, override: str) -> None:
        event = ModeOverrideLifted(charger_id=BAY, override_id=OverrideId(override), lifted_at=NOON)
        stream = policy_stream(ACME, BAY)
        await self.store.append([Append(stream, self.happenings, (happened(event),))])
        self.happenings += 1

    async def until(self, is_so: Any) -> None:
        async with asyncio.timeout(10):
            while not is_so():  # noqa: ASYNC110  the relay has no event for it
                await asyncio.sleep(0)


@pytest.fixture
async def depot() -> Any:
    made = Depot()
    made.start(made.bus)
    yield made
    await made.stop()
    await made.store.close()


async def test_relay_without_subscriber_touches_no_position_and_has_no_lag(depot: Depot) -> None:
    for number in range(20):
        await depot.lift(f"o-{number}")

    assert depot.positions.calls == 0
    assert depot.relay.published == 0
    assert await depot.relay.lag() == 0


async def test_relay_with_first_subscriber_publishes_from_then_on(depot: Depot) -> None:
    await depot.lift("before")
    depot.bus.put_rule("all", EVERYTHING, depot.target)
    await depot.until(lambda: depot.positions.calls > 0)
    await depot.lift("after")
    await depot.until(lambda: depot.received)

    assert depot.received == ["after"]


async def test_relay_after_a_restart_goes_on_where_it_was_for_a_subscriber_that_was_there_before(depot: Depot) -> None:
    await depot.lift("history")
    depot.bus.put_rule("all", EVERYTHING, depot.target, since=1)
    await depot.lift("first")
    await depot.until(lambda: depot.received == ["first"])
    async with asyncio.timeout(10):
        while await depot.positions.position() < 2:  # noqa: ASYNC110  the relay has no event for it
            await asyncio.sleep(0)

    bus = InProcessBus()
    await depot.stop()
    await depot.lift("meanwhile")
    depot.start(bus)
    bus.put_rule("all", EVERYTHING, depot.target, since=1)
    await depot.until(lambda: len(depot.received) >= 2)

    assert depot.received == ["first", "meanwhile"]
