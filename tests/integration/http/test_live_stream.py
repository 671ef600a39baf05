"""`/v1/stream` of a whole service over HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from access_policy.application.ports.identity import Role
from tests.integration.http.conftest import BUS, Api, served_api

DEADLINE_S = 20.0
DECISION = {"charger_id": "bay-1", "identifier": BUS["identifiers"][0]}


class Lines:
    """The messages of an open stream, one after another."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self.last_id = ""
        self._lines = answer.aiter_lines()

    async def message(self, name: str) -> Any:
        """The data of the next message with this name."""
        found: dict[str, str] = {}
        async with asyncio.timeout(DEADLINE_S):
            async for line in self._lines:
                field, _, value = line.partition(": ")
                if line:
                    found[field] = value
                    continue
                self.last_id = found.get("id", self.last_id)
                if found.get("event") == name:
                    return json.loads(found["data"])
                found = {}
        raise AssertionError(f"the stream ended without {name}")


@asynccontextmanager
async def following(api: Api, query: str = "") -> AsyncIterator[Lines]:
    headers = {"Authorization": f"Bearer {api.token(Role.OPERATOR)}"}
    async with (
        httpx.AsyncClient(base_url=api.client.base_url, timeout=DEADLINE_S, verify=False, trust_env=False) as client,
        client.stream("GET", f"/v1/stream?{query}", headers=headers) as answer,
    ):
        yield Lines(answer)


async def decide(api: Api) -> str:
    answer = await api.send("POST", "/v1/access-decisions", DECISION)
    attempt_id: str = answer.json()["attempt_id"]
    return attempt_id


async def test_attempts_reach_all_of_twenty_streams_and_a_cut_stream_goes_on(api: Api):
    async with asyncio.TaskGroup() as group:

        async def follow() -> tuple[str, str]:
            async with following(api, "event=attempt") as stream:
                await stream.message("ready")
                ready.release()
                return (await stream.message("attempt"))["attempt_id"], stream.last_id

        ready = asyncio.Semaphore(0)
        clients = [group.create_task(follow()) for _ in range(20)]
        for _ in clients:
            await ready.acquire()
        first = await decide(api)
    second = await decide(api)

    ((seen, last_id),) = {each.result() for each in clients}
    async with following(api, f"event=attempt&last_event_id={last_id}") as stream:
        missed = await stream.message("attempt")
        third = await decide(api)
        live = await stream.message("attempt")

    assert (seen, missed["attempt_id"], live["attempt_id"]) == (first, second, third)


async def test_stream_ends_with_a_reason_when_the_service_stops(tmp_path: Path):
    async with asyncio.TaskGroup() as group:

        async def follow() -> Any:
            async with following(api) as stream:
                await stream.message("ready")
                is_open.set()
                return await stream.message("end")

        is_open = asyncio.Event()
        async with served_api(tmp_path) as api:
            client = group.create_task(follow())
            await is_open.wait()

    assert client.result() == {"reason": "shutting-down"}
