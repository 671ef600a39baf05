"""The HTTP API as the service wires it, over a store in memory: requests go in, answers come out, and what was recorded
meanwhile is known. The clock stands still until it is moved."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache
from operator import attrgetter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
from dependency_injector import providers
from fastapi import FastAPI

from access_policy.adapters.event_stores.recorder_store import RecorderEventStore
from access_policy.application.decision_view.view import TYPES
from access_policy.application.follower import Follower
from access_policy.application.ports.identity import NO_TENANT, Role
from access_policy.application.ports.views import Row
from access_policy.container import Container
from access_policy.domain.ids import ChargerKey
from access_policy.entrypoints.http.dependencies import ServingProcess
from access_policy.entrypoints.http.live import live_hub
from access_policy.entrypoints.http.peers import Peers
from access_policy.entrypoints.processes.metrics import Metrics
from access_policy.settings import Settings
from tests.support.builders import NOON
from tests.support.depot_in_memory import SettableClock
from tests.support.following import AtOnce
from tests.support.installations import Installation, files_in
from tests.support.places import prepare_file
from tests.support.reused_service import reused_service
from tests.support.stores import memory_store, memory_store_of, stored_events

Requests = Sequence[tuple[str, str, Any]]  # method, path, body


@dataclass
class HttpApi:
    """Requests are an admin's of `acme` unless told otherwise; `token=None` sends none."""

    container: Container
    client: httpx.AsyncClient
    app: FastAPI
    connected: set[ChargerKey]
    given: Sequence[Any] = ()  # the answers to the requests that were done before the test
    _tokens: dict[tuple[Any, ...], str] = field(default_factory=dict)

    async def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        role: Role = Role.ADMIN,
        tenant: str = "acme",
        depots: Sequence[str] | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> httpx.Response:
        all_headers = {"Authorization": f"Bearer {self.token(role, tenant, depots)}", **(headers or {})}
        if content is not None:
            all_headers.setdefault("Content-Type", "application/json")
        return await self.client.request(method, path, json=body, headers=all_headers, content=content)

    async def get(self, path: str, **how: Any) -> httpx.Response:
        return await self.send("GET", path, **how)

    async def recorded(self, *requests: tuple[str, str, Any]) -> list[Any]:
        """Do the requests, each of which must succeed, and return the events recorded meanwhile."""
        before = await self.position()
        for request in requests:
            await self.done(*request)
        return await self.events_after(before)

    async def done(self, method: str, path: str, body: Any) -> Any:
        """The body of the answer, which must be a success."""
        answer = await self.send(method, path, body)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

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

    def token(self, role: Role = Role.ADMIN, tenant: str = "acme", depots: Sequence[str] | None = None) -> str:
        tenant = NO_TENANT if role is Role.INSTALLATION else tenant
        key = (role, tenant, None if depots is None else tuple(depots), self.container.clock().now())
        if key not in self._tokens:
            self._tokens[key] = self.container.stores.tokens().issue(
                tenant, role, subject="tester", ttl=timedelta(hours=1), depots=depots
            )
        return self._tokens[key]


def replace_part(container: Container, name: str, part: object) -> None:
    """`name` such as `records.idempotency`."""
    attrgetter(name)(container).override(providers.Object(part))


@asynccontextmanager
async def http_api(
    directory: Path,
    *,
    given: Requests = (),
    store: RecorderEventStore | None = None,
    parts: Mapping[str, object] | None = None,
    **of_the_process: Any,
) -> AsyncIterator[HttpApi]:
    """`given` are requests that have been done, and what they left can be read. `store` replaces the one in memory, and is
    closed at the end. `parts` replaces parts of the container, by names such as `records.idempotency`; the other arguments
    replace fields of `ServingProcess`."""
    if store is None:
        installation = await _installation(given)
        installation.copy_files(directory)
        store = memory_store_of(installation.events)
    async with _opened(directory, store, parts or {}, **of_the_process) as api:
        if given:
            await api.container.read_side.follower().resume()
            await api.settled()
            api.given = (await _installation(given)).answers
        yield api


@asynccontextmanager
async def second_office(first: HttpApi, directory: Path, given: Requests) -> AsyncIterator[HttpApi]:
    """Another office on the store of `first`, with read models of its own, that knows what was `given` to both and nothing
    later: it follows the log only where a request makes it."""
    (await _installation(given)).copy_files(directory)
    async with _opened(directory, first.container.stores.store(), {}) as office:
        await office.container.read_side.follower().resume()
        await office.settled()
        yield office


_installations: dict[str, Installation] = {}


async def _installation(given: Requests) -> Installation:
    """The requests are done once for all tests of this process, each of which has a copy of what they left."""
    if (key := json.dumps(given)) not in _installations:
        with TemporaryDirectory() as directory:
            store = memory_store()
            async with _opened(Path(directory), store, {}) as api:
                answers = [await api.done(*request) for request in given]
                await api.settled()
            _installations[key] = Installation(files_in(Path(directory)), stored_events(store), answers)
    return _installations[key]


@asynccontextmanager
async def _opened(
    directory: Path, store: RecorderEventStore, parts: Mapping[str, object], **of_the_process: Any
) -> AsyncIterator[HttpApi]:
    async with reused_service() as service:
        container = service.container
        container.settings.override(providers.Object(_settings(directory)))
        container.clock.override(providers.Object(SettableClock(NOON)))
        container.stores.store.override(providers.Object(store))
        view = container.deciding.view()
        followed = AtOnce("decision view", store, view.follow, view.followed_to, types=TYPES)
        replace_part(container, "deciding.follower", followed)
        for name, part in parts.items():
            replace_part(container, name, part)
        container.stores.keys()  # makes the directory
        if isinstance(location := container.settings().read_models_location, Path):
            prepare_file(location)
        connected: set[ChargerKey] = set()
        app = service.app(replace(_process(container, connected), **of_the_process))
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
            yield HttpApi(container, client, app, connected)
    await store.close()


def _settings(directory: Path) -> Settings:
    """To read 70 settings from the environment takes a quarter of the time in which an API opens."""
    environment = ((name, value) for name, value in os.environ.items() if name.upper().startswith("ACCESS_POLICY_"))
    return _settings_of(frozenset(environment)).model_copy(update={"data": directory})


@cache
def _settings_of(_environment: frozenset[tuple[str, str]]) -> Settings:
    return Settings()


def _process(container: Container, connected: set[ChargerKey]) -> ServingProcess:
    async def settled(_: int) -> bool:
        for follower in followers():
            await follower.catch_up()
        return True

    def followers() -> tuple[Follower, Follower]:
        return container.deciding.follower(), container.read_side.follower()

    async def readiness() -> dict[str, bool]:
        return {"store": True, "projections": True, "serving": True}

    def is_here(key: ChargerKey) -> bool:
        return container.chargers.connections().connected(key)

    async def owner_of(key: ChargerKey) -> str | None:
        return await container.deciding.connection_records().owner_of(key)

    def has_connected(key: ChargerKey, _: Row) -> bool:
        return key in connected

    return ServingProcess(
        settled=settled,
        known_to=lambda: min(each.reached for each in followers()),
        log_end=container.stores.store().last_position,
        readiness=readiness,
        metrics=Metrics(container).text,
        connected=has_connected,
        live=live_hub(container, has_connected),
        peers=Peers(is_here, owner_of, lambda: 0, settled, container.clients()),
    )
