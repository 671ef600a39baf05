"""Records of connections: the latest one owns the charger, and ends of earlier ones are not recorded."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from access_policy.application.streams import condition_stream
from access_policy.domain.charger_condition.events import ChargerConnected, ChargerDisconnected
from tests.support.depot_in_memory import BAY, TENANT, DepotInMemory
from tests.support.stores import memory_store

KEY = (TENANT, BAY)


@pytest.fixture
async def depot() -> DepotInMemory:
    return await DepotInMemory(memory_store()).opened()


async def recorded(depot: DepotInMemory) -> Sequence[object]:
    return [type(each.event) for each in await depot.store.load(condition_stream(*KEY))]


async def test_connection_records_of_a_charger_that_never_connected_name_no_owner(depot: DepotInMemory) -> None:
    here = depot.connection_records("here")

    assert await here.owner_of(KEY) is None
    assert await here.connected_elsewhere(KEY) is None


async def test_connection_records_name_the_gateway_of_the_latest_connection(depot: DepotInMemory) -> None:
    here, there = depot.connection_records("here"), depot.connection_records("there")
    await here.connected(KEY, "ocpp1.6")
    await there.connected(KEY, "ocpp1.6")

    assert await here.owner_of(KEY) == "there"
    assert (await here.connected_elsewhere(KEY), await there.connected_elsewhere(KEY)) == ("there", None)

    await there.disconnected(KEY, "gone")

    assert (await here.owner_of(KEY), await here.connected_elsewhere(KEY)) == ("there", None)


async def test_connection_records_of_an_end_after_a_connection_elsewhere_are_not_written(
    depot: DepotInMemory,
) -> None:
    here, there = depot.connection_records("here"), depot.connection_records("there")
    await here.connected(KEY, "ocpp1.6")
    await there.connected(KEY, "ocpp1.6")

    await depot.connection_records("here").disconnected(KEY, "the service was restarted")

    assert await recorded(depot) == [ChargerConnected, ChargerConnected]


async def test_connection_records_of_a_gateway_that_is_gone_end_once(depot: DepotInMemory) -> None:
    await depot.connection_records("there").connected(KEY, "ocpp1.6")
    here, other = depot.connection_records("here"), depot.connection_records("other")

    await here.left_behind(KEY, "there")
    await other.left_behind(KEY, "there")

    assert await recorded(depot) == [ChargerConnected, ChargerDisconnected]


async def test_connection_records_of_a_long_reason_keep_its_beginning(depot: DepotInMemory) -> None:
    here = depot.connection_records("here")
    await here.connected(KEY, "ocpp1.6")
    await here.disconnected(KEY, "x" * 300)

    (_, ended) = await depot.store.load(condition_stream(*KEY))
    assert ended.event.reason == "x" * 200
