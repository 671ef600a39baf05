"""What every memory of relays promises."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from access_policy.adapters.records.relay_positions import MemoryRelayPositions, SqlRelayPositions
from access_policy.application.ports.event_store import StoreUnavailable, StreamId
from access_policy.application.ports.relay_positions import HeldStream, RelayPositions
from tests.support.places import Place
from tests.support.records import inside
from tests.support.stores import NOON

LASTS = timedelta(seconds=15)
HELD = HeldStream(
    stream=StreamId("acme/vehicle_registry/registry"),
    version=3,
    passed=5,
    reason="refused: MalformedDetail",
    tries=1,
    try_again_at=NOON,
)


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def positions(request: pytest.FixtureRequest) -> AsyncIterator[RelayPositions]:
    opened: RelayPositions
    match request.param:
        case "memory":
            opened = MemoryRelayPositions()
        case "sqlite":
            opened = SqlRelayPositions(request.getfixturevalue("tmp_path") / "relay.sqlite", "a bus")
        case _:
            opened = SqlRelayPositions(request.getfixturevalue("records_database"), "a bus")
    yield opened
    await opened.close()


async def test_a_relay_begins_at_the_start_and_only_goes_on(positions: RelayPositions) -> None:
    assert await positions.position() == 0

    await positions.advance(7)
    await positions.advance(5)

    assert await positions.position() == 7


async def test_one_relay_at_a_time_has_the_claim_until_it_runs_out_or_is_released(positions: RelayPositions) -> None:
    assert await positions.acquire_lease("one", now=NOON, lasts=LASTS)
    assert not await positions.acquire_lease("two", now=NOON + timedelta(seconds=14), lasts=LASTS)
    assert await positions.acquire_lease("one", now=NOON + timedelta(seconds=14), lasts=LASTS), "and goes on"
    assert not await positions.acquire_lease("two", now=NOON + timedelta(seconds=28), lasts=LASTS)
    assert await positions.acquire_lease("two", now=NOON + timedelta(seconds=29), lasts=LASTS), "the first one is gone"
    assert not await positions.acquire_lease("one", now=NOON + timedelta(seconds=30), lasts=LASTS)

    await positions.release_lease("one")
    assert not await positions.acquire_lease("one", now=NOON + timedelta(seconds=30), lasts=LASTS), (
        "it was not its to release"
    )
    await positions.release_lease("two")
    assert await positions.acquire_lease("one", now=NOON + timedelta(seconds=30), lasts=LASTS)


async def test_a_held_stream_is_held_from_its_first_event_on_whatever_is_passed_over_later(
    positions: RelayPositions,
) -> None:
    await positions.advance(10, [HELD])
    await positions.advance(20, [replace(HELD, version=9, passed=9, reason="behind")])

    assert await positions.held() == [replace(HELD, passed=9)]
    assert await positions.position() == 20


async def test_a_held_stream_waits_longer_and_does_not_forget_what_was_passed_over(positions: RelayPositions) -> None:
    later = replace(HELD, version=4, passed=4, tries=2, try_again_at=NOON + LASTS, reason="again")
    await positions.advance(10, [HELD])

    await positions.hold_longer(later)

    assert await positions.held() == [replace(later, passed=5)]


async def test_a_stream_is_released_only_when_all_that_was_passed_over_is_published(positions: RelayPositions) -> None:
    await positions.advance(10, [HELD])

    assert not await positions.release(HELD.stream, published_to=4)
    assert await positions.held() == [HELD]
    assert await positions.release(HELD.stream, published_to=5)
    assert await positions.held() == []
    assert await positions.release(HELD.stream, published_to=5), "twice is fine"


async def test_streams_are_tried_in_the_order_of_their_time(positions: RelayPositions) -> None:
    late = replace(HELD, stream=StreamId("acme/x/1"), try_again_at=NOON + LASTS)

    await positions.advance(1, [late, HELD])

    assert await positions.held() == [HELD, late]


async def test_it_is_durable_and_each_bus_has_its_own(records_location: Place) -> None:
    where = inside(records_location, "relay")
    first = SqlRelayPositions(where, "one")
    await first.advance(7, [HELD])
    await first.close()

    again, other = SqlRelayPositions(where, "one"), SqlRelayPositions(where, "other")

    assert (await again.position(), await again.held()) == (7, [HELD])
    assert (await other.position(), await other.held()) == (0, [])
    await again.close()
    await other.close()
    with pytest.raises(StoreUnavailable):
        await again.position()
