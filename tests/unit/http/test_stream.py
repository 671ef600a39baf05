"""`/v1/stream` over ASGI: the messages, the parameters, and the end of a stream."""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from dependency_injector import providers

from access_policy.application.live import hub
from access_policy.application.live.subjects import Kind, Subject
from access_policy.application.ports.event_store import Append
from access_policy.application.ports.identity import Role
from access_policy.application.streams import attempt_stream
from access_policy.domain.access.events import ChargingStarted, SessionDecision
from access_policy.domain.access_mode import AccessMode
from access_policy.domain.ids import AttemptId, ChargerId, DepotId, TenantId, VehicleId
from access_policy.entrypoints.http import event_stream
from access_policy.entrypoints.http.browsers import SESSION
from access_policy.entrypoints.http.v1.stream_messages import StreamMessages
from tests.support.builders import NOON
from tests.support.energy_api import envelope, opted_in
from tests.support.http_api import HttpApi
from tests.support.stores import happened
from tests.unit.http.conftest import RFID
from tests.unit.http.test_console_sessions import forward, sign_in

DEADLINE_S = 10.0
DECISION = {"charger_id": "bay-1", "identifier": RFID}


class Stream:
    """A stream that is open. `text` is what has come so far."""

    def __init__(self) -> None:
        self.body = b""
        self.status = 0
        self.headers: dict[str, str] = {}
        self.is_over = False
        self.leave = asyncio.Event()
        self._news = asyncio.Condition()

    async def take(self, message: Mapping[str, Any]) -> None:
        async with self._news:
            if message["type"] == "http.response.start":
                self.status = message["status"]
                self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            else:
                self.body += message["body"]
                self.is_over = not message.get("more_body", False)
            self._news.notify_all()

    @property
    def text(self) -> str:
        if self.headers.get("content-encoding") != "deflate":
            return self.body.decode()
        return zlib.decompressobj().decompress(self.body).decode()

    async def until(self, part: str) -> str:
        async with asyncio.timeout(DEADLINE_S), self._news:
            await self._news.wait_for(lambda: part in self.text)
        return self.text

    async def until_over(self) -> str:
        async with asyncio.timeout(DEADLINE_S), self._news:
            await self._news.wait_for(lambda: self.is_over)
        return self.text


@asynccontextmanager
async def opened(api: HttpApi, query: str = "", headers: Mapping[str, str] | None = None) -> AsyncIterator[Stream]:
    """Over ASGI itself, because httpx's transport waits for the end of a response."""
    stream = Stream()
    sent = headers if headers is not None else {"Authorization": f"Bearer {api.token()}"}

    async def receive() -> dict[str, Any]:
        if not asked:
            asked.append(True)
            return {"type": "http.request", "body": b"", "more_body": False}
        await stream.leave.wait()
        return {"type": "http.disconnect"}

    asked: list[bool] = []
    scope = {
        "type": "http",
        "method": "GET",
        "scheme": "http",
        "path": "/v1/stream",
        "query_string": query.encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in sent.items()],
        "client": ("127.0.0.1", 1),
        "server": ("api", 80),
    }
    serving = asyncio.create_task(api.app(scope, receive, stream.take))
    try:
        yield stream
    finally:
        stream.leave.set()
        await asyncio.wait_for(serving, DEADLINE_S)


def messages(text: str) -> list[tuple[str, Any]]:
    blocks = [dict(line.split(": ", 1) for line in block.splitlines()) for block in text.split("\n\n")]
    return [(each["event"], json.loads(each["data"])) for each in blocks if "event" in each]


async def test_attempt_is_sent_as_the_list_shows_it(api: HttpApi) -> None:
    async with opened(api) as stream:
        await stream.until("event: ready")
        await api.done("POST", "/v1/access-decisions", DECISION)
        await api.settled()
        text = await stream.until("event: attempt")

    listed = (await api.get("/v1/access-events")).json()["items"][0]
    assert stream.status == 200
    assert stream.headers["content-type"].startswith("text/event-stream")
    assert stream.headers["cache-control"] == "no-store"
    assert dict(messages(text))["attempt"] == listed
    assert RFID["value"] not in text


async def test_charger_that_is_changed_is_sent_as_the_list_shows_it(api: HttpApi) -> None:
    async with opened(api, "event=charger") as stream:
        await stream.until("event: ready")
        await api.done("POST", "/v1/chargers/bay-1/overrides", {"mode": "freevend", "for": "PT1H", "reason": "visit"})
        text = await stream.until("event: charger")

    (listed,) = (await api.get("/v1/chargers")).json()["items"]
    assert dict(messages(text))["charger"] == listed


async def test_charge_under_way_is_shown_with_its_charger(api: HttpApi) -> None:
    attempt = (await api.done("POST", "/v1/access-decisions", DECISION))["attempt_id"]
    started = ChargingStarted(
        attempt_id=AttemptId(attempt),
        charger_id=ChargerId("bay-1"),
        depot_id=DepotId("north"),
        connector_id=1,
        transaction_id="7",
        started_at=NOON,
        meter_start_wh=0,
        decision=SessionDecision.ALLOWED,
        identifier=None,
        vehicle_id=VehicleId("bus-7"),
        expected_mode=AccessMode.MANAGED,
        offline=False,
    )
    async with opened(api, "event=charger") as stream:
        await stream.until("event: ready")
        of_attempt = attempt_stream(TenantId("acme"), AttemptId(attempt))
        await api.container.stores.store().append([Append(of_attempt, 1, (happened(started),))])
        await api.settled()
        text = await stream.until("event: charger")

    (listed,) = (await api.get("/v1/chargers")).json()["items"]
    (session,) = listed["sessions"]
    assert (session["attempt_id"], session["vehicle_id"], session["connector_id"]) == (attempt, "bus-7", 1)
    assert dict(messages(text))["charger"] == listed
    assert (await api.get("/v1/chargers/bay-1")).json()["sessions"] == [session]


async def test_energy_of_a_depot_is_sent_with_what_is_narrowed_to_who_may_see_the_depot(api: HttpApi) -> None:
    await opted_in(api)
    before = await api.position()
    elsewhere = {"Authorization": f"Bearer {api.token(depots=['south'])}"}
    async with opened(api, "event=energy") as stream, opened(api, "event=energy", elsewhere) as other:
        await stream.until("event: ready")
        await other.until("event: ready")
        await envelope(api, import_limit_w=10_000)
        text = await stream.until('"own_only"')
        await api.settled()

        energy = messages(text)[-1]
        assert energy[0] == "energy"
        assert (energy[1]["depot_id"], energy[1]["narrowed"]) == (
            "north",
            [{"level": "own_only", "charger_ids": ["bay-1"]}],
        )
        assert energy[1]["changes_at"] == "2026-11-18T20:00:00Z"
        assert "event: energy" not in other.text
    async with opened(api, f"event=energy&last_event_id={before}&follow=false") as again:
        assert [kind for kind, _ in messages(await again.until_over())][:1] == ["energy"]


async def test_import_is_sent_to_operators_and_not_to_viewers(api: HttpApi) -> None:
    viewer = {"Authorization": f"Bearer {api.token(Role.VIEWER)}"}
    async with opened(api) as stream, opened(api, headers=viewer) as other:
        await stream.until("event: ready")
        await other.until("event: ready")
        plan = await api.send(
            "POST",
            "/v1/registry/imports",
            content=b"vehicle_id,name,access_class\nbus-9,Bus 9,own\n",
            headers={"Content-Type": "text/csv"},
        )
        await api.done("POST", f"/v1/registry/imports/{plan.json()['plan_id']}/apply", {})
        await api.settled()
        text = await stream.until('"state":"applied"')
        await api.done("POST", "/v1/access-decisions", DECISION)
        await api.settled()
        await other.until("event: attempt")

    assert dict(messages(text))["import"]["done"] == 1
    assert "event: import" not in other.text


async def test_client_that_connects_again_gets_what_it_missed_by_header_or_query(api: HttpApi) -> None:
    before = await api.position()
    attempt = (await api.done("POST", "/v1/access-decisions", DECISION))["attempt_id"]
    await api.settled()

    by_query = await api.get(f"/v1/stream?last_event_id={before}&follow=false")
    by_header = await api.get("/v1/stream?last_event_id=999999&follow=false", headers={"Last-Event-ID": str(before)})

    assert dict(messages(by_query.text))["attempt"]["attempt_id"] == attempt
    assert by_header.text == by_query.text


@pytest.mark.parametrize("query", ["last_event_id=-1", "last_event_id=x", "last_event_id=", "event=vehicle"])
async def test_parameter_that_is_not_valid_is_refused(api: HttpApi, query: str) -> None:
    assert (await api.get(f"/v1/stream?{query}")).status_code == 422


async def test_idle_stream_shows_that_it_is_alive_and_moves_the_position_on(
    api: HttpApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "HEARTBEAT_S", 0.01)

    async with opened(api, "event=import") as stream:
        await stream.until("event: ready")
        position = await api.position()
        await api.done("POST", "/v1/access-decisions", DECISION)
        await api.settled()
        text = await stream.until(f": heartbeat\nid: {await api.position()}\n\n")

    assert await api.position() > position
    assert "event: attempt" not in text


async def test_client_that_accepts_deflate_receives_each_message_at_once_and_a_complete_body_at_the_end(
    api: HttpApi,
) -> None:
    headers = {"Authorization": f"Bearer {api.token()}", "Accept-Encoding": "gzip, deflate, br"}
    async with opened(api, headers=headers) as packed, opened(api) as plain:
        await packed.until("event: ready")
        await plain.until("event: ready")
        for _ in range(3):
            await api.done("POST", "/v1/access-decisions", DECISION)
            await api.settled()
            last = (await api.get("/v1/access-events")).json()["items"][0]["attempt_id"]
            await packed.until(last)
            await plain.until(last)
        await api.process.live.close()
        await packed.until_over()
        await plain.until_over()

    assert packed.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
    assert "content-encoding" not in plain.headers
    assert zlib.decompress(packed.body) == plain.body


async def test_client_that_leaves_is_forgotten(api: HttpApi) -> None:
    async with opened(api) as stream:
        await stream.until("event: ready")
        during = api.process.live.clients

    assert during == 1
    assert api.process.live.clients == 0


async def test_stream_ends_when_the_session_is_ended(api: HttpApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "CHECKED_EVERY_S", 0.01)
    await sign_in(api)
    cookie = {"Cookie": f"{SESSION}={api.client.cookies[SESSION]}"}

    async with opened(api, headers=cookie) as stream:
        await stream.until("event: ready")
        await api.client.post("/logout", headers={"Origin": "http://api", "Sec-Fetch-Site": "same-origin"})
        text = await stream.until_over()

    assert messages(text)[-1] == ("end", {"reason": "signed-out"})


async def several_checks(api: HttpApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait until the stream has asked, from now on, several times whether its caller may still read."""
    accepted = type(api.container.identity.accepted())
    verify, left = accepted.verify, asyncio.Semaphore(0)

    async def counted(*arguments: Any, **how: Any) -> Any:
        identity = await verify(*arguments, **how)
        left.release()
        return identity

    with monkeypatch.context() as patch:
        patch.setattr(accepted, "verify", counted)
        async with asyncio.timeout(30):
            for _ in range(3):
                await left.acquire()


async def test_open_stream_does_not_keep_an_idle_session_alive(api: HttpApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "CHECKED_EVERY_S", 0.01)
    await sign_in(api)
    cookie = {"Cookie": f"{SESSION}={api.client.cookies[SESSION]}"}
    idle = api.container.settings().session_idle_minutes

    async with opened(api, headers=cookie) as stream:
        await stream.until("event: ready")
        forward(api, minutes=idle - 1)
        await several_checks(api, monkeypatch)
        forward(api, minutes=2)
        text = await stream.until_over()

    assert messages(text)[-1] == ("end", {"reason": "signed-out"})


async def test_stream_ends_when_the_service_stops(api: HttpApi) -> None:
    async with opened(api) as stream:
        await stream.until("event: ready")
        await api.process.live.close()
        text = await stream.until_over()

    assert messages(text)[-1] == ("end", {"reason": "shutting-down"})


async def test_more_streams_than_a_process_serves_are_refused(api: HttpApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("access_policy.entrypoints.http.v1.stream.STREAMS_MAX", 1)

    async with opened(api) as stream:
        await stream.until("event: ready")
        refused = await api.get("/v1/stream?follow=false")

    assert refused.status_code == 503
    assert refused.json()["type"].endswith("too-many-streams")


async def test_messages_open_no_record_tables_before_an_import_changes(api: HttpApi) -> None:
    opened: list[str] = []
    api.container.commands.registry_imports.override(providers.Callable(opened.append, "record tables"))

    messages = StreamMessages(api.container, lambda key, row: False)
    rendered = await messages.render(TenantId("acme"), [Subject(Kind.CHARGER, "bay-1")])

    assert (len(rendered), opened) == (1, [])
