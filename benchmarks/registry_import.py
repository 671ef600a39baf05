"""A file of 50,000 vehicles: planned, applied, exported and planned again over HTTP, by the whole service on SQLite.

The baselines, in the same run: the least that any import does (the csv module, a dict of the existing vehicles, one SQLite
transaction of plain rows with a UNIQUE identifier; no plan, history or encryption), and the same vehicles put by one command
each, measured for a part of them.
"""

from __future__ import annotations

import asyncio
import csv
import io
import json
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx

from access_policy.application.commands.put_vehicle import PutVehicle
from access_policy.application.context import Context
from access_policy.application.ports.identity import Role
from access_policy.domain.identifiers import IdentifierKind
from access_policy.domain.ids import ActorId, TenantId, VehicleId
from access_policy.domain.vehicle_registry.events import AccessClass, VehicleDescription
from access_policy.entrypoints.processes.service import Service
from access_policy.settings import Settings

ROWS = 50_000
PUTS = 500
TICK_S = 0.005
CATCH_UP_S = 300.0
TENANT = TenantId("bench")
CSV = {"Content-Type": "text/csv"}
HEADER = "vehicle_id,name,access_class,agreement_id,valid_from,valid_until,rfid,mac,emaid,pin,plate"


@dataclass(frozen=True)
class Measured:
    """Seconds, and MiB of resident memory above that of the idle service. `stall_ms` is the longest time for which the event
    loop was blocked while the plan was made and applied.
    """

    rows: int
    file_mib: float
    plan_s: float
    apply_s: float
    visible_s: float
    export_s: float
    plan_again_s: float
    peak_mib: float
    stall_ms: float
    raw_s: float
    puts_s: float


def measure(rows: int = ROWS) -> Measured:
    with tempfile.TemporaryDirectory() as name:
        command = [sys.executable, "-m", "benchmarks.registry_import", "serve", name, str(rows)]
        answer = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
        return Measured(rows=rows, raw_s=_raw(Path(name) / "raw.sqlite", file_of(rows)), **answer)


def file_of(rows: int) -> bytes:
    lines = [HEADER]
    for n in range(rows):
        access = "agreement,couriers" if n % 10 == 0 else "own,"
        more = f"VID:02{n:010X},,,B-X {n}" if n % 5 == 0 else ",,,"
        lines.append(f"vehicle-{n},Vehicle {n},{access},,,04{n:012X},{more}")
    return "\r\n".join(lines).encode()


def _raw(file: Path, content: bytes) -> float:
    began = time.perf_counter()
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(
        "CREATE TABLE vehicle (vehicle_id TEXT PRIMARY KEY, name TEXT, access_class TEXT, agreement_id TEXT)"
    )
    connection.execute("CREATE TABLE identifier (kind TEXT, value TEXT, vehicle_id TEXT, PRIMARY KEY (kind, value))")
    known = {row[0] for row in connection.execute("SELECT vehicle_id FROM vehicle")}
    connection.execute("BEGIN")
    for row in csv.DictReader(io.StringIO(content.decode(), newline="")):
        if row["vehicle_id"] not in known:
            columns = [row[name] for name in ("vehicle_id", "name", "access_class", "agreement_id")]
            connection.execute("INSERT INTO vehicle VALUES (?, ?, ?, ?)", columns)
            for kind in ("rfid", "mac", "plate"):
                if row[kind]:
                    connection.execute("INSERT INTO identifier VALUES (?, ?, ?)", (kind, row[kind], row["vehicle_id"]))
    connection.execute("COMMIT")
    connection.close()
    return time.perf_counter() - began


# --- in a separate process -----------------------------------------------------------------------------------------------


async def _serve(settings: Settings, rows: int) -> dict[str, float]:
    async with Service(settings).running() as service:
        token = service.container.stores.tokens().issue(TENANT, Role.ADMIN, subject="bench", ttl=timedelta(hours=1))
        before_mib, stalls = _peak_mib(), _Stalls()
        ticking = asyncio.create_task(stalls.watch())
        arguments = ("client", f"http://127.0.0.1:{service.http_port}", str(rows), token)
        imported = await _client(*arguments, "import")
        ticking.cancel()
        peak_mib = _peak_mib() - before_mib
        began = time.perf_counter()
        last = await service.container.stores.store().last_position()
        await service.container.read_side.follower().wait_until(last, timeout_s=CATCH_UP_S)
        visible_s = time.perf_counter() - began
        exported = await _client(*arguments, "export")
        puts_s = await _puts(service) / PUTS * rows
    stall_ms = stalls.longest_s * 1000
    more = {"visible_s": visible_s, "peak_mib": peak_mib, "stall_ms": stall_ms, "puts_s": puts_s}
    return {**imported, **exported, **more}


async def _client(*arguments: str) -> dict[str, float]:
    """Return the measurements of a separate process, so that reading its answers does not block this one."""
    command = (sys.executable, "-m", "benchmarks.registry_import", *arguments)
    client = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    out, _ = await client.communicate()
    if client.returncode:
        raise SystemExit(client.returncode)
    answer: dict[str, float] = json.loads(out)
    return answer


async def _ask(base_url: str, rows: int, token: str, what: str) -> dict[str, float]:
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=base_url, headers=headers, timeout=600, trust_env=False) as client:
        if what == "import":
            content = file_of(rows)
            agreement = {"name": "Couriers", "fleet": "Couriers", "valid_from": "2026-01-01T00:00:00Z"}
            (await client.put("/v1/agreements/couriers", json=agreement)).raise_for_status()
            plan_id, plan_s = await _plan(client, content, "add", rows)
            return {"file_mib": len(content) / 2**20, "plan_s": plan_s, "apply_s": await _apply(client, plan_id)}
        began = time.perf_counter()
        exported = (await client.get("/v1/registry/export")).raise_for_status().content
        export_s = time.perf_counter() - began
        _, plan_again_s = await _plan(client, exported, "unchanged", rows)
        return {"export_s": export_s, "plan_again_s": plan_again_s}


async def _plan(client: httpx.AsyncClient, content: bytes, action: str, rows: int) -> tuple[str, float]:
    began = time.perf_counter()
    answer = (await client.post("/v1/registry/imports", content=content, headers=CSV)).raise_for_status()
    spent = time.perf_counter() - began
    shown = answer.json()
    if shown["counts"][action] != rows:
        raise SystemExit(f"{rows} rows should be {action}: {shown['counts']}")
    return shown["plan_id"], spent


async def _apply(client: httpx.AsyncClient, plan_id: str) -> float:
    began = time.perf_counter()
    while True:
        answer = (await client.post(f"/v1/registry/imports/{plan_id}/apply")).raise_for_status().json()
        if answer["state"] == "applied":
            return time.perf_counter() - began


async def _puts(service: Service) -> float:
    put, context = (
        service.container.commands.put_vehicle(),
        Context(tenant_id=TENANT, actor=ActorId("bench"), correlation_id="bench"),
    )
    began = time.perf_counter()
    for n in range(PUTS):
        described = VehicleDescription(name=f"One {n}", access_class=AccessClass.OWN)
        card = [(IdentifierKind.RFID, f"08{n:012X}")]
        await put(context, PutVehicle(vehicle_id=VehicleId(f"one-{n}"), description=described, identifiers=card))
    return time.perf_counter() - began


class _Stalls:
    """The longest delay of a timer of the event loop."""

    def __init__(self) -> None:
        self.longest_s = 0.0

    async def watch(self) -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(TICK_S)
            self.longest_s = max(self.longest_s, time.perf_counter() - began - TICK_S)


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(what: str, where: str, rows: int, *more: str) -> None:
    if what == "client":
        print(json.dumps(asyncio.run(_ask(where, rows, *more))))
    else:
        settings = Settings(data=Path(where), http="127.0.0.1:0", ocpp="127.0.0.1:0", drain_s=0.0)
        print(json.dumps(asyncio.run(_serve(settings, rows))))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), *sys.argv[4:])
