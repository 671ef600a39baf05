"""Two connections with one identity (reliability bar B5): nobody hijacks, silences or shadows a charger."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from access_policy.adapters.ocpp.transport.call_failures import CallDisconnected, CallFailed
from access_policy.adapters.ocpp.transport.connection import ChargerConnection
from access_policy.adapters.ocpp.transport.takeovers import AT_ONCE
from access_policy.application.commands.put_charger import PutCharger
from access_policy.application.commands.put_depot import PutDepot
from access_policy.application.context import Context
from access_policy.application.streams import condition_stream
from access_policy.domain.access_mode import AccessMode
from access_policy.domain.charger_condition.events import ChargerConnected, ChargerDisconnected
from access_policy.domain.depots.depot import DepotSettings
from access_policy.domain.ids import ActorId, ChargePointId, ChargerId, DepotId, TenantId
from access_policy.entrypoints.processes.service import Service
from access_policy.settings import Settings
from tests.support.places import prepare_file

CONTEXT = Context(tenant_id=TenantId("acme"), actor=ActorId("tester"), correlation_id="test")
IDENTITY, PASSWORD = "CP-1", "a-password-of-some-length"


@dataclass
class Charger:
    """A socket and all that came over it; CALLs of the service are answered while `answers`."""

    ws: ClientConnection
    answers: bool = True
    heard: list[list[Any]] = field(default_factory=list)
    asked: Counter[str] = field(default_factory=Counter)
    _reading: asyncio.Task[None] | None = None

    @classmethod
    async def of(cls, service: Service, *, password: str = PASSWORD) -> Charger:
        url = f"ws://{IDENTITY}:{password}@127.0.0.1:{service.ocpp_port}/ocpp/{IDENTITY}"
        charger = cls(await connect(url, subprotocols=["ocpp1.6"], ping_interval=None))  # type: ignore[list-item]
        charger._reading = asyncio.create_task(charger._read())
        return charger

    async def call(self, message_id: str, action: str, payload: dict[str, Any]) -> Any:
        await self.ws.send(json.dumps([2, message_id, action, payload]))
        async with asyncio.timeout(60):
            while not (answers := [frame for frame in self.heard if frame[:2] == [3, message_id]]):  # noqa: ASYNC110
                await asyncio.sleep(0.002)
        return answers[0][2]

    async def boot(self) -> None:
        answer = await self.call("boot", "BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"})
        assert answer["status"] == "Accepted"

    async def authorize(self, message_id: str) -> str:
        return str((await self.call(message_id, "Authorize", {"idTag": "04A1B2C3D4E5F6"}))["idTagInfo"]["status"])

    async def closed_with(self) -> int | None:
        assert self._reading is not None
        async with asyncio.timeout(60):
            await asyncio.wait([self._reading])
        return self.ws.close_code

    async def _read(self) -> None:
        with suppress(ConnectionClosed):
            while True:
                frame = json.loads(await self.ws.recv())
                self.heard.append(frame)
                if frame[0] == 2:
                    self.asked[frame[2]] += 1
                if frame[0] == 2 and self.answers:
                    await self.ws.send(json.dumps([4, frame[1], "NotImplemented", "", {}]))


@asynccontextmanager
async def serving(path: Path) -> AsyncIterator[Service]:
    settings = Settings(data=path, http="127.0.0.1:0", ocpp="127.0.0.1:0", drain_s=0.0)
    prepare_file(settings.data / "views.sqlite")
    async with Service(settings).running() as service:
        depot = PutDepot(depot_id=DepotId("d"), settings=DepotSettings(name="D", time_zone="UTC"))
        await service.container.commands.put_depot()(CONTEXT, depot)
        put = PutCharger(
            charger_id=ChargerId("bay"),
            charge_point_id=ChargePointId(IDENTITY),
            depot_id=DepotId("d"),
            profile="ocpp16-central",
            baseline_mode=AccessMode.MANAGED,
            password=PASSWORD,
        )
        done = await service.container.commands.put_charger()(CONTEXT, put)
        await service.settled(done.position)
        yield service


async def connections(service: Service) -> list[type]:
    """What is on record of the charger's connections, in order."""
    await service.container.chargers.gateway().ownership.finish_records()
    history = await service.container.stores.store().load(condition_stream(TenantId("acme"), ChargerId("bay")))
    return [type(each.event) for each in history if isinstance(each.event, ChargerConnected | ChargerDisconnected)]


async def reasons(service: Service) -> list[str]:
    history = await service.container.stores.store().load(condition_stream(TenantId("acme"), ChargerId("bay")))
    return [each.event.reason for each in history if isinstance(each.event, ChargerDisconnected)]


def current(service: Service) -> ChargerConnection:
    assert service._ocpp is not None
    return service._ocpp.connections[IDENTITY]


async def test_a_newcomer_with_bad_credentials_does_not_touch_the_charger(tmp_path: Path) -> None:
    async with serving(tmp_path) as service:
        genuine = await Charger.of(service)
        await genuine.boot()
        trying = asyncio.create_task(_fifty_with_bad_credentials(service))
        asked = 0
        while not trying.done():
            assert await genuine.authorize(f"m-{asked}") == "Invalid"
            asked += 1

        assert await trying == {401}
        assert asked >= 3
        assert await connections(service) == [ChargerConnected]
        await genuine.ws.close()


async def _fifty_with_bad_credentials(service: Service) -> set[int]:
    statuses = set()
    for number in range(50):
        with pytest.raises(InvalidStatus) as refused:
            await Charger.of(service, password=f"wrong-{number}")
        statuses.add(refused.value.response.status_code)
    return statuses


async def test_a_newcomer_with_good_credentials_takes_over_alone_and_both_are_on_record(tmp_path: Path) -> None:
    async with serving(tmp_path) as service:
        first = await Charger.of(service)
        await first.boot()
        old = current(service)
        second = await Charger.of(service)

        assert await first.closed_with() == 1008
        asked_before = first.asked.total()
        with pytest.raises(CallDisconnected):
            await old.call("Reset", {"type": "Soft"}, timeout_s=5)
        await _called(current(service), "TriggerMessage")
        assert second.asked["TriggerMessage"] == 1
        assert await second.authorize("m") == "Invalid"
        assert first.asked.total() == asked_before
        assert await connections(service) == [ChargerConnected, ChargerDisconnected, ChargerConnected]
        assert "replaced it" in (await reasons(service))[0]
        await second.ws.close()


async def test_a_half_open_connection_gives_way_and_its_commands_fail_instead_of_moving(tmp_path: Path) -> None:
    async with serving(tmp_path) as service:
        dead = await Charger.of(service)
        await dead.boot()
        dead.ws.transport.pause_reading()
        pending = asyncio.create_task(_called(current(service), "Reset"))
        waiting = asyncio.create_task(_called(current(service), "ClearCache"))
        await asyncio.sleep(0.05)
        began = time.perf_counter()
        newcomer = await Charger.of(service)
        outcomes = await asyncio.gather(pending, waiting)
        assert await newcomer.authorize("m") == "Invalid"
        sys.stdout.write(f"taken over after {1000 * (time.perf_counter() - began):.0f} ms\n")

        assert outcomes == ["CallDisconnected", "CallDisconnected"]
        assert newcomer.asked["Reset"] == newcomer.asked["ClearCache"] == 0
        dead.ws.transport.abort()
        await newcomer.ws.close()


PAYLOADS: dict[str, dict[str, str]] = {
    "Reset": {"type": "Soft"},
    "ClearCache": {},
    "TriggerMessage": {"requestedMessage": "StatusNotification"},
}


async def _called(connection: ChargerConnection, action: str) -> str:
    """How it ended."""
    try:
        await connection.call(action, PAYLOADS[action], timeout_s=30)
    except CallFailed as error:
        return type(error).__name__
    return "answered"


async def test_a_thousand_rapid_duplicates_are_a_bounded_bother_and_one_connection_is_served(tmp_path: Path) -> None:
    async with serving(tmp_path) as service:
        first = await Charger.of(service)
        await first.boot()
        let_in: list[Charger] = []
        refused: Counter[int] = Counter()

        async def duplicates() -> None:
            for _ in range(50):
                try:
                    let_in.append(await Charger.of(service))
                except InvalidStatus as refusal:
                    refused[refusal.response.status_code] += 1

        await asyncio.gather(*(duplicates() for _ in range(20)))
        (served,) = [each for each in [first, *let_in] if each.ws.close_code is None and not each._reading.done()]  # type: ignore[union-attr]

        assert await served.authorize("after") == "Invalid"
        assert len(let_in) + refused.total() == 1000
        assert set(refused) == {503}
        on_record = await connections(service)
        sys.stdout.write(f"{len(let_in)} of 1000 let in, {refused[503]} sent away, {len(on_record)} facts on record\n")
        assert AT_ONCE <= len(let_in) <= AT_ONCE + 64  # those whose handshakes were under way together
        assert len(on_record) <= 2 * len(let_in) + 1
        for each in [first, *let_in]:
            await each.ws.close()
