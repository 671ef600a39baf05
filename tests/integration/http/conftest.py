"""The real service with one depot, one charger and some vehicles, spoken to over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from access_policy.application.ports.identity import NO_TENANT, Role
from access_policy.entrypoints.processes.service import Service
from access_policy.settings import Settings
from tests.support.places import prepare_file
from tests.support.plain_http import plain_client

TENANT = "acme"
OTHER_TENANT = "rival"


@dataclass
class Api:
    """A client of the service, as an admin of `TENANT` unless told otherwise."""

    service: Service
    client: httpx.AsyncClient

    def token(self, role: Role = Role.ADMIN, tenant: str = TENANT) -> str:
        tenant = NO_TENANT if role is Role.INSTALLATION else tenant
        return self.service.container.stores.tokens().issue(tenant, role, subject="tester", ttl=timedelta(hours=1))

    async def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        role: Role = Role.ADMIN,
        tenant: str = TENANT,
        headers: dict[str, str] | None = None,
        content: bytes | None = None,
    ) -> httpx.Response:
        all_headers = {"Authorization": f"Bearer {self.token(role, tenant)}", **(headers or {})}
        return await self.client.request(method, path, json=body, headers=all_headers, content=content)

    async def get(self, path: str, **how: Any) -> httpx.Response:
        return await self.send("GET", path, **how)

    async def position(self) -> int:
        return await self.service.container.stores.store().last_position()


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with served_api(tmp_path) as api:
        yield api


@asynccontextmanager
async def served_api(data: Path) -> AsyncIterator[Api]:
    prepare_file(data / "views.sqlite")
    settings = Settings(data=data, http="127.0.0.1:0", ocpp="127.0.0.1:0", drain_s=0.0)
    async with Service(settings).running() as service:
        base_url = f"http://127.0.0.1:{service.http_port}"
        async with plain_client(base_url=base_url, timeout=20) as client:
            api = Api(service, client)
            await set_up(api)
            yield api


async def set_up(api: Api) -> None:
    for method, path, body in SET_UP:
        answer = await api.send(method, path, body)
        assert answer.status_code == 201, answer.text


CHARGER = {
    "charge_point_id": "CP-1",
    "depot_id": "north",
    "profile": "ocpp16-central",
    "baseline_mode": "managed",
}
AGREEMENT = {"name": "Couriers", "fleet": "City Couriers", "valid_from": "2026-01-01T00:00:00Z"}
BUS = {"name": "Bus 7", "access_class": "own", "identifiers": [{"kind": "rfid", "value": "04:A1:B2:C3:D4:E5:F6"}]}
VAN = {
    "name": "Van 2",
    "access_class": "agreement",
    "agreement_id": "couriers",
    "identifiers": [{"kind": "mac", "value": "VID:1a-2b-3c-4d-5e-6f"}, {"kind": "pin", "value": "482915"}],
    "plate": "B-AB 1234",
}
SET_UP = (
    ("PUT", "/v1/depots/north", {"name": "North", "time_zone": "Europe/Berlin"}),
    ("PUT", "/v1/chargers/bay-1", CHARGER),
    ("PUT", "/v1/agreements/couriers", AGREEMENT),
    ("PUT", "/v1/vehicles/bus-7", BUS),
    ("PUT", "/v1/vehicles/van-2", VAN),
)
RULE = {"name": "Nights", "mode": "managed", "recurrence": "FREQ=DAILY", "start": "22:00", "end": "06:00"}
