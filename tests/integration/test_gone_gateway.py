"""Real processes on one PostgreSQL: chargers of a gateway that is gone are not shown as connected, until it lives again."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from access_policy.entrypoints.demo.api import DemoApi
from access_policy.entrypoints.demo.cluster import GATEWAYS, Cluster
from access_policy.entrypoints.demo.fleet import CHARGERS
from tests.support.chargers import ChargerSpec, SimulatedCharger
from tests.support.postgres_server import keep_everything_in

WITHIN_S = 180.0  # an upper bound on a busy machine


@pytest.fixture
async def cluster(
    tmp_path: Path, migrated_database: str, patient_cluster: None, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Cluster, DemoApi]]:
    keep_everything_in(migrated_database, monkeypatch)
    async with Cluster(tmp_path / "data", started=("projector", GATEWAYS[0], "api")).running() as running:
        api = DemoApi(f"http://127.0.0.1:{running.members['api'].http}", await running.token())
        await api.set_up()
        yield running, api
        await api.close()


async def until_shown(api: DemoApi, charger_id: str, *, connected: bool) -> None:
    async with asyncio.timeout(WITHIN_S):
        while (await api.charger(charger_id))["connected"] is not connected:  # noqa: ASYNC110  it is asked, it tells nobody
            await asyncio.sleep(0.2)


async def test_chargers_of_a_gateway_that_is_gone_are_shown_as_such_until_they_come_back(
    cluster: tuple[Cluster, DemoApi],
) -> None:
    running, api = cluster
    gateway = running.members[GATEWAYS[0]]
    known = next(each for each in CHARGERS if each.protocol == "ocpp1.6")
    spec = ChargerSpec(
        url=f"ws://127.0.0.1:{gateway.ocpp}/ocpp",  # to this one only, not to whoever is up
        charge_point_id=known.charge_point_id,
        protocol=known.protocol,
        reconnect_min_s=0.1,
        reconnect_max_s=0.5,
    )
    async with SimulatedCharger(spec) as charger:
        await charger.until_ready(timeout_s=30)
        await until_shown(api, known.charger_id, connected=True)

        assert gateway.process is not None
        os.kill(gateway.process.pid, signal.SIGSTOP)
        await until_shown(api, known.charger_id, connected=False)
        os.kill(gateway.process.pid, signal.SIGCONT)
        await until_shown(api, known.charger_id, connected=True)
        assert charger.connects == 1, "its connection was there all the while"

        await running.stop(GATEWAYS[0], signal.SIGKILL)
        await until_shown(api, known.charger_id, connected=False)
        await running.start(GATEWAYS[0])
        await until_shown(api, known.charger_id, connected=True)
