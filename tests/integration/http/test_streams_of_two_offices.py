"""`/v1/stream` of two office processes on one PostgreSQL database: a client may go on at either of them."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from access_policy.adapters.clock import SystemClock
from access_policy.adapters.identity.embedded import open_embedded_tokens
from access_policy.application.ports.identity import Role
from access_policy.entrypoints.demo.ports import free_port
from tests.integration.http.conftest import BUS, CHARGER
from tests.support.command_line import serving
from tests.support.postgres_server import keep_everything_in

DEADLINE_S = 60.0
CHECK_INTERVAL_S = 0.05
OFFICES = ("office-1", "office-2")
DECISIONS = 12
NORTH, SOUTH = "bay-1", "bay-2"


class Office:
    """One process, and requests to it by callers of several tenants and depots."""

    def __init__(self, data: Path, url: str, http: httpx.AsyncClient) -> None:
        self.url = url
        self._http = http
        self._tokens = open_embedded_tokens(data / "keys", SystemClock())

    def _headers(self, tenant: str, depots: list[str] | None) -> dict[str, str]:
        token = self._tokens.issue(tenant, Role.ADMIN, subject="tester", ttl=timedelta(hours=1), depots=depots)
        return {"Authorization": f"Bearer {token}"}

    async def send(self, method: str, path: str, body: Any, *, tenant: str = "acme") -> Any:
        answer = await self._http.request(method, self.url + path, json=body, headers=self._headers(tenant, None))
        answer.raise_for_status()
        return answer.json()

    async def decide(self, charger_id: str, *, tenant: str = "acme") -> str:
        body = {"charger_id": charger_id, "identifier": BUS["identifiers"][0]}
        answer = await self.send("POST", "/v1/access-decisions", body, tenant=tenant)
        attempt_id: str = answer["attempt_id"]
        return attempt_id

    async def knows(self, charger_id: str, *, tenant: str) -> bool:
        """This process has followed the log to the charger, wherever it was registered."""
        body = {"charger_id": charger_id, "identifier": BUS["identifiers"][0], "dry_run": True}
        url = f"{self.url}/v1/access-decisions"
        answer = await self._http.post(url, json=body, headers=self._headers(tenant, None))
        return answer.is_success

    async def attempts(
        self, count: int, after: int | None = None, *, tenant: str = "acme", depots: list[str] | None = None
    ) -> AsyncIterator[tuple[int, str]]:
        """The next `count` attempts of a stream with their ids, after its `ready`, which is told as `(position, "ready")`."""
        headers = self._headers(tenant, depots) | ({} if after is None else {"Last-Event-ID": str(after)})
        url = f"{self.url}/v1/stream?event=attempt"
        async with asyncio.timeout(DEADLINE_S), self._http.stream("GET", url, headers=headers) as answer:
            found: dict[str, str] = {}
            async for line in answer.aiter_lines():
                field, _, value = line.partition(": ")
                if line:
                    found[field] = value
                    continue
                name, data = found.get("event"), json.loads(found.get("data", "{}"))
                if name == "ready":
                    yield int(found["id"]), "ready"
                elif name == "attempt":
                    yield int(found["id"]), data["attempt_id"]
                    count -= 1
                    if not count:
                        return
                elif name in ("reset", "end"):
                    raise AssertionError(f"the stream has {name}: {data}")
                found = {}


@contextmanager
def office(data: Path, instance: str) -> Iterator[str]:
    """The URL of a process with the roles of an office."""
    http = free_port()
    flags = ("--data", str(data), "--instance", instance, "--http", f"127.0.0.1:{http}", "--ocpp", "127.0.0.1:0")
    environment = {**os.environ, "ACCESS_POLICY_ROLES": "api,projector", "ACCESS_POLICY_LOG_LEVEL": "WARNING"}
    with serving(*flags, environment=environment, says=r"\n"):
        yield f"http://127.0.0.1:{http}"


@pytest.fixture
async def offices(
    tmp_path: Path, migrated_database: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Office, Office]]:
    """With the same chargers and vehicle for two tenants, at two depots."""
    keep_everything_in(migrated_database, monkeypatch)
    async with AsyncExitStack() as stack:
        urls = [stack.enter_context(office(tmp_path, name)) for name in OFFICES]
        client = await stack.enter_async_context(httpx.AsyncClient(timeout=DEADLINE_S, trust_env=False))
        first, second = (Office(tmp_path, url, client) for url in urls)
        for tenant in ("acme", "rival"):
            for depot, charger in (("north", NORTH), ("south", SOUTH)):
                settings = {"name": depot.title(), "time_zone": "Europe/Berlin"}
                await first.send("PUT", f"/v1/depots/{depot}", settings, tenant=tenant)
                body = {**CHARGER, "depot_id": depot, "charge_point_id": f"{tenant}-{charger}"}
                await first.send("PUT", f"/v1/chargers/{charger}", body, tenant=tenant)
            await first.send("PUT", "/v1/vehicles/bus-7", BUS, tenant=tenant)
        async with asyncio.timeout(DEADLINE_S):
            while not all([await second.knows(at, tenant=of) for of in ("acme", "rival") for at in (NORTH, SOUTH)]):  # noqa: ASYNC110
                await asyncio.sleep(CHECK_INTERVAL_S)
        yield first, second


async def test_changes_by_one_office_reach_the_streams_of_the_other_within_tenant_and_depots(
    offices: tuple[Office, Office],
) -> None:
    first, second = offices
    followers: list[tuple[dict[str, Any], int]] = [
        ({}, 4),
        ({"depots": ["north"]}, 2),
        ({"depots": ["south"]}, 2),
        ({"tenant": "rival"}, 2),
    ]
    ready = asyncio.Semaphore(0)

    async def follow(who: dict[str, Any], count: int) -> list[str]:
        found = []
        async for _, each in second.attempts(count, **who):
            if each == "ready":
                ready.release()
            else:
                found.append(each)
        return found

    async with asyncio.TaskGroup() as group:
        following = [group.create_task(follow(who, count)) for who, count in followers]
        for _ in followers:
            await ready.acquire()
        north, south, theirs = [], [], []
        for _ in range(2):
            theirs.append(await first.decide(NORTH, tenant="rival"))
            north.append(await first.decide(NORTH))
            south.append(await first.decide(SOUTH))

    assert [each.result() for each in following] == [
        [north[0], south[0], north[1], south[1]],
        north,
        south,
        theirs,
    ]


async def test_client_that_goes_back_and_forth_between_offices_loses_and_repeats_nothing(
    offices: tuple[Office, Office],
) -> None:
    is_open = asyncio.Event()

    async def decide() -> list[str]:
        await is_open.wait()
        return [await offices[number % 2].decide((NORTH, SOUTH)[number % 2]) for number in range(DECISIONS)]

    async with asyncio.TaskGroup() as group:
        deciding = group.create_task(decide())
        seen: list[tuple[int, str]] = []
        after: int | None = None
        while len(seen) < DECISIONS:
            async for position, each in offices[len(seen) % 2].attempts(1, after):
                is_open.set()
                if after is None or position > after:
                    after = position
                if each != "ready":
                    seen.append((position, each))

    assert sorted(each for _, each in seen) == sorted(deciding.result())
    assert [position for position, _ in seen] == sorted({position for position, _ in seen})
