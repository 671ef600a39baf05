"""Ownership of chargers is recorded, also of chargers that connected or left while the store was down."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from access_policy.adapters.local_files.spool import SqliteSpool
from access_policy.adapters.ocpp.errors import OcppVersion
from access_policy.adapters.ocpp.gateway.gateway import OcppGateway
from access_policy.adapters.ocpp.gateway.unrecorded_connections import AT_ONCE, UnrecordedConnections
from access_policy.adapters.ocpp.incoming.connected_charger import AdmittedCharger
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.application.presence.condition_recorder import ConditionRecorder
from access_policy.application.recording.spooled_commits import SpooledCommits
from access_policy.application.streams import condition_stream
from access_policy.domain.charger_condition.events import ChargerBooted, ChargerConnected, ChargerDisconnected
from access_policy.domain.ids import ChargerId, ChargerKey
from tests.support.depot_in_memory import BAY, TENANT, DepotInMemory
from tests.support.outages import FailingStore
from tests.support.passwords import NoPasswords
from tests.support.stores import memory_store

KEY: ChargerKey = (TENANT, BAY)


@dataclass(eq=False)
class Connection:
    """What the gateway reads of a connection."""

    admission: AdmittedCharger
    version: OcppVersion = OcppVersion.V16
    is_current: bool = True


@dataclass
class Yard:
    """A gateway as the service has it, over a spool. `conditions_of` is another process over the same store."""

    depot: DepotInMemory
    store: FailingStore
    spool: SqliteSpool
    gateway: OcppGateway = field(init=False)

    def __post_init__(self) -> None:
        depot = self.depot
        commits = SpooledCommits(self.store, depot.commits, self.spool, depot.view)
        self.recorder = ConditionRecorder(depot.view, commits, commits)
        self.conditions = depot.conditions(self.recorder)
        self.records = depot.connection_records("here", self.recorder)
        self.gateway = OcppGateway(
            depot.dependencies_of_handlers(conditions=self.conditions, energy=nothing_follows),
            self.records,
            NoPasswords(),
            requires_passwords=False,
        )

    async def connects(self) -> Any:
        await self.conditions.has_booted(KEY)
        admitted = AdmittedCharger(KEY, self.depot.clock.now(), has_booted=True)
        connection: Any = Connection(admitted)
        self.gateway.dispatcher(connection)
        self.gateway.opened(connection)
        await self.gateway.ownership.finish_records()
        return connection

    async def leaves(self, connection: Any) -> None:
        self.gateway.closed(connection)
        await self.gateway.ownership.finish_records()

    async def is_back(self) -> None:
        """The store, and what the gateway does then."""
        self.store.down = False
        await self.gateway.ownership.unrecorded.try_again()
        await self.gateway.ownership.finish_records()

    async def links(self) -> list[type]:
        recorded = await self.depot.store.load(condition_stream(*KEY))
        return [type(each.event) for each in recorded if not isinstance(each.event, ChargerBooted)]


async def nothing_follows(_: object) -> None:
    return


@pytest.fixture
async def yard(tmp_path: Path) -> AsyncIterator[Yard]:
    store = FailingStore(memory_store())
    depot = await DepotInMemory(store).opened()
    spool = SqliteSpool(tmp_path / "spool.sqlite")
    yield Yard(depot, store, spool)
    await spool.close()


async def test_a_charger_that_connects_while_the_store_is_down_is_claimed_when_it_is_back(yard: Yard) -> None:
    yard.store.down = True
    await yard.connects()

    await yard.is_back()
    await yard.is_back()

    assert await yard.links() == [ChargerConnected]
    assert await yard.records.owner_of(KEY) == "here"


async def test_its_boot_before_the_outage_is_known_after_the_late_claim(yard: Yard) -> None:
    other = yard.depot.conditions()
    await other.booted(KEY, vendor="V", model="M", firmware=None)
    yard.store.down = True
    await yard.connects()
    assert yard.conditions.booted_at(KEY) is None

    await yard.is_back()

    assert yard.conditions.booted_at(KEY) == yard.depot.clock.now()


async def test_a_charger_that_came_and_left_while_the_store_was_down_leaves_no_record(yard: Yard) -> None:
    yard.store.down = True
    await yard.leaves(await yard.connects())

    await yard.is_back()

    assert await yard.links() == []


async def test_a_charger_that_leaves_while_the_store_is_down_is_noted_as_gone_when_it_is_back(yard: Yard) -> None:
    connection = await yard.connects()
    yard.recorder.others_wrote(KEY)
    yard.store.down = True
    await yard.leaves(connection)

    await yard.is_back()

    assert await yard.links() == [ChargerConnected, ChargerDisconnected]


async def test_a_charger_given_up_while_the_store_fails_is_claimed_again_when_it_is_back(yard: Yard) -> None:
    await yard.connects()
    elsewhere = yard.depot.connection_records("there")
    await elsewhere.left_behind(KEY, "here")
    yard.store.down = True
    yard.gateway.ownership.given_up(KEY, 2)
    await yard.gateway.ownership.finish_records()

    await yard.is_back()
    await yard.is_back()

    assert await yard.links() == [ChargerConnected, ChargerDisconnected, ChargerConnected]


async def test_late_records_ask_one_charger_first_and_go_on_once_the_store_answers() -> None:
    is_down, asked = True, []

    async def record(key: ChargerKey) -> None:
        asked.append(key)
        if is_down:
            raise StoreUnavailable("away")

    links = UnrecordedConnections(record)
    keys = [(TENANT, ChargerId(str(number))) for number in range(AT_ONCE + 7)]
    for key in keys:
        links.add(key)

    await links.try_again()
    assert asked == keys[:1]
    is_down = False
    await links.try_again()
    await links.try_again()

    assert asked[1:] == keys


async def test_the_loop_of_late_records_tries_again_until_the_store_answers() -> None:
    outages, done = [StoreUnavailable("away"), StoreUnavailable("away")], asyncio.Event()

    async def record(key: ChargerKey) -> None:
        if outages:
            raise outages.pop()
        done.set()

    async def moment(_: float) -> None:
        await asyncio.sleep(0)

    links = UnrecordedConnections(record, sleep=moment)
    running = asyncio.create_task(links.run())
    links.add(KEY)
    async with asyncio.timeout(60):
        await done.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
