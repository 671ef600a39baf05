"""The whole service with a webhook: killed in the middle, it goes on where it was, and loses and reorders nothing."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook as Verifier

from access_policy.application.ports.identity import Role
from access_policy.application.published_events.mapping import TYPES
from access_policy.container import Container
from access_policy.containers.closing import close_opened
from access_policy.settings import Settings
from tests.integration.webhooks.conftest import Trust
from tests.support.process import free_port, serving, serving_here
from tests.support.webhook_receiver import WebhookReceiver

STRANGER = {"kind": "rfid", "value": "04FFFFFFFFFFFF"}


async def test_service_killed_between_events_and_deliveries_delivers_each_event_in_order(
    tmp_path: Path, trust: Trust, receiver: WebhookReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACCESS_POLICY_WEBHOOK_NETWORKS", "127.0.0.0/8")
    monkeypatch.setenv("ACCESS_POLICY_CA_FILE", str(trust.ca))
    ports = (free_port(), free_port())
    secret = ""
    async with serving(tmp_path, ports, "--single-process") as process:
        async with client(tmp_path, ports[0]) as http:
            hook = {"name": "All", "url": receiver.url(), "pattern": {"source": [{"exists": True}]}}
            secret = (await done(http, "POST", "/webhooks", hook))["secret"]
            await done(http, "PUT", "/depots/north", {"name": "North", "time_zone": "Europe/Berlin"})
            charger = {"charge_point_id": "CP-1", "depot_id": "north", "profile": "ocpp16-central"}
            await done(http, "PUT", "/chargers/bay-1", {**charger, "baseline_mode": "managed"})
            for number in range(20):
                vehicle = {"name": f"Bus {number}", "access_class": "own"}
                await done(http, "PUT", f"/vehicles/bus-{number % 3}", vehicle)
                await done(http, "POST", "/access-decisions", {"charger_id": "bay-1", "identifier": STRANGER})
            await receiver.until(lambda: len(receiver.accepted) >= 3)
        process.kill()
        await process.wait()
    happened = await published(tmp_path)
    async with serving_here(tmp_path, ports):
        await receiver.until(lambda: happened.keys() <= {each.event_id for each in receiver.accepted})

    assert {each.event_id for each in receiver.accepted} == happened.keys()
    newest: dict[str, int] = {}  # version by aggregate, of what was received for the first time
    seen: set[str] = set()
    for got in receiver.accepted:
        Verifier(secret).verify(got.body, dict(got.headers))
        aggregate = json.loads(got.body)["detail"]["aggregate"]
        if got.event_id not in seen:
            seen.add(got.event_id)
            assert aggregate["version"] == happened[got.event_id] > newest.get(aggregate["id"], 0)
            newest[aggregate["id"]] = aggregate["version"]


def client(data: Path, port: int) -> httpx.AsyncClient:
    tokens = Container(settings=Settings(data=data)).stores.tokens()
    token = tokens.issue("acme", Role.ADMIN, subject="tester", ttl=timedelta(hours=1))
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}/v1", headers=headers, trust_env=False, timeout=30)


async def done(http: httpx.AsyncClient, method: str, path: str, body: Any) -> Any:
    answer = await http.request(method, path, json=body)
    assert answer.is_success, answer.text
    return answer.json()


async def published(data: Path) -> dict[str, int]:
    """The versions of all published events in the log, by their ids."""
    container = Container(settings=Settings(data=data))
    log = await container.stores.store().read_log(after=0, limit=10_000, types=TYPES)
    await close_opened(container)
    return {each.envelope.event_id: each.version for each in log}
