"""A registry of 1,000 vehicles beside one of 200,000, with 10,000 chargers each: start, memory, and registering one more
vehicle.

Every measurement is a separate process. The first start folds the log; the second has the kept decision view. The rival of
registering one more vehicle is the least code with the same guarantee: one row with a UNIQUE identifier in an SQLite file of
the same durability, one commit each.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from datetime import time as clock_time
from pathlib import Path

from access_policy.application.commands.put_vehicle import PutVehicle
from access_policy.application.context import Context, enveloped
from access_policy.application.ports.event_store import Append
from access_policy.application.streams import depot_stream, policy_stream, registry_stream
from access_policy.domain.access_mode import AccessMode, Enforcement
from access_policy.domain.charger_access_policy import policy as policies
from access_policy.domain.charger_access_policy.events import ChargerSettings
from access_policy.domain.depots import depot as depots
from access_policy.domain.depots.depot import DepotSettings
from access_policy.domain.identifiers import IdentifierKind, identifier
from access_policy.domain.ids import ActorId, ChargePointId, ChargerId, DepotId, RuleId, TenantId, VehicleId
from access_policy.domain.mode_schedule.rules import ModeRule
from access_policy.domain.vehicle_registry.events import (
    AccessClass,
    RegistryEvent,
    VehicleDescription,
    VehicleIdentifier,
    VehicleIdentifierAdded,
    VehicleRegistered,
)
from access_policy.entrypoints.processes.service import Service
from access_policy.settings import Settings

SIZES = (1_000, 200_000)
CHARGERS = 10_000
MORE = 200
BATCH = 5_000
TENANT, DEPOT = TenantId("bench"), DepotId("bench")
CONTEXT = Context(tenant_id=TENANT, actor=ActorId("bench"), correlation_id="bench")
NOW = datetime(2026, 11, 20, tzinfo=UTC)


@dataclass(frozen=True)
class Measured:
    vehicles: int
    first_start_s: float
    start_s: float
    memory_mib: float
    put_ms: float
    raw_ms: float


def measure() -> Iterator[Measured]:
    for vehicles in SIZES:
        with tempfile.TemporaryDirectory() as name:
            _process("fill", name, vehicles)
            first = _process("open", name, 0)
            again = _process("open", name, MORE)
            yield Measured(
                vehicles,
                first["start_s"],
                again["start_s"],
                again["memory_mib"],
                again["put_ms"],
                _raw(Path(name) / "raw.sqlite", vehicles),
            )


def _process(what: str, directory: str, number: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.registry", what, directory, str(number)]
    answer: dict[str, float] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return answer


def _raw(file: Path, vehicles: int) -> float:
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE identifier (pseudonym TEXT PRIMARY KEY, vehicle_id TEXT)")
    connection.execute("BEGIN")
    rows = ((f"{number:032x}", str(number)) for number in range(vehicles))
    connection.executemany("INSERT INTO identifier VALUES (?, ?)", rows)
    connection.execute("COMMIT")
    spans = []
    for number in range(vehicles, vehicles + MORE):
        began = time.perf_counter()
        connection.execute("INSERT INTO identifier VALUES (?, ?)", (f"{number:032x}", str(number)))
        spans.append(time.perf_counter() - began)
    connection.close()
    return statistics.median(spans) * 1000


# --- in a separate process -----------------------------------------------------------------------------------------------


async def _fill(settings: Settings, vehicles: int) -> None:
    container = Service(settings).container
    store, refs = container.stores.store(), container.stores.pseudonyms()
    registered = depots.register(DEPOT, DepotSettings(name="Bench", time_zone="Europe/Berlin"))
    await store.append([Append(depot_stream(TENANT, DEPOT), 0, enveloped(CONTEXT, registered, now=NOW))])
    for begin in range(0, CHARGERS, 1_000):
        await store.append([_charger(number) for number in range(begin, begin + 1_000)])
    version = 0
    for begin in range(0, vehicles, BATCH):
        events: list[RegistryEvent] = []
        for number in range(begin, min(begin + BATCH, vehicles)):
            vehicle_id = VehicleId(f"vehicle-{number}")
            described = VehicleDescription(name=f"Vehicle {number}", access_class=AccessClass.OWN)
            ref = refs.ref(TENANT, identifier(IdentifierKind.RFID, _card(number)))
            events.append(VehicleRegistered(vehicle_id=vehicle_id, description=described))
            sealed = VehicleIdentifier(ref=ref, sealed=f"v1.{'0' * 16}.{'A' * 60}")
            events.append(VehicleIdentifierAdded(vehicle_id=vehicle_id, identifier=sealed))
        await store.append([Append(registry_stream(TENANT), version, enveloped(CONTEXT, tuple(events), now=NOW))])
        version += len(events)
    await store.close()


def _charger(number: int) -> Append:
    settings = ChargerSettings(
        charge_point_id=ChargePointId(f"CP{number:05d}"),
        depot_id=DEPOT,
        time_zone="Europe/Berlin",
        profile="ocpp16-central",
        baseline_mode=AccessMode.FREEVEND,
    )
    charger_id = ChargerId(f"charger-{number}")
    registered = policies.register(charger_id, settings, Enforcement.ENFORCE)
    policy = policies.fold(registered)
    assert policy is not None
    nights = ModeRule(
        rule_id=RuleId("nights"),
        name="Nights",
        mode=AccessMode.MANAGED,
        recurrence="FREQ=DAILY",
        start=clock_time(22),
        end=clock_time(6),
        end_day_offset=1,
        anchor=NOW.date(),
    )
    events = (*registered, *policy.schedule(nights, now=NOW))
    return Append(policy_stream(TENANT, charger_id), 0, enveloped(CONTEXT, events, now=NOW))


def _card(number: int) -> str:
    return f"04{number:012X}"


async def _open(settings: Settings, more: int) -> dict[str, float]:
    began = time.perf_counter()
    async with Service(settings).running() as service:
        opened = {"start_s": time.perf_counter() - began, "memory_mib": _memory_mib(), "put_ms": 0.0}
        spans = []
        for number in range(more):
            vehicle = PutVehicle(
                vehicle_id=VehicleId(f"one-more-{number}"),
                description=VehicleDescription(name="One more", access_class=AccessClass.OWN),
                identifiers=[(IdentifierKind.MAC, f"02{number:010X}")],
            )
            began = time.perf_counter()
            await service.container.commands.put_vehicle()(CONTEXT, vehicle)
            spans.append(time.perf_counter() - began)
        if spans:
            opened["put_ms"] = statistics.median(spans) * 1000
    return opened


def _memory_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


def main(what: str, directory: str, number: int) -> None:
    settings = Settings(data=Path(directory), http="127.0.0.1:0", ocpp="127.0.0.1:0", drain_s=0.0)
    if what == "fill":
        asyncio.run(_fill(settings, number))
        print("{}")
    else:
        print(json.dumps(asyncio.run(_open(settings, number))))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
