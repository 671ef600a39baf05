"""The service and a simulated capacity provider, which speak OSCP to each other through real sockets; the clock stands still
until it is moved."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from access_policy.adapters.outgoing.checked import CheckedRequests
from access_policy.adapters.outgoing.trust import Trust
from access_policy.application.commands.put_energy_node import PutEnergyNode
from access_policy.application.commands.put_energy_policy import PutEnergyPolicy
from access_policy.application.context import SYSTEM, Context
from access_policy.domain.ids import DepotId, EnergyNodeId, TenantId
from access_policy.domain.site_energy.energy_policy import EnergyPolicy
from access_policy.domain.site_energy.nodes import EnergyNode, NodeKind
from access_policy.domain.site_energy.site import SiteEnergy
from simulated_provider.provider import SimulatedProvider
from tests.support.certificates import Files
from tests.support.http_api import HttpApi, Requests, http_api
from tests.support.ocpi import LOOPBACK, served

PROVIDER = "/v1/depots/north/oscp-providers/dso"
GROUP = {"group_id": "EAN-1", "node_id": "grid", "voltage_v": 230, "phases": 3}
BODY = {"name": "Grid operator", "groups": [GROUP]}
ACME, NORTH = TenantId("acme"), DepotId("north")
BY_SYSTEM = Context(tenant_id=ACME, actor=SYSTEM, correlation_id="test")
POLICY = EnergyPolicy(enabled=True, own_and_agreement_below_w=50_000, own_only_below_w=20_000)


async def with_site(api: HttpApi, *, policy: EnergyPolicy | None = POLICY) -> None:
    """The depot's site: `grid` with 300 kW, and below it `yard`."""
    commands = api.container.commands
    nodes = (
        EnergyNode(node_id=EnergyNodeId("grid"), parent_id=None, kind=NodeKind.GRID_CONNECTION, limit_w=300_000),
        EnergyNode(node_id=EnergyNodeId("yard"), parent_id=EnergyNodeId("grid"), kind=NodeKind.CIRCUIT),
    )
    for node in nodes:
        await commands.put_energy_node()(BY_SYSTEM, PutEnergyNode(depot_id=NORTH, node=node))
    if policy is not None:
        await commands.put_energy_policy()(BY_SYSTEM, PutEnergyPolicy(depot_id=NORTH, policy=policy))
    await api.settled()


@dataclass
class OscpWorld:
    api: HttpApi
    url: str
    provider: SimulatedProvider
    client: httpx.AsyncClient

    @property
    def own_url(self) -> str:
        return f"{self.url}/oscp/2.0"

    @property
    def clock(self) -> Any:
        return self.api.container.clock()

    async def put_provider(self, path: str = PROVIDER, **changes: Any) -> Any:
        return await self.api.done("PUT", path, {**BODY, **changes})

    async def registered(self, **changes: Any) -> None:
        """Put the provider and let both sides register."""
        made = await self.put_provider(**changes)
        answer = await self.provider.register(self.own_url, made["token"])
        assert answer.status == 204, answer.text()
        await self.provider.until(lambda: self.provider.token_for_us)
        await self.until_connected()

    async def until_connected(self) -> None:
        async with asyncio.timeout(60):
            while await self.state() != "connected":  # noqa: ASYNC110  it tells nobody
                await asyncio.sleep(0.02)

    async def connected(self, *, measurements: tuple[str, ...] = (), **changes: Any) -> None:
        """Registered, with a handshake that was acknowledged."""
        await self.registered(**changes)
        answer = await self.provider.handshake(measurements=measurements)
        assert answer.status == 204, answer.text()
        await self.provider.until(lambda: self.provider.received["handshake_acknowledge"])

    async def state(self) -> str:
        found: str = (await self.api.get(PROVIDER)).json()["state"]
        return found

    async def admin(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """An admin's request through the socket at which providers reach the service."""
        headers = {"Authorization": f"Bearer {self.api.token()}"}
        return await self.client.request(method, f"{self.url}{path}", json=body, headers=headers)

    async def site(self) -> SiteEnergy:
        await self.api.settled()
        return self.api.container.deciding.view().site_energy(ACME, NORTH)

    async def limits(self) -> list[tuple[str, int, int, int | None]]:
        """The live envelopes in the order of their start: node, hours from now until the start, kW, and the fallback's kW."""
        now, site = self.clock.now(), await self.site()
        live = [
            each.envelope
            for each in site.envelopes.by_id.values()
            if each.withdrawn_at is None and each.envelope.valid_until > now
        ]
        return [
            (
                each.node_id,
                round((each.valid_from - now) / timedelta(hours=1)),
                each.import_limit_w // 1000,
                None if each.fallback is None else each.fallback.import_limit_w // 1000,
            )
            for each in sorted(live, key=lambda each: each.valid_from)
        ]


@asynccontextmanager
async def oscp_world(
    directory: Path, ca: Path, certificate: Files, given: Requests = (), *, policy: EnergyPolicy | None = POLICY
) -> AsyncIterator[OscpWorld]:
    """The jobs that push and watch run."""
    requests = CheckedRequests(LOOPBACK, Trust(ca))
    async with (
        http_api(directory, given=given, parts={"oscp.requests": requests}) as api,
        httpx.AsyncClient(timeout=60) as client,
    ):
        await with_site(api, policy=policy)
        provider = SimulatedProvider("", client)
        async with served(api.app) as url, served(provider, certificate) as provider_url, pushing(api):
            provider.url = provider_url
            yield OscpWorld(api, url, provider, client)
    await requests.close()


@asynccontextmanager
async def pushing(api: HttpApi) -> AsyncIterator[None]:
    """The jobs of the service's process that push and watch."""
    parts = api.container
    await parts.deciding.follower().resume()
    jobs = [parts.deciding.follower().run(), parts.oscp.push_deliveries().run(), parts.oscp.watch().run()]
    tasks = [asyncio.create_task(each) for each in jobs]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
