"""The whole service makes the digest of a depot when it is due, and a real receiver gets it: signed, once, and again after a
refusal."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from standardwebhooks import Webhook as Verifier
from starlette.responses import Response

from tests.integration.webhooks.conftest import Trust
from tests.integration.webhooks.test_killed_service import client, done
from tests.support.process import free_port, serving_here
from tests.support.webhook_receiver import Received, WebhookReceiver


async def test_digest_of_a_depot_reaches_its_receiver_once_signed_and_after_a_retry(
    tmp_path: Path, trust: Trust, receiver: WebhookReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused_first(got: Received) -> Response:
        return Response(status_code=503 if len(receiver.received) == 1 else 204)

    monkeypatch.setenv("ACCESS_POLICY_WEBHOOK_NETWORKS", "127.0.0.0/8")
    monkeypatch.setenv("ACCESS_POLICY_CA_FILE", str(trust.ca))
    receiver.answer = refused_first
    ports = (free_port(), free_port())
    async with serving_here(tmp_path, ports), client(tmp_path, ports[0]) as http:
        webhook = await depot_with_a_digest(http, receiver.url())
    async with serving_here(tmp_path, ports), client(tmp_path, ports[0]) as http:
        await until_delivered(http, webhook["webhook_id"])  # the service looks for due digests when it starts
    async with serving_here(tmp_path, ports), client(tmp_path, ports[0]) as http:
        await done(http, "PUT", "/vehicles/bus-1", {"name": "Bus 1", "access_class": "own"})
        await receiver.until(lambda: "VehicleRegistered" in kinds(receiver.accepted))

    tries = [each for each in receiver.received if kinds([each]) == ["DepotDigestMade"]]
    assert kinds(receiver.accepted) == ["DepotDigestMade", "VehicleRegistered"], "neither start makes it again"
    assert len({each.event_id for each in tries}) == 1
    assert len(tries) == 2
    assert tries[0].body == tries[1].body
    for each in tries:
        Verifier(webhook["secret"]).verify(each.body, dict(each.headers))
    digest = json.loads(tries[1].body)["detail"]["data"]
    since, until = (datetime.fromisoformat(digest[name]) for name in ("since", "until"))
    assert (digest["depot_id"], until - since) == ("north", timedelta(days=1))


async def until_delivered(http: httpx.AsyncClient, webhook_id: str) -> None:
    """Return when the log has a delivered event: one that is cut off before that is repeated."""
    async with asyncio.timeout(180):
        while True:
            answer = await http.get(f"/webhooks/{webhook_id}/deliveries")
            if "delivered" in [each["state"] for each in answer.json()["items"]]:
                return
            await asyncio.sleep(0.1)


async def depot_with_a_digest(http: httpx.AsyncClient, url: str) -> Any:
    """A charger at a depot whose digest has just become due. The webhook."""
    pattern = {"detail-type": ["DepotDigestMade", "VehicleRegistered"]}
    webhook = await done(http, "POST", "/webhooks", {"name": "Digests", "url": url, "pattern": pattern})
    zone = zone_at_noon(datetime.now(UTC))
    depot = {"name": "North", "time_zone": zone, "digest_at": f"{datetime.now(ZoneInfo(zone)):%H:%M}"}
    await done(http, "PUT", "/depots/north", depot)
    charger = {"charge_point_id": "CP-1", "depot_id": "north", "profile": "ocpp16-central"}
    await done(http, "PUT", "/chargers/bay-1", {**charger, "baseline_mode": "managed"})
    return webhook


def zone_at_noon(now: datetime) -> str:
    """The zone in which it is between twelve and one: no midnight is near. The sign of its name is that of POSIX."""
    return f"Etc/GMT{now.hour - 12:+d}"


def kinds(received: Iterable[Received]) -> list[str]:
    return [json.loads(each.body)["type"] for each in received]
