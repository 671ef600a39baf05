"""kill -9 during attempts: after a restart every answered decision is there, once for each connection that it came over,
and the same question is answered the same again.

What chargers were told is kept outside the service; the seed is printed, `KILL_SEED` replays another one.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from access_policy.application.commands.put_charger import PutCharger
from access_policy.application.commands.put_depot import PutDepot
from access_policy.application.commands.put_vehicle import PutVehicle
from access_policy.application.context import Context
from access_policy.application.ports.identity import Role
from access_policy.domain.access.events import AccessAllowed, AccessDenied
from access_policy.domain.access_mode import AccessMode
from access_policy.domain.depots.depot import DepotSettings
from access_policy.domain.identifiers import IdentifierKind
from access_policy.domain.ids import ActorId, ChargePointId, ChargerId, DepotId, TenantId, VehicleId
from access_policy.domain.vehicle_registry.events import AccessClass, VehicleDescription
from access_policy.entrypoints.processes.service import Service
from access_policy.settings import Settings
from tests.support.lengths import Length
from tests.support.process import free_port, recorded, serving, serving_here

SEED = int(os.environ.get("KILL_SEED", "20261120"))
KILLS = Length(ci=2, soak=20, of="kills")
STORES = Length(ci=1, soak=3, of="stores")
CHARGERS = 12
VEHICLES = 20
TENANT = TenantId("kill")


def tag(number: int) -> str:
    return f"04{number:012X}"


@dataclass
class Observed:
    """What chargers were told: message id by charger -> the answer; and what they sent without an answer."""

    answers: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    unanswered: list[tuple[str, str, str]] = field(default_factory=list)
    tags: dict[tuple[str, str], str] = field(default_factory=dict)


@pytest.mark.soak(KILLS, STORES)
@pytest.mark.parametrize("databases", STORES.first(["postgres", "dynamodb", "sqlite"]), indirect=True)
@pytest.mark.usefixtures("databases")
async def test_no_answered_decision_is_lost_and_none_is_doubled(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    sys.stdout.write(f"seed {SEED}\n")
    ports = await set_up(tmp_path)
    observed = Observed()

    for round_ in range(KILLS.count):
        async with serving(tmp_path, ports) as process:
            chargers = [asyncio.create_task(attempts(n, round_, ports[1], observed)) for n in range(CHARGERS)]
            await until_answered(observed, chance.randint(30, 80))
            process.send_signal(signal.SIGKILL)
            await process.wait()
            await asyncio.gather(*chargers)

    async with serving_here(tmp_path, ports):
        again = await delivered_again(ports[1], observed, chance)
        newest = await newest_attempt(ports[0], tmp_path)

    decisions = await recorded(tmp_path)
    by_message = {(each.lineage.charger_id, each.lineage.message_id): each for each in decisions}
    times = Counter((each.lineage.charger_id, each.lineage.message_id) for each in decisions)
    twice = {key for key, count in times.items() if count == 2}
    sent_again = again.keys() | {(charger, message_id) for charger, message_id, _ in observed.unanswered}
    assert max(times.values()) <= 2, "an attempt is recorded twice"
    assert again.keys() <= twice <= sent_again, "a message id counts within one connection, and only there"
    assert newest in {each.lineage.attempt_id for each in decisions}
    assert len(observed.answers) > 50, "the kills came before anything happened"
    assert observed.unanswered, "no kill hit an attempt under way"
    for key, answer in observed.answers.items():
        accepted = answer["idTagInfo"]["status"] == "Accepted"
        assert isinstance(by_message[key], AccessAllowed if accepted else AccessDenied), key
    for key, status in again.items():
        assert observed.answers[key]["idTagInfo"]["status"] == status


async def until_answered(observed: Observed, more: int) -> None:
    """Return when chargers have received so many more answers."""
    wanted = len(observed.answers) + more
    async with asyncio.timeout(120):
        while len(observed.answers) < wanted:  # noqa: ASYNC110  the chargers only take notes
            await asyncio.sleep(0.002)


# --- chargers --------------------------------------------------------------------------------------------------------


async def attempts(number: int, round_: int, port: int, observed: Observed) -> None:
    """Authorize after Authorize until the connection is gone. Only the first connection ever sends a boot."""
    charger = f"CP{number}"
    message_id = ""
    try:
        async with connect(f"ws://127.0.0.1:{port}/ocpp/{charger}", subprotocols=["ocpp1.6"]) as ws:
            if round_ == 0:
                boot = {"chargePointVendor": "V", "chargePointModel": "M"}
                await call(ws, "boot", "BootNotification", boot)
            for count in range(10_000):
                message_id = f"{round_}-{count}"
                presented = tag((number * 7 + count) % (VEHICLES + 5))
                observed.tags[(charger, message_id)] = presented
                answer = await call(ws, message_id, "Authorize", {"idTag": presented})
                observed.answers[(charger, message_id)] = answer
                message_id = ""
    except (ConnectionClosed, InvalidHandshake, OSError):  # the last two: killed before the charger was let in
        if message_id:
            observed.unanswered.append((charger, message_id, observed.tags[(charger, message_id)]))


async def delivered_again(port: int, observed: Observed, chance: random.Random) -> dict[tuple[str, str], str]:
    """The chargers come back and send what was not answered, and some of what was, each twice over the new connection: the
    answers to the latter."""
    answered = {key: observed.tags[key] for key in chance.sample(sorted(observed.answers), 30)}
    statuses = {}
    for charger, message_id, presented in [*observed.unanswered, *((*key, shown) for key, shown in answered.items())]:
        async with connect(f"ws://127.0.0.1:{port}/ocpp/{charger}", subprotocols=["ocpp1.6"]) as ws:
            answer = await call(ws, message_id, "Authorize", {"idTag": presented})
            redelivered = await call(ws, message_id, "Authorize", {"idTag": presented})
            assert redelivered["idTagInfo"]["status"] == answer["idTagInfo"]["status"]
            if (charger, message_id) in answered:
                statuses[(charger, message_id)] = answer["idTagInfo"]["status"]
            else:
                observed.answers[(charger, message_id)] = answer
    return statuses


async def call(ws: ClientConnection, message_id: str, action: str, payload: dict[str, Any]) -> dict[str, Any]:
    await ws.send(json.dumps([2, message_id, action, payload]))
    frame = json.loads(await ws.recv())
    while frame[0] == 2:  # what the service asks meanwhile
        await ws.send(json.dumps([4, frame[1], "NotImplemented", "", {}]))
        frame = json.loads(await ws.recv())
    assert frame[:2] == [3, message_id], frame
    return dict(frame[2])


# --- the service -----------------------------------------------------------------------------------------------------


async def set_up(data: Path) -> tuple[int, int]:
    """A depot under managed access; returns free ports for HTTP and OCPP."""
    settings = Settings(data=data, http="127.0.0.1:0", ocpp="127.0.0.1:0", drain_s=0.0)
    context = Context(tenant_id=TENANT, actor=ActorId("test"), correlation_id="test")
    async with Service(settings).running() as service:
        c = service.container
        depot = PutDepot(depot_id=DepotId("yard"), settings=DepotSettings(name="Yard", time_zone="UTC"))
        await c.commands.put_depot()(context, depot)
        for number in range(CHARGERS):
            charger = PutCharger(
                charger_id=ChargerId(f"CP{number}"),
                charge_point_id=ChargePointId(f"CP{number}"),
                depot_id=DepotId("yard"),
                profile="ocpp16-central",
                baseline_mode=AccessMode.MANAGED,
            )
            await c.commands.put_charger()(context, charger)
        for number in range(VEHICLES):
            vehicle = PutVehicle(
                vehicle_id=VehicleId(f"bus-{number}"),
                description=VehicleDescription(name=f"Bus {number}", access_class=AccessClass.OWN),
                identifiers=[(IdentifierKind.RFID, tag(number))],
            )
            await c.commands.put_vehicle()(context, vehicle)
    return free_port(), free_port()


async def newest_attempt(port: int, data: Path) -> str:
    """As the API shows it."""
    token = (
        Service(Settings(data=data))
        .container.stores.tokens()
        .issue(TENANT, Role.VIEWER, subject="t", ttl=timedelta(hours=1))
    )
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(headers=headers, timeout=30, trust_env=False) as client:
        async with asyncio.timeout(60):
            while True:  # until the read models have caught up
                page = (await client.get(f"http://127.0.0.1:{port}/v1/access-events?limit=1")).json()
                if page["items"]:
                    break
                await asyncio.sleep(0.05)
    return str(page["items"][0]["attempt_id"])
