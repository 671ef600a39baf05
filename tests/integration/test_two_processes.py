"""The gateway and the office on one store, side by side in the test's process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from access_policy.application.follower import Follower
from access_policy.application.ports.identity import NO_TENANT, Identity, Role
from access_policy.domain.access.reasons import Reason
from access_policy.domain.ids import ActorId, ChargerId, TenantId
from access_policy.entrypoints.processes.one_time_links import one_time_link
from access_policy.entrypoints.processes.parts import PartName, part_of
from access_policy.entrypoints.processes.service import Service
from access_policy.settings import Settings
from tests.support.chargers import ChargerSpec, Identifier, SimulatedCharger, Vehicle

ACME, BAY = TenantId("acme"), ChargerId("bay-1")
CARD = "04A1B2C3D4E5F6"
NO_POLL_S = 3600.0
DEADLINE_S = 120  # an upper bound on a busy machine, far from the next poll


@dataclass
class Depot:
    gateway: Service
    office: Service
    client: httpx.AsyncClient
    stop_gateway: AsyncExitStack

    async def send(self, method: str, path: str, body: Any = None) -> httpx.Response:
        answer = await self.client.request(method, f"/v1/{path}", json=body)
        assert answer.is_success, answer.text
        return answer

    def spec(self) -> ChargerSpec:
        url = f"ws://127.0.0.1:{self.gateway.ocpp_port}/ocpp"
        return ChargerSpec(url=url, charge_point_id="CP-1", reconnect_min_s=0.05, reconnect_max_s=0.1)

    async def metrics(self) -> str:
        tokens = self.office.container.stores.tokens()
        token = tokens.issue(NO_TENANT, Role.INSTALLATION, subject="t", ttl=timedelta(hours=1))
        return (await self.client.get("/metrics", headers={"Authorization": f"Bearer {token}"})).text


@asynccontextmanager
async def two_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Depot]:
    """No follower polls: only a wake-up lets one process follow what the other has appended."""
    monkeypatch.setattr("access_policy.containers.stores.WOKEN_POLL_S", NO_POLL_S)
    assert Follower.__init__.__kwdefaults__ is not None
    monkeypatch.setitem(Follower.__init__.__kwdefaults__, "poll_s", NO_POLL_S)
    settings = Settings(data=tmp_path, http="127.0.0.1:0", ocpp="127.0.0.1:0", drain_s=0.0)
    office_part, gateway_part = (part_of(settings, name) for name in (PartName.OFFICE, PartName.GATEWAY))
    async with AsyncExitStack() as stack:
        office = await stack.enter_async_context(Service(office_part.settings, office_part).running())
        stop_gateway = await stack.enter_async_context(AsyncExitStack())
        gateway = await stop_gateway.enter_async_context(Service(gateway_part.settings, gateway_part).running())
        token = office.container.stores.tokens().issue(ACME, Role.ADMIN, subject="tester", ttl=timedelta(hours=1))
        client = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{office.http_port}",
            headers={"Authorization": f"Bearer {token}"},
            trust_env=False,
            timeout=30,
        )
        made = Depot(gateway, office, await stack.enter_async_context(client), stop_gateway)
        await made.send("PUT", "depots/north", {"name": "North", "time_zone": "Europe/Berlin"})
        charger = {"charge_point_id": "CP-1", "depot_id": "north", "profile": "ocpp16-central"}
        await made.send("PUT", "chargers/bay-1", {**charger, "baseline_mode": "managed"})
        bus = {"name": "Bus 7", "access_class": "own", "identifiers": [{"kind": "rfid", "value": CARD}]}
        await made.send("PUT", "vehicles/bus-7", bus)
        yield made


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not is_so():  # noqa: ASYNC110  followers tell nobody
            await asyncio.sleep(0.005)


@pytest.mark.usefixtures("databases")
async def test_changes_and_commands_of_one_process_reach_the_other_without_a_poll(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with two_processes(tmp_path, monkeypatch) as depot:
        gateway = depot.gateway.container
        follower = gateway.deciding.follower()
        put_at = await depot.office.container.stores.store().last_position()
        await until(lambda: follower.reached >= put_at)
        async with SimulatedCharger(depot.spec()) as charger:
            await charger.until_ready()
            await charger.plug_in(1, Vehicle())
            assert (await charger.present(1, Identifier.rfid(CARD))).charged
            await charger.stop_charging(1)
            async with asyncio.timeout(DEADLINE_S):
                while not (await depot.send("GET", "chargers/bay-1")).json()["connected"]:  # noqa: ASYNC110  it is asked
                    await asyncio.sleep(0.02)
            await until(lambda: gateway.chargers.connections().serving_epoch((ACME, BAY)) is not None)
            await depot.send("POST", "chargers/bay-1/rotate-password")
            assert len(charger.settings_in_force["AuthorizationKey"]) == 40
            identifier = {"kind": "rfid", "value": CARD}
            await depot.send("POST", "access-decisions", {"charger_id": "bay-1", "identifier": identifier})
            assert gateway.deciding.measurements().allowed[Reason.OWN_VEHICLE] == 2
            assert depot.office.container.deciding.measurements().allowed[Reason.OWN_VEHICLE] == 0
            suspended = await depot.send("POST", "vehicles/bus-7/suspend", {"reason": "stolen"})
            await until(lambda: follower.reached >= int(suspended.headers["X-Log-Position"]))

            assert not (await charger.present(1, Identifier.rfid(CARD))).charged


async def test_readiness_and_metrics_of_the_office_cover_the_gateway(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with two_processes(tmp_path, monkeypatch) as depot:
        both = await depot.client.get("/readyz")
        measured = await depot.metrics()
        await depot.stop_gateway.aclose()
        alone = await depot.client.get("/readyz")
        measured_alone = await depot.metrics()

    assert (both.status_code, both.json()["parts"]["gateway"]) == (200, True)
    assert 'access_policy_spool_backlog{process="gateway"} 0.0' in measured
    assert 'access_policy_spool_backlog{process="office"} 0.0' in measured
    assert (alone.status_code, alone.json()["parts"]["gateway"]) == (503, False)
    assert 'process="gateway"' not in measured_alone
    assert 'access_policy_spool_backlog{process="office"} 0.0' in measured_alone


async def test_request_of_a_console_session_is_passed_on_to_the_gateway_of_the_charger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with two_processes(tmp_path, monkeypatch) as depot:
        gateway, office = depot.gateway.container, depot.office
        put_at = await office.container.stores.store().last_position()
        await until(lambda: gateway.deciding.follower().reached >= put_at)
        admin = Identity(tenant_id=ACME, role=Role.ADMIN, subject=ActorId("anna"))
        link = await one_time_link(office.settings, admin, office.http_port)
        own_page = {"Origin": link.partition("/login")[0], "Sec-Fetch-Site": "same-origin"}
        async with SimulatedCharger(depot.spec()) as charger, httpx.AsyncClient(trust_env=False, timeout=60) as browser:
            await charger.until_ready()
            await until(lambda: gateway.chargers.connections().serving_epoch((ACME, BAY)) is not None)
            await browser.get(link)
            rotate = f"{own_page['Origin']}/v1/chargers/bay-1/rotate-password"
            foreign = await browser.post(rotate, headers={**own_page, "Origin": "https://evil.example"})
            before = charger.settings_in_force.get("AuthorizationKey")
            own = await browser.post(rotate, headers=own_page)

            assert (foreign.status_code, own.is_success) == (403, True), own.text
            assert len(charger.settings_in_force["AuthorizationKey"]) == 40
            assert charger.settings_in_force["AuthorizationKey"] != before
