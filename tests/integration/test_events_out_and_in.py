"""The service as a process among others: what happens leaves for EventBridge whatever is killed, what others tell comes in."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from access_policy.application.ports.identity import Role
from access_policy.application.published_events.mapping import TYPES
from access_policy.entrypoints.processes.service import Service
from access_policy.settings import Settings
from tests.support.aws import REGION, Stub, client
from tests.support.buses import Consumer
from tests.support.incoming import CARD, commissioned
from tests.support.lengths import Length

KILLS = Length(ci=2, soak=20, of="kills of the publisher")
STRANGER = {"kind": "rfid", "value": "04FFFFFFFFFFFF"}


async def until(fits: Callable[[], bool], *, seconds: float = 180) -> None:
    async with asyncio.timeout(seconds):
        while not fits():  # noqa: ASYNC110  it is asked, it tells nobody
            await asyncio.sleep(0.05)


@pytest.fixture
async def bus_url(faulty_aws: Stub, moto: str, tmp_path: Path) -> str:
    name = f"bus-{tmp_path.name}"
    async with client("events", moto) as events:
        await events.create_event_bus(Name=name)
    return f"eventbridge://{name}?region={REGION}&endpoint_url={faulty_aws.url}"


@asynccontextmanager
async def serving(data: Path, **more: Any) -> AsyncIterator[tuple[Service, httpx.AsyncClient]]:
    settings = Settings(data=data, http="127.0.0.1:0", ocpp="127.0.0.1:0", drain_s=0.0, **more)
    async with Service(settings).running() as service:
        token = service.container.stores.tokens().issue("acme", Role.ADMIN, subject="tester", ttl=timedelta(hours=1))
        headers = {"Authorization": f"Bearer {token}"}
        url = f"http://127.0.0.1:{service.http_port}/v1"
        async with httpx.AsyncClient(base_url=url, headers=headers, trust_env=False, timeout=30) as http:
            yield service, http


async def put(http: httpx.AsyncClient, path: str, body: dict[str, Any]) -> None:
    answer = await http.put(path, json=body)
    assert answer.is_success, answer.text


async def set_up(http: httpx.AsyncClient) -> None:
    await put(http, "/depots/north", {"name": "North", "time_zone": "Europe/Berlin"})
    charger = {"charge_point_id": "CP-1", "depot_id": "north", "profile": "ocpp16-central", "baseline_mode": "managed"}
    await put(http, "/chargers/bay-1", charger)


def consumed(faulty_aws: Stub) -> Consumer:
    consumer = Consumer()
    for entry in faulty_aws.taken:
        consumer.take(json.loads(entry["Detail"]))
    return consumer


@asynccontextmanager
async def publisher(data: Path, bus_url: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "access_policy.entrypoints.cli", "serve", "--data", str(data)),
        *("--role", "publisher", "--instance", "pub"),
        stdout=asyncio.subprocess.DEVNULL,
        env={**os.environ, "ACCESS_POLICY_BUS_URL": bus_url},
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.mark.soak(KILLS)
async def test_a_publisher_that_is_killed_again_and_again_loses_and_reorders_nothing(
    tmp_path: Path, faulty_aws: Stub, bus_url: str
) -> None:
    faulty_aws.delay_s = 0.02
    async with serving(tmp_path, roles="api,projector") as (service, http):
        await set_up(http)

        enough = asyncio.Event()

        async def work() -> None:
            for number in itertools.takewhile(lambda _: not enough.is_set(), itertools.count()):
                await put(http, f"/vehicles/bus-{number % 7}", {"name": f"Bus {number}", "access_class": "own"})
                asked = {"charger_id": "bay-1", "identifier": STRANGER}
                assert (await http.post("/access-decisions", json=asked)).is_success

        working = asyncio.create_task(work())
        for _ in range(KILLS.count):
            taken = len(faulty_aws.taken)
            async with publisher(tmp_path, bus_url) as process:
                await until(lambda taken=taken: len(faulty_aws.taken) > taken + 20)  # type: ignore[misc]
                process.kill()
        enough.set()
        await working  # a request that is cut off may still be recorded after the log was read
        log = await service.container.stores.store().read_log(after=0, limit=100_000, types=TYPES)
        happened = {each.envelope.event_id for each in log}
        async with publisher(tmp_path, bus_url):
            await until(lambda: happened <= consumed(faulty_aws).sent.keys())

    consumer = consumed(faulty_aws)
    assert set(consumer.sent) == happened
    assert consumer.out_of_order == []
    assert {consumer.details[each.envelope.event_id]["aggregate"]["version"] for each in log} == {
        each.version for each in log
    }


async def test_what_others_tell_comes_in_by_the_queue_and_its_effect_leaves_for_the_bus(
    tmp_path: Path, faulty_aws: Stub, bus_url: str
) -> None:
    queue = f"queue-{tmp_path.name}"
    async with client("sqs", faulty_aws.target) as sqs:
        queue_url = (await sqs.create_queue(QueueName=queue))["QueueUrl"]
        intake_url = f"sqs://{queue}?region={REGION}&endpoint_url={faulty_aws.target}"
        async with serving(tmp_path, bus_url=bus_url, intake_url=intake_url) as (service, http):
            await set_up(http)
            event = commissioned("bus-7", 1, identifiers=[CARD])
            await sqs.send_message(QueueUrl=queue_url, MessageBody=json.dumps(event))
            await until(lambda: any(entry["DetailType"] == "VehicleIdentifierAdded" for entry in faulty_aws.taken))

            vehicle = (await http.get("/vehicles/bus-7")).json()
            ready = await service.readiness()

    assert vehicle["identifiers"][0]["value"] == "04A1B2C3D4E5F6"
    assert ready["bus"]
    details = [json.loads(entry["Detail"]) for entry in faulty_aws.taken]
    assert {each["causation_id"] for each in details if each["aggregate"]["type"] == "vehicle_registry"} == {
        event["detail"]["event_id"]
    }
    assert "04A1B2C3D4E5F6" not in json.dumps(details)


async def test_a_bus_that_takes_nothing_makes_the_service_unready_in_the_end_and_stops_nothing(
    tmp_path: Path, faulty_aws: Stub, bus_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from access_policy.entrypoints.processes import readiness

    faulty_aws.refuse = lambda _: (503, {"__type": "ServiceUnavailable", "message": "away"})
    async with serving(tmp_path, bus_url=bus_url) as (service, http):
        await set_up(http)
        asked = {"charger_id": "bay-1", "identifier": STRANGER}
        decided = await http.post("/access-decisions", json=asked)
        assert (await service.readiness())["bus"], "a short outage is no reason to take no requests"
        monkeypatch.setattr(readiness, "CAUGHT_UP_LAG", 0)
        assert not (await service.readiness())["bus"]
        faulty_aws.refuse = lambda _: None
        await until(lambda: any(entry["DetailType"] == "AccessDenied" for entry in faulty_aws.taken))

    assert decided.json()["decision"] == "denied"


async def test_a_subscriber_in_this_process_filters_as_in_the_cloud_and_hears_of_what_happens_from_now_on(
    tmp_path: Path,
) -> None:
    heard: list[Any] = []

    async def target(event: Any) -> None:
        heard.append(event)

    async with serving(tmp_path) as (_, http):
        await set_up(http)
    async with serving(tmp_path) as (service, http):
        rule = {"detail-type": [{"prefix": "Access"}], "detail": {"data": {"reason": ["unknown_identifier"]}}}
        service.container.publishing.bus().put_rule("denials", rule, target)
        service.container.publishing.bus().put_rule("old", {"detail-type": ["ChargerRegistered"]}, target)
        await http.post("/access-decisions", json={"charger_id": "bay-1", "identifier": STRANGER})
        await until(lambda: bool(heard))

    (event,) = heard
    assert event["detail"]["data"]["charger_id"] == "bay-1"
