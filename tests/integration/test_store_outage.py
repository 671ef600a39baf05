"""The event store is down: chargers are answered and their facts journaled; kill -9 then, and nothing is lost or doubled."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from access_policy.application.commands.put_charger import PutCharger
from access_policy.application.context import Context
from access_policy.application.ports.views import AttemptFilter
from access_policy.domain.access.events import AccessAllowed, AccessDenied
from access_policy.domain.access_mode import AccessMode, OnStoreOutage
from access_policy.domain.ids import ActorId, ChargePointId, ChargerId, DepotId
from access_policy.entrypoints.processes.service import Service
from access_policy.settings import Settings
from tests.integration.test_kill import (
    CHARGERS,
    TENANT,
    Observed,
    attempts,
    call,
    recorded,
    serving,
    set_up,
    tag,
    until_answered,
)
from tests.support.lengths import Length
from tests.support.postgres_server import PostgresServer, keep_everything_in, new_database
from tests.support.process import serving_here

CONTEXT = Context(tenant_id=TENANT, actor=ActorId("test"), correlation_id="test")
BOOT = {"chargePointVendor": "V", "chargePointModel": "M"}


ANSWERS = Length(ci=60, soak=2_000, of="answers in an outage")
Outage = Callable[[], AbstractContextManager[None]]


@contextmanager
def file_held(path: Path) -> Iterator[None]:
    """Nobody can write the store's file, as if its disk hung."""
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        holder.execute("ROLLBACK")
        holder.close()


@contextmanager
def stopped(server: PostgresServer) -> Iterator[None]:
    server.stop()
    try:
        yield
    finally:
        server.start()


@pytest.fixture(params=["file held", "server hangs", "server stopped"])
def store_down(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Outage]:
    """The store's outage, where read models lie in the same database as events."""
    if request.param == "file held":
        yield lambda: file_held(tmp_path / "events.sqlite")
    else:
        server = request.getfixturevalue("own_server")
        with new_database(server, request.getfixturevalue("own_migrated_template")) as url:
            keep_everything_in(url, monkeypatch)
            yield server.paused if request.param == "server hangs" else lambda: stopped(server)


@pytest.mark.soak(ANSWERS)
async def test_what_was_answered_in_an_outage_is_there_after_a_kill(tmp_path: Path, store_down: Outage) -> None:
    ports = await set_up(tmp_path)
    observed = Observed()
    async with serving(tmp_path, ports) as process:
        for number in range(CHARGERS):
            async with connect(f"ws://127.0.0.1:{ports[1]}/ocpp/CP{number}", subprotocols=["ocpp1.6"]) as ws:
                await call(ws, "boot", "BootNotification", BOOT)
        with store_down():
            chargers = [asyncio.create_task(attempts(n, 1, ports[1], observed)) for n in range(CHARGERS)]
            await until_answered(observed, ANSWERS.count)
            process.send_signal(signal.SIGKILL)
            await process.wait()
        await asyncio.gather(*chargers)
    before = {(each.lineage.charger_id, each.lineage.message_id) for each in await recorded(tmp_path)}
    assert not before & observed.answers.keys(), "the store was not down"

    async with serving_here(tmp_path):
        pass

    decisions = await recorded(tmp_path)
    by_message = {(each.lineage.charger_id, each.lineage.message_id): each for each in decisions}
    assert len(by_message) == len(decisions), "an attempt is recorded twice"
    for key, answer in observed.answers.items():
        accepted = answer["idTagInfo"]["status"] == "Accepted"
        assert isinstance(by_message[key], AccessAllowed if accepted else AccessDenied), key


@pytest.mark.parametrize("policy", OnStoreOutage)
async def test_the_policy_of_the_charger_decides_and_an_error_is_no_denial(
    tmp_path: Path, store_down: Outage, policy: OnStoreOutage
) -> None:
    await set_up(tmp_path)
    settings = Settings(data=tmp_path, http="127.0.0.1:0", ocpp="127.0.0.1:0", drain_s=0.0)
    async with Service(settings).running() as service:
        put = PutCharger(
            charger_id=ChargerId("CP0"),
            charge_point_id=ChargePointId("CP0"),
            depot_id=DepotId("yard"),
            profile="ocpp16-central",
            baseline_mode=AccessMode.MANAGED,
            on_store_outage=policy,
        )
        done = await service.container.commands.put_charger()(CONTEXT, put)
        await service.settled(done.position)
        async with connect(f"ws://127.0.0.1:{service.ocpp_port}/ocpp/CP0", subprotocols=["ocpp1.6"]) as ws:
            await call(ws, "boot", "BootNotification", BOOT)
            with store_down():
                answers = [await answer_to(ws, f"m{n}", {"idTag": tag(n)}) for n in range(3)]
                readiness = await ready(service)
            await until_ready(service)
            follower = service.container.read_side.follower()
            assert await follower.wait_until(await service.container.stores.store().last_position(), timeout_s=120)
            rows = (
                await service.container.read_side.views().attempts(TENANT, AttemptFilter(), cursor=None, limit=9)
            ).items

    if policy is OnStoreOutage.SPOOL:
        assert [answer[2]["idTagInfo"]["status"] for answer in answers] == ["Accepted"] * 3
        assert [row["decision"] for row in rows] == ["allowed"] * 3
        assert (readiness["spool"], readiness["store"]) == (False, False)
    else:
        assert [answer[2] for answer in answers] == ["InternalError"] * 3
        assert "denied" not in {row["decision"] for row in rows}


async def answer_to(ws: Any, message_id: str, payload: dict[str, Any]) -> list[Any]:
    """The frame that answers an Authorize, be it a result or an error."""
    await ws.send(json.dumps([2, message_id, "Authorize", payload]))
    while (frame := json.loads(await ws.recv()))[0] == 2:
        await ws.send(json.dumps([4, frame[1], "NotImplemented", "", {}]))
    return list(frame)


async def ready(service: Service) -> dict[str, bool]:
    async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
        answer = (await client.get(f"http://127.0.0.1:{service.http_port}/readyz")).json()
    return dict(answer.get("parts", answer))


async def until_ready(service: Service) -> None:
    async with asyncio.timeout(120):
        while not all((await service.readiness()).values()):  # noqa: ASYNC110  it is asked, it tells nobody
            await asyncio.sleep(0.05)
