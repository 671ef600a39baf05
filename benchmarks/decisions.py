"""Durable decisions through the decision path without sockets, beside the least that keeps the same rows; and how fast the read
models are folded from the log again, beside a bare scan of it. All in one process, in turns, on one SQLite file each."""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from access_policy.application.decisions.questions import Ask
from access_policy.application.projections import PROJECTIONS
from access_policy.container import Container
from access_policy.domain.identifiers import IdentifierKind, identifier
from access_policy.domain.ids import ChargerId
from access_policy.entrypoints.service import Service, close_files
from access_policy.settings import Settings
from benchmarks.durable_server import CONTEXT, set_up
from benchmarks.load_client import KNOWN_TAGS, tag

CHARGERS = 200
IN_FLIGHT = (1, 64, 512)
ROUNDS = 3


@dataclass(frozen=True)
class Durable:
    """`raw` are rows a second of the same bytes, inserted and synchronised in groups of as many as are in flight."""

    in_flight: int
    per_second: float
    p50_ms: float
    p99_ms: float
    raw: float


@dataclass(frozen=True)
class Folded:
    """Events a second: all read models rebuilt, and the log only read."""

    events: int
    rebuilt: float
    scanned: float


def measure(seconds: float = 4.0) -> tuple[list[Durable], Folded]:
    with tempfile.TemporaryDirectory(prefix="access-policy-bench-") as directory:
        return asyncio.run(_measure(Path(directory), seconds / 2))


async def _measure(directory: Path, seconds: float) -> tuple[list[Durable], Folded]:
    service = Service(Settings(data=directory / "ours", http="127.0.0.1:0", ocpp="127.0.0.1:0"))
    container = service.container
    await set_up(service, CHARGERS)
    await container.decision_follower().catch_up()
    numbers = itertools.count()
    durable = []
    for in_flight in IN_FLIGHT:
        ours, raw = [], []
        for _ in range(ROUNDS):
            ours.append(await _decisions(container, in_flight, seconds, numbers))
            raw.append(_raw_inserts(directory, in_flight, seconds))
        per_second, p50_ms, p99_ms = (median(run[place] for run in ours) for place in range(3))
        durable.append(Durable(in_flight, per_second, p50_ms, p99_ms, median(raw)))
    folded = await _folded(container, directory)
    await close_files(container)
    return durable, folded


async def _decisions(
    container: Container, in_flight: int, seconds: float, numbers: itertools.count[int]
) -> tuple[float, float, float]:
    desk, took = container.desk(), []
    until = time.perf_counter() + seconds

    async def ask_again_and_again() -> None:
        while (began := time.perf_counter()) < until:
            number = next(numbers)
            await desk.authorize(
                Ask(
                    tenant_id=CONTEXT.tenant_id,
                    charger_id=ChargerId(f"charger-{number % CHARGERS}"),
                    connector_id=None,
                    identifier=identifier(IdentifierKind.RFID, tag(number % (KNOWN_TAGS + KNOWN_TAGS // 10))),
                    protocol="ocpp1.6",
                    message_id=f"m-{number}",
                    signals=None,
                )
            )
            took.append(time.perf_counter() - began)

    began = time.perf_counter()
    await asyncio.gather(*(ask_again_and_again() for _ in range(in_flight)))
    span = time.perf_counter() - began
    took.sort()
    return len(took) / span, 1000 * took[len(took) // 2], 1000 * took[len(took) * 99 // 100]


def _raw_inserts(directory: Path, group: int, seconds: float) -> float:
    """The rows of the log so far, as bytes that are there already, into a table without an index but its key."""
    ours = sqlite3.connect(directory / "ours" / "events.sqlite")
    names = "originator_id, originator_version, topic, state"
    rows = ours.execute(f"SELECT {names} FROM stored_events WHERE topic LIKE 'access.%' LIMIT 20000").fetchall()
    ours.close()
    path = directory / "raw.sqlite"
    raw = sqlite3.connect(path, isolation_level=None)
    raw.execute("PRAGMA journal_mode=WAL")
    raw.execute("PRAGMA synchronous=FULL")
    raw.execute("CREATE TABLE raw (id INTEGER PRIMARY KEY, stream TEXT, version INTEGER, topic TEXT, state BLOB)")
    inserted, began = 0, time.perf_counter()
    for begin in itertools.cycle(range(0, max(1, len(rows) - group), group)):
        raw.execute("BEGIN")
        raw.executemany("INSERT INTO raw (stream, version, topic, state) VALUES (?, ?, ?, ?)", rows[begin : begin + group])
        raw.execute("COMMIT")
        inserted += len(rows[begin : begin + group])
        span = time.perf_counter() - began
        if span >= seconds:
            break
    raw.close()
    for file in directory.glob("raw.sqlite*"):
        file.unlink()
    return inserted / span


async def _folded(container: Container, directory: Path) -> Folded:
    names = [projection.name for projection in PROJECTIONS]
    began = time.perf_counter()
    events = await container.read_models().rebuild(container.store(), names)
    rebuilt = events / (time.perf_counter() - began)
    log = sqlite3.connect(directory / "ours" / "events.sqlite")
    began, scanned = time.perf_counter(), 0
    for _row in log.execute("SELECT * FROM stored_events ORDER BY rowid"):
        scanned += 1
    rate = scanned / (time.perf_counter() - began)
    log.close()
    return Folded(events, rebuilt, rate)
