"""Imports in a service that is a process: killed while it applies a plan, and looked through for what the file held."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from access_policy.adapters.clock import SystemClock
from access_policy.adapters.event_stores.sqlite import sqlite_event_store
from access_policy.adapters.identity.embedded import open_embedded_tokens
from access_policy.application.ports.identity import Role
from access_policy.application.streams import registry_stream
from access_policy.domain.ids import TenantId
from access_policy.domain.vehicle_registry.events import RegistryImportApplied, VehicleRegistered

ACME = TenantId("acme")
ROWS = 12_000
SECRETS = re.compile(rb"a73c91e25b60|a7[:-]3c[:-]91|7cd95c41aa3f|58203917|mqx7391|m-qx", re.IGNORECASE)
FILE = (
    "vehicle_id,name,access_class,rfid,mac,pin,plate\n"
    "bus-1,Bus,own,04:a7:3c:91:e2:5b:60,VID:7cd95c41aa3f,58203917,M-QX 7391\n"
    "bus-2,Bus,own,04:a7:3c:91:e2,,,\n"
)


class Running:
    def __init__(self, process: asyncio.subprocess.Process, client: httpx.AsyncClient) -> None:
        self.process = process
        self._client = client

    async def send(self, method: str, path: str, *, key: str | None = None, **content: Any) -> Any:
        headers = {"Content-Type": "text/csv" if "content" in content else "application/json"}
        if key is not None:
            headers["Idempotency-Key"] = key
        answer = await self._client.request(method, path, headers=headers, **content)
        assert answer.is_success, answer.text
        return answer.json() if "json" in answer.headers["Content-Type"] else answer.text


@asynccontextmanager
async def serving(data: Path, log: Path) -> AsyncIterator[Running]:
    flags = ["--data", str(data), "--http", "127.0.0.1:0", "--ocpp", "127.0.0.1:0"]
    with log.open("ab") as stderr:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "access_policy.entrypoints.cli", "serve", "--single-process", *flags),
            stdout=asyncio.subprocess.PIPE,
            stderr=stderr,
            env={"ACCESS_POLICY_LOG_LEVEL": "DEBUG", "ACCESS_POLICY_DRAIN_S": "0", "PYTHONPATH": ":".join(sys.path)},
        )
    assert process.stdout is not None
    said = b"".join([await process.stdout.readline() for _ in range(3)]).decode()
    (port, *_) = re.findall(r"127\.0\.0\.1:(\d+)", said)
    tokens = open_embedded_tokens(data / "keys", SystemClock())
    token = tokens.issue(ACME, Role.ADMIN, subject="tester", ttl=timedelta(hours=1))
    headers = {"Authorization": f"Bearer {token}"}
    base_url = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient(base_url=base_url, headers=headers, timeout=60, trust_env=False) as client:
        yield Running(process, client)
    if process.returncode is None:
        process.terminate()
        assert await process.wait() == 0


async def applied(service: Running, plan_id: str) -> Any:
    async with asyncio.timeout(60):
        while True:
            shown = await service.send("POST", f"/v1/registry/imports/{plan_id}/apply", json={})
            if shown["state"] == "applied":
                return shown


async def test_an_import_under_a_killed_service_is_ended_by_the_next_one(tmp_path: Path) -> None:
    data, log = tmp_path / "data", tmp_path / "log"
    rows = "".join(f"v{n},Vehicle {n},own,04{n:012X},,,\n" for n in range(ROWS))
    async with serving(data, log) as service:
        plan_id = (await service.send("POST", "/v1/registry/imports", content=FILE.splitlines()[0] + "\n" + rows))[
            "plan_id"
        ]
        asked = asyncio.create_task(service.send("POST", f"/v1/registry/imports/{plan_id}/apply", json={}))
        async with asyncio.timeout(60):
            shown = {"done": 0}
            while not shown["done"]:
                shown = await service.send("GET", f"/v1/registry/imports/{plan_id}?rows=false")
        service.process.kill()
        await service.process.wait()
        await asyncio.gather(asked, return_exceptions=True)
    assert shown["of"] == ROWS

    async with serving(data, log) as service:
        result = (await applied(service, plan_id))["result"]
        assert result["applied"] == {"add": ROWS, "change": 0, "remove": 0}
        again = await service.send("POST", "/v1/registry/imports?mode=replace", content=rows_of_export(service))
        assert again["counts"]["unchanged"] == ROWS

    store = sqlite_event_store(data / "events.sqlite")
    events = [type(each.event) for each in await store.load(registry_stream(ACME))]
    await store.close()
    assert (events.count(VehicleRegistered), events.count(RegistryImportApplied)) == (ROWS, 1)


async def test_no_file_and_no_log_line_shows_what_an_imported_file_held(tmp_path: Path) -> None:
    data, log = tmp_path / "data", tmp_path / "log"
    async with serving(data, log) as service:
        plan = await service.send("POST", "/v1/registry/imports", key="a", content=FILE)
        await service.send("GET", f"/v1/registry/imports/{plan['plan_id']}")
        assert showing(data) == []
        await service.send("POST", f"/v1/registry/imports/{plan['plan_id']}/apply", key="b", json={"partial": True})
        kept = await service.send("POST", "/v1/registry/imports", key="c", content=FILE.replace("Bus", "Coach"))
        assert kept["counts"] == {"add": 0, "change": 1, "remove": 0, "unchanged": 0, "error": 1}
        assert "04:A7:3C:91:E2:5B:60" in await service.send("GET", "/v1/registry/export")

    assert showing(data) == []
    assert SECRETS.findall(log.read_bytes()) == []


async def rows_of_export(service: Running) -> AsyncIterator[bytes]:
    yield (await service.send("GET", "/v1/registry/export")).encode()


def showing(data: Path) -> list[str]:
    return [file.name for file in data.rglob("*") if file.is_file() and SECRETS.search(file.read_bytes())]
