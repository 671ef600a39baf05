"""A gateway that does not beat any more is found gone by the others, each by its own clock, and by nobody too early."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from access_policy.adapters.records.heartbeats import SqlHeartbeats
from access_policy.application.presence.connection_records import ConnectionRecords
from access_policy.application.presence.gone_gateways import BEAT_EVERY_S, GONE_AFTER_S, GoneGateways
from access_policy.application.streams import condition_stream
from access_policy.domain.charger_condition.events import ChargerConnected, ChargerDisconnected
from tests.support.depot_in_memory import BAY as CHARGER
from tests.support.depot_in_memory import TENANT, DepotInMemory
from tests.support.stores import memory_store

BAY = (TENANT, CHARGER)
STEPS = round(GONE_AFTER_S / BEAT_EVERY_S) + 2


@dataclass
class Installation:
    """Gateways `gw-1`, `gw-2` and an API that watches them, over one store."""

    depot: DepotInMemory
    heartbeats: SqlHeartbeats
    seconds: float = 0.0
    rows: list[Any] = field(default_factory=list)

    def process(self, name: str, *, is_gateway: bool = True) -> GoneGateways:
        return GoneGateways(
            name,
            self.heartbeats,
            self,  # type: ignore[arg-type]
            self.records(name),
            is_gateway=is_gateway,
            now_s=lambda: self.seconds,
        )

    def records(self, name: str) -> ConnectionRecords:
        return self.depot.connection_records(name)

    async def connected_chargers(self) -> Sequence[Any]:
        return [{"tenant_id": tenant_id, "charger_id": charger_id} for tenant_id, charger_id in self.rows]

    async def links(self) -> list[tuple[str, str, str]]:
        """What is on the charger's record: connected to whom, disconnected from whom, found by whom."""
        history = await self.depot.store.load(condition_stream(*BAY))
        return [
            ("connected", each.event.gateway, "")
            if isinstance(each.event, ChargerConnected)
            else ("disconnected", each.event.gateway, each.event.found_by)
            for each in history
            if isinstance(each.event, ChargerConnected | ChargerDisconnected)
        ]

    async def pass_time(self, *alive: GoneGateways, steps: int = STEPS) -> None:
        for _ in range(steps):
            self.seconds += BEAT_EVERY_S
            for each in alive:
                await each.check()


@pytest.fixture
async def installation(tmp_path: Path) -> Any:
    depot = await DepotInMemory(memory_store()).opened()
    made = Installation(depot, SqlHeartbeats(tmp_path / "heartbeats.sqlite"), rows=[BAY])
    yield made
    await made.heartbeats.close()


async def test_the_chargers_of_a_gateway_that_is_silent_are_noted_once_as_disconnected(
    installation: Installation,
) -> None:
    dies, lives, api = (installation.process(name, is_gateway=name != "api") for name in ("gw-1", "gw-2", "api"))
    await installation.records("gw-1").connected(BAY, "ocpp1.6")
    await installation.pass_time(dies, lives, api)
    assert await installation.links() == [("connected", "gw-1", "")]

    await installation.pass_time(lives, api)

    assert await installation.links() == [("connected", "gw-1", ""), ("disconnected", "gw-1", "gw-2")]
    assert set(await installation.heartbeats.counts()) == {"gw-2"}


async def test_a_charger_that_came_elsewhere_is_left_alone(installation: Installation) -> None:
    dies, lives = installation.process("gw-1"), installation.process("gw-2")
    await installation.records("gw-1").connected(BAY, "ocpp1.6")
    await installation.pass_time(dies, lives)
    await installation.records("gw-2").connected(BAY, "ocpp1.6")

    await installation.pass_time(lives)

    assert await installation.links() == [("connected", "gw-1", ""), ("connected", "gw-2", "")]


async def test_who_stood_still_itself_finds_nobody_gone_for_that(installation: Installation) -> None:
    sleeps, lives = installation.process("gw-1"), installation.process("gw-2")
    await installation.records("gw-2").connected(BAY, "ocpp1.6")
    await installation.pass_time(sleeps, lives)
    installation.seconds += 10 * GONE_AFTER_S  # the database was away, or this process: nobody beat

    await installation.pass_time(sleeps, steps=3)

    assert await installation.links() == [("connected", "gw-2", "")]


async def test_a_gateway_that_ends_in_order_is_not_looked_for(installation: Installation) -> None:
    ends, lives = installation.process("gw-1"), installation.process("gw-2")
    await installation.pass_time(ends, lives)

    await ends.end()

    assert set(await installation.heartbeats.counts()) == {"gw-2"}


async def test_who_was_taken_for_gone_claims_again_unless_the_charger_is_elsewhere(installation: Installation) -> None:
    paused, other = installation.records("gw-1"), installation.records("gw-2")
    first = await paused.connected(BAY, "ocpp1.6")
    await other.left_behind(BAY, "gw-1")

    again = await paused.connected_still(BAY, "ocpp1.6")

    assert again == first + 2
    assert (await installation.links())[-1] == ("connected", "gw-1", "")
    await other.connected(BAY, "ocpp1.6")
    assert await paused.connected_still(BAY, "ocpp1.6") == 0
    assert (await installation.links())[-1] == ("connected", "gw-2", "")
