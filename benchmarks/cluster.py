"""How soon another process decides by a change made at the API. An API, two gateways and a projector each run in a separate
process on one PostgreSQL server. A vehicle is suspended and reinstated, while each gateway is asked continuously, as a dry run.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from access_policy.entrypoints.demo.ports import free_port
from access_policy.entrypoints.demo.postgres import PostgresServer, migrated

CHANGES = 40
CARD = "04A1B2C3D4E5F6"


@dataclass(frozen=True)
class Propagated:
    """Milliseconds from the request to the API until every gateway decides by the change, including commit and answer."""

    changes: int
    p50_ms: float
    p99_ms: float
    longest_ms: float


def measure() -> Propagated:
    with tempfile.TemporaryDirectory(prefix="access-policy-bench-") as directory, ExitStack() as stack:
        data = Path(directory)
        server = PostgresServer()
        stack.callback(server.end)
        places = migrated(server.server_url("postgres"))
        stack.enter_context(_process(data, "projector", "projector", places))
        gateways = [stack.enter_context(_process(data, name, "api,gateway", places)) for name in ("gw-1", "gw-2")]
        api = stack.enter_context(_process(data, "api", "api", places))
        token = subprocess.run(
            [*_COMMAND, "token", "--tenant", "bench", "--role", "admin", "--data", directory],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        client = stack.enter_context(
            httpx.Client(headers={"Authorization": f"Bearer {token}"}, trust_env=False, timeout=30)
        )
        _set_up(client, api)
        late = sorted(_change(client, api, gateways, suspend=number % 2 == 0) for number in range(CHANGES))
    return Propagated(CHANGES, late[len(late) // 2], late[len(late) * 99 // 100], late[-1])


_COMMAND = [sys.executable, "-m", "access_policy.entrypoints.cli"]


@contextmanager
def _process(data: Path, instance: str, roles: str, places: dict[str, str]) -> Iterator[str]:
    """Start a process, and yield the address of its HTTP API."""
    http, ocpp = free_port(), free_port()
    command = [*_COMMAND, "serve", "--data", str(data), "--instance", instance]
    command += ["--http", f"127.0.0.1:{http}", "--ocpp", f"127.0.0.1:{ocpp}"]
    environment = {**os.environ, **places, "ACCESS_POLICY_ROLES": roles, "ACCESS_POLICY_LOG_LEVEL": "ERROR"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield f"http://127.0.0.1:{http}/v1"
    finally:
        process.terminate()
        process.wait(30)


def _set_up(client: httpx.Client, api: str) -> None:
    for path, body in (
        ("depots/north", {"name": "North", "time_zone": "Europe/Berlin"}),
        (
            "chargers/bay-1",
            {"charge_point_id": "CP-1", "depot_id": "north", "profile": "ocpp16-central", "baseline_mode": "managed"},
        ),
        ("vehicles/bus", {"name": "Bus", "access_class": "own", "identifiers": [{"kind": "rfid", "value": CARD}]}),
    ):
        client.put(f"{api}/{path}", json=body).raise_for_status()


def _change(client: httpx.Client, api: str, gateways: list[str], *, suspend: bool) -> float:
    wanted, known_at = "denied" if suspend else "allowed", [0.0] * len(gateways)
    asking = [
        threading.Thread(target=_until, args=(client, gateway, wanted, known_at, place))
        for place, gateway in enumerate(gateways)
    ]
    for each in asking:
        each.start()
    action, body = ("suspend", {"reason": "bench"}) if suspend else ("reinstate", {"reason": "bench"})
    asked = time.perf_counter()
    client.post(f"{api}/vehicles/bus/{action}", json=body).raise_for_status()
    for each in asking:
        each.join()
    return 1000 * (max(known_at) - asked)


def _until(client: httpx.Client, gateway: str, wanted: str, known_at: list[float], place: int) -> None:
    question = {"charger_id": "bay-1", "identifier": {"kind": "rfid", "value": CARD}, "dry_run": True}
    while client.post(f"{gateway}/access-decisions", json=question).json()["decision"] != wanted:
        pass
    known_at[place] = time.perf_counter()
