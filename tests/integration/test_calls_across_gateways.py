"""Calls to a charger from a process that does not have its connection: by the API and by the console."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from access_policy.application.ports.identity import Role
from access_policy.domain.ids import ChargerId, TenantId
from access_policy.entrypoints.processes.service import Service
from tests.integration.test_roles import role
from tests.integration.test_two_processes import until
from tests.support.chargers import ChargerSpec, SimulatedCharger
from tests.support.places import prepare_file

ACME = TenantId("acme")
NAME = "bay %41 é"  # changed by a decoding too many or too few
TRIGGER = {"action": "TriggerMessage", "payload": {"requestedMessage": "Heartbeat"}}


class Office:
    """A process with the API and the console, which knows the gateway as its peer, and a client of it."""

    def __init__(self, gateway: Service, closing: AsyncExitStack, token: str) -> None:
        self.gateway = gateway
        self._closing = closing
        self._headers = {"Authorization": f"Bearer {token}"}

    async def client(self, data: Path, name: str, **settings: str) -> httpx.AsyncClient:
        service = await self._closing.enter_async_context(role(data, name, "api", **settings))
        return await self._closing.enter_async_context(self.of(service))

    def of(self, service: Service) -> httpx.AsyncClient:
        url = f"http://127.0.0.1:{service.http_port}"
        return httpx.AsyncClient(base_url=url, headers=self._headers, trust_env=False, timeout=30)

    @property
    def peers(self) -> str:
        return f"gw=http://127.0.0.1:{self.gateway.http_port}"


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    """With a charger of that name registered and connected at the gateway."""
    prepare_file(tmp_path / "views.sqlite")
    async with AsyncExitStack() as closing:
        await closing.enter_async_context(role(tmp_path, "projector", "projector"))
        gateway = await closing.enter_async_context(role(tmp_path, "gw", "api,gateway"))
        token = gateway.container.stores.tokens().issue(ACME, Role.ADMIN, subject="tester", ttl=timedelta(hours=1))
        made = Office(gateway, closing, token)
        async with made.of(gateway) as client:
            depot = {"name": "North", "time_zone": "Europe/Berlin"}
            settings = {"charge_point_id": "CP-1", "depot_id": "north", "profile": "ocpp16-central"}
            assert (await client.put("/v1/depots/north", json=depot)).is_success
            body = settings | {"baseline_mode": "managed"}
            assert (await client.put(f"/v1/chargers/{quote(NAME)}", json=body)).is_success
        url = f"ws://127.0.0.1:{gateway.ocpp_port}/ocpp"
        charger = SimulatedCharger(ChargerSpec(url=url, charge_point_id="CP-1"))
        await closing.enter_async_context(charger)
        await charger.until_ready()
        connections = gateway.container.chargers.connections()
        await until(
            lambda: connections.serving_epoch((ACME, ChargerId(NAME))) is not None
        )  # half a second after the boot
        yield made


async def call(client: httpx.AsyncClient) -> httpx.Response:
    return await client.post(f"/v1/chargers/{quote(NAME)}/calls", json=TRIGGER)


async def press(client: httpx.AsyncClient, below: str, **fields: Any) -> httpx.Response:
    return await client.post(f"/console/chargers/{quote(NAME)}/{below}", data=fields)


async def has_read_of_it(client: httpx.AsyncClient) -> None:
    """The process knows that the charger is connected, and where."""
    assert (await client.get(f"/v1/chargers/{quote(NAME)}")).status_code == 200


async def test_call_from_another_process_is_answered_by_the_charger(office: Office, tmp_path: Path) -> None:
    client = await office.client(tmp_path, "office", peers=office.peers)
    await has_read_of_it(client)

    answer = await call(client)

    assert answer.status_code == 200, answer.text
    assert answer.json()["answer"] == {"status": "Accepted"}
    frames = (await client.get(f"/v1/chargers/{quote(NAME)}/frames")).json()["items"]
    assert "TriggerMessage" in [each["action"] for each in frames]


async def test_console_of_another_process_operates_probes_and_logs_the_charger(office: Office, tmp_path: Path) -> None:
    client = await office.client(tmp_path, "office", peers=office.peers)
    await has_read_of_it(client)

    triggered = await press(client, "operations", operation="trigger", message="Heartbeat")
    probed = await press(client, "probe")
    rotated = await press(client, "rotate-password")
    logged = await client.get(f"/console/chargers/{quote(NAME)}/log")

    assert "answered TriggerMessage" in triggered.text
    assert "best first" in probed.text, probed.text
    assert rotated.status_code == 303, rotated.text
    assert "TriggerMessage" in logged.text


async def test_call_from_a_process_without_the_peer_is_refused_with_the_reason(office: Office, tmp_path: Path) -> None:
    client = await office.client(tmp_path, "alone")
    await has_read_of_it(client)

    answer, page = await call(client), await press(client, "operations", operation="trigger", message="Heartbeat")

    assert answer.status_code == 409
    assert "connected at gw" in answer.json()["detail"]
    assert page.status_code == 422
    assert "connected at gw" in page.text


async def test_call_while_the_gateway_does_not_answer_is_refused_and_the_form_is_kept(
    office: Office, tmp_path: Path
) -> None:
    client = await office.client(tmp_path, "office", peers="gw=http://127.0.0.1:9")
    await has_read_of_it(client)

    answer = await call(client)
    page = await press(client, "operations", operation="read", setting="HeartbeatInterval")

    assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (502, "gateway-not-answering")
    assert page.status_code == 422
    assert "is not responding; try again in a moment" in page.text
    assert 'value="HeartbeatInterval"' in page.text
