"""The HTTP API as the service wires it, over a store in memory: requests go in, answers come out, and what was recorded
meanwhile is known. The clock stands still until it is moved."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from operator import attrgetter
from pathlib import Path
from typing import Any

import httpx
from dependency_injector import providers
from fastapi import FastAPI
from starlette.routing import BaseRoute

from access_policy.adapters.event_stores.recorder_store import RecorderEventStore
from access_policy.application.ports.identity import NO_TENANT, Role
from access_policy.container import Container
from access_policy.containers.closing import close_opened
from access_policy.domain.ids import ChargerKey
from access_policy.entrypoints.http.app import create_app
from access_policy.entrypoints.http.dependencies import ServingProcess
from access_policy.entrypoints.http.peers import Peers
from access_policy.entrypoints.processes.metrics import Metrics
from access_policy.settings import Settings
from tests.support.builders import NOON
from tests.support.depot_in_memory import SettableClock
from tests.support.places import prepare_file
from tests.support.stores import memory_store


@dataclass
class HttpApi:
    """Requests are an admin's of `acme` unless told otherwise; `token=None` sends none."""

    container: Container
    client: httpx.AsyncClient
    app: FastAPI
    connected: set[ChargerKey]
    disconnected: list[ChargerKey]

    async def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        role: Role = Role.ADMIN,
        tenant: str = "acme",
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> httpx.Response:
        all_headers = {"Authorization": f"Bearer {self.token(role, tenant)}", **(headers or {})}
        if content is not None:
            all_headers.setdefault("Content-Type", "application/json")
        return await self.client.request(method, path, json=body, headers=all_headers, content=content)

    async def get(self, path: str, **how: Any) -> httpx.Response:
        return await self.send("GET", path, **how)

    async def recorded(self, *requests: tuple[str, str, Any]) -> list[Any]:
        """Do the requests, each of which must succeed, and return the events recorded meanwhile."""
        before = await self.position()
        for method, path, body in requests:
            answer = await self.send(method, path, body)
            assert answer.is_success, answer.text
        return await self.events_after(before)

    async def position(self) -> int:
        return await self.container.stores.store().last_position()

    async def events_after(self, position: int) -> list[Any]:
        return [each.event for each in await self.container.stores.store().read_log(after=position, limit=10_000)]

    @property
    def process(self) -> ServingProcess:
        process: ServingProcess = self.app.state.process
        return process

    def replace_part(self, name: str, part: object) -> None:
        replace_part(self.container, name, part)

    def replace_process(self, **fields: Any) -> None:
        self.app.state.process = replace(self.process, **fields)

    async def settled(self) -> None:
        """Let the read models and the decision view follow the log to its end."""
        await self.process.settled(await self.position())

    def token(self, role: Role = Role.ADMIN, tenant: str = "acme") -> str:
        tenant = NO_TENANT if role is Role.INSTALLATION else tenant
        return self.container.stores.tokens().issue(tenant, role, subject="tester", ttl=timedelta(hours=1))


def replace_part(container: Container, name: str, part: object) -> None:
    """`name` such as `records.idempotency`."""
    attrgetter(name)(container).override(providers.Object(part))


_analysed_routes: list[BaseRoute] = []


def share_routes(app: FastAPI) -> None:
    """Let all apps of this process use the routes of the first: FastAPI analyses a route at its first request, which takes
    longer than most tests."""
    if not _analysed_routes:
        _analysed_routes.extend(app.router.routes)
    app.router.routes[:] = _analysed_routes


@asynccontextmanager
async def http_api(
    directory: Path,
    *,
    store: RecorderEventStore | None = None,
    parts: Mapping[str, object] | None = None,
    **of_the_process: Any,
) -> AsyncIterator[HttpApi]:
    """`store` replaces the one in memory, and is closed at the end. `parts` replaces parts of the container, by names such as
    `records.idempotency`; the other arguments replace fields of `ServingProcess`."""
    container = Container(settings=Settings(data=directory))
    container.clock.override(providers.Object(SettableClock(NOON)))
    container.stores.store.override(providers.Object(store or memory_store()))
    connected: set[ChargerKey] = set()
    disconnected: list[ChargerKey] = []
    for name, part in (parts or {}).items():
        replace_part(container, name, part)

    async def settled(_: int) -> bool:
        for follower in (container.deciding.follower(), container.read_side.follower()):
            await follower.catch_up()
        return True

    async def readiness() -> dict[str, bool]:
        return {"store": True, "projections": True, "serving": True}

    container.stores.keys()  # makes the directory
    if isinstance(location := container.settings().read_models_location, Path):
        prepare_file(location)
    connections, conditions = container.chargers.connections(), container.deciding.conditions()
    process = ServingProcess(
        settled=settled,
        readiness=readiness,
        metrics=Metrics(container).text,
        connected=lambda key, _: key in connected,
        peers=Peers(connections.connected, conditions.owner_of, lambda: 0, settled),
    )
    app = create_app(container, replace(process, **of_the_process))
    share_routes(app)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
        yield HttpApi(container, client, app, connected, disconnected)
    await close_opened(container)
    await container.stores.store().close()
