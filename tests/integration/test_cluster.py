"""Real processes side by side: a gateway is killed, its chargers come back to the other, and nothing decided is lost."""

from __future__ import annotations

import asyncio
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from access_policy.entrypoints.demo.api import DemoApi
from access_policy.entrypoints.demo.cluster import GATEWAYS, Cluster
from access_policy.entrypoints.demo.fleet import CHARGERS
from access_policy.entrypoints.demo.once import all_chargers
from tests.support.chargers import ConnectionLost, Identifier, SimulatedCharger
from tests.support.lengths import Length

STORES = Length(ci=1, soak=3, of="stores")


@pytest.mark.soak(STORES)
@pytest.mark.parametrize("databases", STORES.first(["dynamodb", "postgres", "sqlite"]), indirect=True)
@pytest.mark.usefixtures("databases", "patient_cluster")
async def test_the_chargers_of_a_gateway_that_dies_go_on_at_the_other(tmp_path: Path) -> None:
    async with Cluster(tmp_path / "data", started=("projector", *GATEWAYS, "api")).running() as cluster:
        api = DemoApi(f"http://127.0.0.1:{cluster.members['api'].http}", await cluster.token())
        await api.set_up()
        chargers = all_chargers(f"ws://127.0.0.1:{cluster.chargers_at}/ocpp")
        await asyncio.gather(*(charger.start() for charger in chargers.values()))
        try:
            await asyncio.gather(*(charger.until_ready(timeout_s=30) for charger in chargers.values()))
            told = await presented(chargers, "04AAAAAAAAAAAA")
            connects = {name: charger.connects for name, charger in chargers.items()}

            await cluster.stop(GATEWAYS[0], signal.SIGKILL)
            await asyncio.gather(*(charger.until_ready(timeout_s=30) for charger in chargers.values()))
            told += await presented(chargers, "04BBBBBBBBBBBB")
            moved = [name for name, charger in chargers.items() if charger.connects > connects[name]]

            await cluster.start(GATEWAYS[0])
            shown = await until_shown(api, told)
        finally:
            await asyncio.gather(*(charger.stop() for charger in chargers.values()))
            await api.close()

    assert 0 < len(moved) < len(CHARGERS)
    assert shown == told


async def presented(chargers: dict[str, SimulatedCharger], tag: str) -> int:
    """How many chargers asked about the card and were answered."""

    async def ask(charger: SimulatedCharger) -> bool:
        for _ in range(3):
            try:
                return bool(await charger.call(*authorize(charger, tag)))
            except ConnectionLost:  # it has just learnt that its gateway is gone
                await charger.until_ready(timeout_s=30)
        return False

    return sum(await asyncio.gather(*(ask(charger) for charger in chargers.values())))


def authorize(charger: SimulatedCharger, tag: str) -> tuple[str, Any]:
    return charger.dialect.authorize(Identifier.rfid(tag))


async def until_shown(api: DemoApi, count: int) -> int:
    """The number of attempts that the API shows, once there are as many as were told, or what there is after a while."""
    shown = 0
    for _ in range(200):
        shown = len(await api.attempts(datetime.now(UTC) - timedelta(hours=1)))
        if shown >= count:
            break
        await asyncio.sleep(0.1)
    return shown
