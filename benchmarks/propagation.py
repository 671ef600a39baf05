"""The propagation of a change at the office: how long after its answer the gateway decides by it, and how long until the office
shows a decision of the gateway.

`serve` runs in two processes, as in production. A vehicle is suspended and reinstated over HTTP, while a charger continuously
sends Authorize. The first attempt that is decided by the change counts, by the time at which it was sent. The office answers
once its own lists show the change, and the gateway does not wait for them, so it often decides by a change before the office
has answered. The same is measured beside Authorize load, and on PostgreSQL.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any
from unittest import mock

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from access_policy.application.commands.put_vehicle import PutVehicle
from access_policy.application.ports.identity import Role
from access_policy.containers.closing import close_opened
from access_policy.domain.identifiers import IdentifierKind
from access_policy.domain.ids import VehicleId
from access_policy.domain.vehicle_registry.events import AccessClass, VehicleDescription
from access_policy.entrypoints.processes.service import Service
from access_policy.settings import Settings
from benchmarks.durable_server import CONTEXT, set_up
from benchmarks.prober import OCPP16, _call

CHARGERS, LOADED = 101, 100
PROBER = "CP0100"
VEHICLE, CARD = "propagated", "04FFFFFFFFFFFF"  # which the load does not present
ROUNDS = 100
IN_FLIGHT = 50
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass
class Propagation:
    """Milliseconds, one value per round. `after_answer_ms`: from the office's answer until an attempt was sent that the gateway
    decided by the change, negative if it was sent before the answer. `after_request_ms`: the same from the request.
    `answer_ms`: from the request to its answer. `shown_ms`: from that decision until the office shows it.
    """

    load_per_second: float
    after_answer_ms: list[float] = field(default_factory=list)
    after_request_ms: list[float] = field(default_factory=list)
    answer_ms: list[float] = field(default_factory=list)
    shown_ms: list[float] = field(default_factory=list)

    @property
    def before_answer(self) -> int:
        """The rounds in which the gateway decided by the change before the office had answered."""
        return sum(each < 0 for each in self.after_answer_ms)

    def __str__(self) -> str:
        figures = {
            "decided by after the answer": self.after_answer_ms,
            "after the request": self.after_request_ms,
            "request answered": self.answer_ms,
            "decision shown": self.shown_ms,
        }
        told = "; ".join(
            f"{name} p50 {share_of(values, 0.5):.1f} ms, p99 {share_of(values, 0.99):.1f} ms"
            for name, values in figures.items()
        )
        return f"{told}; before the answer in {self.before_answer} of {len(self.after_answer_ms)} rounds"


def measure(environment: Mapping[str, str], *, per_second: float, rounds: int = ROUNDS) -> Propagation:
    """Measure. `environment` has the settings of the stores, which are migrated."""
    with mock.patch.dict(os.environ, environment):
        return asyncio.run(_measure(per_second, rounds))


async def _measure(per_second: float, rounds: int) -> Propagation:
    with tempfile.TemporaryDirectory(prefix="propagation-") as directory:
        token = await prepared(Path(directory))
        async with serving(Path(directory)) as (http, ocpp):
            headers = {"Authorization": f"Bearer {token}"}
            async with (
                httpx.AsyncClient(base_url=f"{http}/v1", headers=headers, trust_env=False, timeout=30) as office,
                connect(f"{ocpp}/{PROBER}", subprotocols=[Subprotocol(OCPP16)], compression=None) as charger,
            ):
                await _call(charger, "boot", "BootNotification", {"chargePointVendor": "b", "chargePointModel": "b"})
                async with _load(ocpp, per_second):
                    seen = Propagation(per_second)
                    for number in range(rounds):
                        await _round(office, charger, number, seen)
                    return seen


async def _round(office: httpx.AsyncClient, charger: ClientConnection, number: int, seen: Propagation) -> None:
    suspending = number % 2 == 0
    expected, command = ("Blocked", "suspend") if suspending else ("Accepted", "reinstate")
    asked = time.perf_counter()

    async def change() -> float:
        """Send the change, and return when the answer arrived."""
        answer = await office.post(f"/vehicles/{VEHICLE}/{command}", json={"reason": "benchmark"})
        arrived = time.perf_counter()
        answer.raise_for_status()
        return arrived

    changing = asyncio.create_task(change())
    for attempt in count():
        if changing.done():
            changing.result()  # a failed change would never take effect
        sent = time.perf_counter()
        got = await _call(charger, f"{number}-{attempt}-{time.time_ns()}", "Authorize", {"idTag": CARD})
        if got["idTagInfo"]["status"] == expected:
            break
        await asyncio.sleep(0)
    decided = time.perf_counter()
    answered = await changing
    seen.after_request_ms.append(1000 * (sent - asked))
    seen.after_answer_ms.append(1000 * (sent - answered))
    seen.answer_ms.append(1000 * (answered - asked))
    wanted = "denied" if suspending else "allowed"
    while True:
        page = (await office.get("/access-events", params={"limit": 1, "charger_id": "charger-100"})).json()["items"]
        if page and page[0]["decision"] == wanted:
            break
    seen.shown_ms.append(1000 * (time.perf_counter() - decided))


async def prepared(directory: Path, *, chargers: int = CHARGERS) -> str:
    """Create the depot in a new data directory and return a token."""
    service = Service(Settings(data=directory))
    await set_up(service, chargers)
    vehicle = PutVehicle(
        vehicle_id=VehicleId(VEHICLE),
        description=VehicleDescription(name="Propagated", access_class=AccessClass.OWN),
        identifiers=[(IdentifierKind.RFID, CARD)],
    )
    await service.container.commands.put_vehicle()(CONTEXT, vehicle)
    token = service.container.stores.tokens().issue(
        CONTEXT.tenant_id, Role.ADMIN, subject="bench", ttl=timedelta(hours=1)
    )
    await close_opened(service.container)
    return token


@asynccontextmanager
async def serving(directory: Path) -> AsyncIterator[tuple[str, str]]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "access_policy.entrypoints.cli", "serve", "--data", str(directory)),
        *("--http", "127.0.0.1:0", "--ocpp", "127.0.0.1:0"),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "ACCESS_POLICY_DRAIN_S": "0", "ACCESS_POLICY_LOG_LEVEL": "WARNING"},
    )
    assert process.stdout is not None
    try:
        http, ocpp = [(await process.stdout.readline()).decode().split()[2 if n == 0 else 1] for n in range(2)]
        yield http.removesuffix("/v1"), ocpp.rpartition("/")[0]
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def _load(ocpp: str, per_second: float) -> AsyncIterator[None]:
    if not per_second:
        yield
        return
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.load_client", ocpp, "--connections", str(LOADED)),
        *("--in-flight", str(IN_FLIGHT), "--seconds", "3600", "--per-second", str(per_second)),
    )
    await asyncio.sleep(3)  # connected and running
    try:
        yield
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def load(ocpp: str, chargers: int, seconds: float, per_second: float | None) -> dict[str, float]:
    """Run the load client and return its figures. Without `per_second`, each answer is followed by the next attempt at once."""
    rate = () if per_second is None else ("--per-second", str(per_second))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.load_client", ocpp, "--connections", str(chargers)),
        *("--in-flight", str(IN_FLIGHT), "--seconds", str(seconds), *rate),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        told, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    if process.returncode:
        raise SystemExit("the load client failed")
    figures: dict[str, float] = json.loads(told)
    return figures


@asynccontextmanager
async def clients(module: str, *arguments: str) -> AsyncIterator[Callable[[], Awaitable[dict[str, Any]]]]:
    """Run a process of `benchmarks` that prints `open` once its clients are connected. Yield a function that ends it and
    returns its figures.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", f"benchmarks.{module}", *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**26,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    asking, answers = process.stdin, process.stdout

    async def figures() -> dict[str, Any]:
        asking.write(b"\n")
        return dict(json.loads(await answers.readline()))

    if await answers.readline() != b"open\n":
        raise SystemExit(f"{module} could not connect")
    try:
        yield figures
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def cpu_s(directory: Path, part: str) -> float:
    """Return the processor time so far of the `office` or `gateway` that serves this directory."""
    fields = (_process(directory, part) / "stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def _process(directory: Path, part: str) -> Path:
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended in the meantime
            is_part = f"processes.child\0{part}".encode() in (process / "cmdline").read_bytes()
            if is_part and any(os.readlink(each).startswith(f"{directory}/") for each in (process / "fd").iterdir()):
                return process
    raise SystemExit(f"no {part} serves {directory}")


def share_of(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]
