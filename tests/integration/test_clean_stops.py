"""A service that is asked to stop, in each form in which it is started, while something uses it: no trouble is logged."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from rich.console import Console

from access_policy.application.ports.identity import Role
from access_policy.container import Container
from access_policy.entrypoints.demo import run
from access_policy.entrypoints.processes import loop_watch
from access_policy.entrypoints.processes.service import Service
from access_policy.settings import Settings
from tests.support.chargers import ChargerSpec, SimulatedCharger
from tests.support.process import free_port

START_S = 300  # on a busy machine
DEPOT = {"name": "North", "time_zone": "Europe/Berlin"}
CHARGER = {"charge_point_id": "CP-1", "depot_id": "north", "profile": "ocpp16-central", "baseline_mode": "managed"}


@asynccontextmanager
async def started(
    data: Path, ports: tuple[int, int], *flags: str, log_level: str = "INFO"
) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "access_policy.entrypoints.cli", "serve", "--data", str(data)),
        *("--http", f"127.0.0.1:{ports[0]}", "--ocpp", f"127.0.0.1:{ports[1]}", *flags),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={
            **os.environ,
            "ACCESS_POLICY_DRAIN_S": "0.1",
            "ACCESS_POLICY_LOG_FORMAT": "json",
            "ACCESS_POLICY_LOG_LEVEL": log_level,
        },
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def printed(process: asyncio.subprocess.Process, wanted: str) -> str:
    """What the wanted pattern found in the process's output."""
    assert process.stdout is not None
    async with asyncio.timeout(START_S):
        while line := (await process.stdout.readline()).decode():
            if found := re.search(wanted, line):
                return found[1]
    raise AssertionError(wanted)


async def stopped(process: asyncio.subprocess.Process) -> list[dict[str, Any]]:
    """What was logged in the process's whole life, once it has stopped by SIGTERM."""
    process.terminate()
    async with asyncio.timeout(60):
        _, logged = await process.communicate()
    assert process.returncode == 0, logged.decode()
    return [json.loads(line) for line in logged.splitlines()]


def api(data: Path, port: int) -> httpx.AsyncClient:
    tokens = Container(settings=Settings(data=data)).stores.tokens()
    token = tokens.issue("acme", Role.ADMIN, subject="tester", ttl=timedelta(hours=1))
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}/v1", headers=headers, timeout=60)


def troubles(logged: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """From the first process that began to stop on. How long other programs of the machine hold the loop is not ours."""
    stopping = [number for number, each in enumerate(logged) if each["event"] == "stopping"]
    after = logged[stopping[0] :]
    return [each for each in after if each["level"] not in ("debug", "info") and each["logger"] != loop_watch.__name__]


@pytest.mark.parametrize("flags", [(), ("--single-process",)], ids=" ".join)
async def test_clean_stop_with_a_charger_and_a_stream_logs_no_trouble(tmp_path: Path, flags: tuple[str, ...]) -> None:
    ports = free_port(), free_port()
    spec = ChargerSpec(url=f"ws://127.0.0.1:{ports[1]}/ocpp", charge_point_id="CP-1")
    async with started(tmp_path, ports, *flags) as process:
        await printed(process, r"^(HTTP API)")
        async with api(tmp_path, ports[0]) as client:
            for path, body in (("depots/north", DEPOT), ("chargers/bay-1", CHARGER)):
                assert (await client.put(path, json=body)).is_success
            async with SimulatedCharger(spec) as charger, client.stream("GET", "stream") as stream:
                await charger.until_ready(timeout_s=60)
                assert stream.status_code == 200
                logged = await stopped(process)

    assert troubles(logged) == []


async def test_demo_ends_what_reads_the_store_before_the_store_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []

    async def show(service: Service, _: Console) -> None:
        store = service.container.stores.store()
        service.stop()
        try:
            await asyncio.Event().wait()
        finally:
            read.append(await store.last_position())

    monkeypatch.setattr(run, "_show", show)
    settings = Settings(data=tmp_path, http="127.0.0.1:0", ocpp="127.0.0.1:0", drain_s=0.0)
    await run.serve_demo(settings, Console(file=StringIO()))

    assert len(read) == 1


async def test_clean_stop_of_the_demo_logs_no_trouble(tmp_path: Path) -> None:
    async with started(tmp_path, (free_port(), free_port()), "--demo", log_level="WARNING") as process:
        await printed(process, r"(simulated chargers)")
        await printed(process, r"(bay)")  # the first event that the terminal shows
        logged = await stopped(process)

    assert [each for each in logged if each["logger"] != loop_watch.__name__] == []
