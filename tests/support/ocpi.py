"""The service and a simulated partner, which speak OCPI to each other through real sockets; the clock stands still until it is
moved."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from access_policy.adapters.outgoing.checked import CheckedRequests
from access_policy.adapters.outgoing.trust import Trust
from simulated_partner.partner import SimulatedPartner
from tests.support.certificates import Files
from tests.support.http_api import HttpApi, Requests, http_api

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)
PARTNER = "/v1/ocpi-partners/DE-HUB"
BODY = {
    "name": "Truck hub",
    "own_party": "DE-BTF",
    "own_name": "BetterFleet Nord",
    "bookable": [{"depot_id": "north"}],
}


@asynccontextmanager
async def served(app: Any, certificate: Files | None = None) -> AsyncIterator[str]:
    """The URL at which the application is served."""
    with socket.socket(proto=socket.IPPROTO_TCP) as listening:
        listening.bind(("127.0.0.1", 0))
        files = {"ssl_certfile": certificate.certificate, "ssl_keyfile": certificate.key} if certificate else {}
        config = uvicorn.Config(
            app, lifespan="off", log_config=None, access_log=False, timeout_graceful_shutdown=0, **files
        )
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server._serve(sockets=[listening]))
        try:
            while not server.started:  # noqa: ASYNC110  it tells nobody
                await asyncio.sleep(0.01)
            yield f"{'https' if certificate else 'http'}://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            with contextlib.suppress(asyncio.CancelledError):
                await serving


@dataclass
class OcpiWorld:
    api: HttpApi
    url: str
    partner: SimulatedPartner
    client: httpx.AsyncClient

    @property
    def versions_url(self) -> str:
        return f"{self.url}/ocpi/versions"

    async def put_partner(self, path: str = PARTNER, **changes: Any) -> Any:
        return await self.api.done("PUT", path, {**BODY, **changes})

    async def connected(self, **changes: Any) -> None:
        """Put the partner and let it register."""
        made = await self.put_partner(**changes)
        answer = await self.partner.register(self.versions_url, made["token"])
        assert answer.answered["status_code"] == 1000, answer.text()

    async def admin(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """An admin's request through the socket at which partners reach the service."""
        headers = {"Authorization": f"Bearer {self.api.token()}"}
        return await self.client.request(method, f"{self.url}{path}", json=body, headers=headers)

    def another(self, party: str, **how: Any) -> SimulatedPartner:
        """Another partner on the same server: it is called under no URL of its own."""
        return SimulatedPartner(self.partner.url, self.client, party, **how)


@asynccontextmanager
async def ocpi_world(directory: Path, ca: Path, certificate: Files, given: Requests = ()) -> AsyncIterator[OcpiWorld]:
    requests = CheckedRequests(LOOPBACK, Trust(ca))
    async with (
        http_api(directory, given=given, parts={"ocpi.requests": requests}) as api,
        httpx.AsyncClient(timeout=60) as client,
    ):
        partner = SimulatedPartner("", client)
        async with served(api.app) as url, served(partner, certificate) as partner_url:
            partner.url = partner_url
            yield OcpiWorld(api, url, partner, client)
    await requests.close()
