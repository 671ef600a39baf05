"""Values of identifiers are personal data: no file and no log line shows one, and a deleted vehicle's are gone for good.

Where the log is read, the service runs as processes with their log at DEBUG; chargers and operators send every kind of
identifier in several spellings, right and wrong ones.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from access_policy.adapters.clock import SystemClock
from access_policy.adapters.identity.embedded import open_embedded_tokens
from access_policy.application.ports.identity import Role
from access_policy.container import Container
from access_policy.domain.ids import TenantId, VehicleId
from access_policy.domain.vehicle_registry.events import VehicleIdentifierAdded, VehicleRemoved
from access_policy.settings import Settings
from tests.support.aws import REGION, Stub, client
from tests.support.lengths import Length
from tests.support.process import serving_here
from tests.support.records import files_of

STORES = Length(ci=1, soak=3, of="stores")

ACME = TenantId("acme")
IDENTIFIERS = [
    {"kind": "rfid", "value": "04:a7:3c:91:e2:5b:60"},
    {"kind": "mac", "value": "VID:7C-D9-5C-41-AA-3F"},
    {"kind": "emaid", "value": "DE-8AA-C7H4K9Q2X"},
    {"kind": "pin", "value": "58203917"},
    {"kind": "plate", "value": "M-QX 7391"},
    {"kind": "other", "value": "fob/kitchen-77312"},
]
STRANGER = "04C3D19B77E2F0"
TYPED = (
    "58203917",
    "58203918",
    "582039175820",
)  # the PIN, one with a wrong digit, one typed on, where tags are read as rfid
MALFORMED = "04C3D19B77E2F0AA55"
SECRETS = re.compile(
    r"a73c91e25b60|a7.3c.91.e2|7cd95c41aa3f|7c.d9.5c.41|8aac7h4k9q2x|8aa-c7h4|58203917|mqx7391|qx.?7391|kitchen-77312"
    r"|c3d19b77e2f0|58203918|582039175820|(?:…|\\u2026|â\x80¦)(?:3917|3918|5820)".replace(".", "[^0-9a-z]{0,2}"),
    re.IGNORECASE,
)
VEHICLE = {"name": "Bus", "access_class": "own", "identifiers": IDENTIFIERS}
CHARGER = {"charge_point_id": "CP-1", "depot_id": "north", "profile": "ocpp16-central", "baseline_mode": "managed"}


@dataclass
class Running:
    client: httpx.AsyncClient
    ocpp: str
    token: str
    keys: int = field(default=0)

    async def send(self, method: str, path: str, body: Any = None, *, expect: int) -> Any:
        self.keys += 1
        headers = {"Authorization": f"Bearer {self.token}", "Idempotency-Key": f"k-{self.keys}"}
        answer = await self.client.request(method, path, json=body, headers=headers)
        assert answer.status_code == expect, answer.text
        return answer.json() if answer.content else None


@asynccontextmanager
async def serving(data: Path, log: Path) -> AsyncIterator[Running]:
    environment = {**os.environ, "ACCESS_POLICY_LOG_LEVEL": "DEBUG", "COLUMNS": "400", "ACCESS_POLICY_DRAIN_S": "0"}
    flags = ["--data", str(data), "--http", "127.0.0.1:0", "--ocpp", "127.0.0.1:0"]
    with log.open("ab") as stderr:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "access_policy.entrypoints.cli", "serve", *flags),
            stdout=asyncio.subprocess.PIPE,
            stderr=stderr,
            env=environment,
        )
    assert process.stdout is not None
    said = b"".join([await process.stdout.readline() for _ in range(3)]).decode()
    ports = re.findall(r"127\.0\.0\.1:(\d+)", said)
    token = open_embedded_tokens(data / "keys", SystemClock()).issue(
        ACME, Role.ADMIN, subject="tester", ttl=timedelta(hours=1)
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{ports[0]}", timeout=20, trust_env=False) as client:
            yield Running(client, f"ws://127.0.0.1:{ports[1]}/ocpp/CP-1", token)
    finally:
        process.terminate()
        ended = await process.wait()
    assert ended == 0


@asynccontextmanager
async def used_here(data: Path) -> AsyncIterator[Running]:
    """The service in this process."""
    async with serving_here(data) as service:
        token = service.container.stores.tokens().issue(ACME, Role.ADMIN, subject="tester", ttl=timedelta(hours=1))
        base = f"http://127.0.0.1:{service.http_port}"
        async with httpx.AsyncClient(base_url=base, timeout=20, trust_env=False) as client:
            yield Running(client, f"ws://127.0.0.1:{service.ocpp_port}/ocpp/CP-1", token)


@pytest.mark.soak(STORES)
@pytest.mark.parametrize("databases", STORES.first(["sqlite", "postgres", "dynamodb"]), indirect=True)
async def test_no_file_and_no_log_line_shows_a_value_and_a_deleted_vehicles_are_gone(
    tmp_path: Path, databases: str
) -> None:
    data, log = tmp_path / "data", tmp_path / "log"
    async with serving(data, log) as service:
        await used_by_everyone(service)
        shown = await service.send("GET", "/v1/vehicles/bus-1", expect=200)
        assert [each.get("value") for each in shown["identifiers"]][:2] == ["04A73C91E25B60", "7CD95C41AA3F"]
        assert await denied_values(service) == {STRANGER, MALFORMED, None}, "of typed digits nothing is shown"
        await service.send("DELETE", "/v1/vehicles/bus-1", expect=204)

    assert showing(data) == []
    assert SECRETS.findall(log.read_text()) == []
    assert "bus-1" not in json.dumps(await opened_from_the_log(data))
    async with serving(data, log) as service:  # read models and decision view as they are after a full replay
        assert (data / "view.snapshot").exists()
        if databases == "postgres":
            assert [file.name for file in data.glob("*.sqlite")] == ["spool.sqlite"], "nothing else lies in files"
        await service.send("GET", "/v1/vehicles/bus-1", expect=404)
        found = await service.send("GET", f"/v1/vehicles?identifier={STRANGER}", expect=200)
        assert found["items"] == []
    assert showing(data) == []
    assert SECRETS.findall(log.read_text()) == []


async def test_what_the_bus_keeps_for_ever_shows_no_value_either(
    tmp_path: Path, faulty_aws: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An archive of the bus outlives every deletion here: what was published of a vehicle says nothing once it is gone."""
    name = f"bus-{tmp_path.name}"
    async with client("events", faulty_aws.target) as events:
        await events.create_event_bus(Name=name)
    monkeypatch.setenv("ACCESS_POLICY_BUS_URL", f"eventbridge://{name}?region={REGION}&endpoint_url={faulty_aws.url}")
    async with used_here(tmp_path / "data") as service:
        await used_by_everyone(service)
        await service.send("DELETE", "/v1/vehicles/bus-1", expect=204)
        async with asyncio.timeout(30):
            while "VehicleRemoved" not in {entry["DetailType"] for entry in faulty_aws.taken}:  # noqa: ASYNC110  it tells nobody
                await asyncio.sleep(0.05)

    archive = json.dumps(faulty_aws.taken)
    assert {"VehicleIdentifierAdded", "AccessAllowed", "AccessDenied"} <= {e["DetailType"] for e in faulty_aws.taken}
    assert SECRETS.findall(archive) == []
    assert VEHICLE["name"] not in [json.loads(entry["Detail"])["data"].get("name") for entry in faulty_aws.taken]
    assert "sealed" not in archive, "not even what only the vault's keys open"


@pytest.mark.soak(STORES)
@pytest.mark.parametrize("databases", STORES.first(["postgres", "dynamodb", "sqlite"]), indirect=True)
async def test_what_stays_registered_can_be_read_with_its_key_and_only_with_it(tmp_path: Path, databases: str) -> None:
    data = tmp_path / "data"
    async with used_here(data) as service:
        await used_by_everyone(service)

    assert showing(data) == []
    opened = await opened_from_the_log(data)
    assert opened["bus-1"] == ["04A73C91E25B60", "7CD95C41AA3F", "DE8AAC7H4K9Q2X", "MQX7391", "fob/kitchen-77312"]


async def used_by_everyone(service: Running) -> None:
    """Operators register, search, ask and get it wrong; a charger presents all of it over OCPP."""
    await service.send("PUT", "/v1/depots/north", {"name": "North", "time_zone": "Europe/Berlin"}, expect=201)
    await service.send("PUT", "/v1/chargers/bay-1", CHARGER, expect=201)
    await service.send("PUT", "/v1/vehicles/bus-1", VEHICLE, expect=201)
    await service.send("PUT", "/v1/vehicles/bus-2", VEHICLE, expect=409)
    for each in IDENTIFIERS:
        await service.send("GET", f"/v1/vehicles?identifier={each['value'].replace('/', '%2F')}", expect=200)
        asked = {"charger_id": "bay-1", "identifier": each}
        decided = await service.send("POST", "/v1/access-decisions", asked, expect=200)
        assert decided["decision"] == "allowed"
        await service.send("GET", f"/v1/access-events/{decided['attempt_id']}", expect=200)
    wrong = {"charger_id": "bay-1", "identifier": {"kind": "rfid", "value": MALFORMED}}
    await service.send("POST", "/v1/access-decisions", wrong, expect=422)
    await service.send("PUT", "/v1/vehicles/bus-3", {**VEHICLE, "identifiers": [wrong["identifier"]]}, expect=422)
    async with connect(service.ocpp, subprotocols=["ocpp1.6"]) as ws:  # type: ignore[list-item]
        await ws.send('[2,"boot","BootNotification",{"chargePointVendor":"V","chargePointModel":"M"}]')
        await ws.recv()
        tags = ("04A73C91E25B60", "VID:7CD95C41AA3F", STRANGER, MALFORMED, "x" * 300, *TYPED)
        for number, tag in enumerate(tags):
            await ws.send(json.dumps([2, f"m{number}", "Authorize", {"idTag": tag}]))
            await ws.recv()
        await ws.send(f'[2,"broken","Authorize",{{"idTag":"{STRANGER}"')
        await ws.recv()


async def denied_values(service: Running) -> set[str | None]:
    """Once the read models have caught up with what the charger sent."""
    async with asyncio.timeout(60):
        while True:
            listed = await service.send("GET", "/v1/denied-identifiers", expect=200)
            if len(listed["items"]) >= 2 + len(TYPED):
                return {each["value"] for each in listed["items"]}
            await asyncio.sleep(0.05)


def showing(directory: Path) -> list[str]:
    """The files in which a value stands, in any spelling that was used: those of the directory, and of the database if events
    lie in one."""
    files = {file.name: file.read_bytes() for file in sorted(directory.rglob("*")) if file.is_file()}
    if isinstance(database := Settings(data=directory).store_location, str):
        files |= files_of(database)
    return [name for name, content in files.items() if SECRETS.search(content.decode("latin-1"))]


async def opened_from_the_log(data: Path) -> dict[str, list[str]]:
    """Every sealed value that was ever recorded and still opens with the keys of the installation, by vehicle."""
    container = Container(settings=Settings(data=data))
    store, vault = container.stores.store(), container.records.vault()
    opened: dict[str, list[str]] = {}
    kinds = [VehicleIdentifierAdded.TYPE, VehicleRemoved.TYPE]
    recorded = await store.read_log(after=0, limit=10_000, types=kinds)
    assert recorded, "the log holds what happened"
    for each in recorded:
        if isinstance(each.event, VehicleIdentifierAdded) and each.event.identifier.sealed:
            vehicle_id = VehicleId(each.event.vehicle_id)
            value = await vault.unseal(ACME, vehicle_id, each.event.identifier.sealed)
            if value is not None:
                opened.setdefault(vehicle_id, []).append(value)
    await store.close()
    await vault.close()
    return opened
