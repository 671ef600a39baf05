"""Gateways' signs of life, counted."""

from __future__ import annotations

import asyncio

from access_policy.adapters.records.heartbeats import SqlHeartbeats
from tests.support.places import Place
from tests.support.records import inside


async def test_each_gateway_counts_for_itself_and_for_all_to_see(records_location: Place) -> None:
    one, other = (SqlHeartbeats(inside(records_location, "heartbeats")) for _ in range(2))

    assert await other.counts() == {}
    for _ in range(3):
        await one.beat("gw-1")
    await asyncio.gather(*(each.beat("gw-2") for each in (one, other, one, other)))

    assert await other.counts() == {"gw-1": 3, "gw-2": 4}
    await one.close()
    await other.close()


async def test_who_ended_is_forgotten_unless_it_beats_again(records_location: Place) -> None:
    heartbeats = SqlHeartbeats(inside(records_location, "heartbeats"))
    for name in ("gw-1", "gw-1", "gw-2", "gw-3"):
        await heartbeats.beat(name)

    await heartbeats.forget("gw-1", at_count=1)
    await heartbeats.forget("gw-2", at_count=1)
    await heartbeats.forget("gw-3")
    await heartbeats.forget("nobody")

    assert await heartbeats.counts() == {"gw-1": 2}
    await heartbeats.close()
