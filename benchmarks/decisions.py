"""Durable decisions through the decision path without sockets, beside bare inserts of the same rows; and how fast the read
models follow the log and are rebuilt from it, beside a bare scan and a plain decode of the log. They take turns in each
database. A rebuild uses a second process; everything else happens in one.
"""

from __future__ import annotations

import asyncio
import itertools
import resource
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import msgspec

from access_policy.adapters.event_stores.locations import opens
from access_policy.application.deciding.attempts import AccessAttempt
from access_policy.application.projections import PROJECTIONS
from access_policy.container import Container
from access_policy.containers.closing import close_opened
from access_policy.domain.identifiers import IdentifierKind, identifier
from access_policy.domain.ids import ChargerId
from access_policy.entrypoints.processes.service import Service
from benchmarks.bare import Bare, BareSqlite, Row, bare_postgres
from benchmarks.durable_server import CONTEXT, set_up
from benchmarks.load_client import KNOWN_TAGS, tag

CHARGERS = 200
IN_FLIGHT = (1, 64, 512)
ROUNDS = 3
ROWS = 20_000
LOG = 150_000  # events to fold, at least


@dataclass(frozen=True)
class Durable:
    """Durable decisions. `bare` is rows per second of the same bytes and key, inserted in groups of the number in flight."""

    in_flight: int
    per_second: float
    p50_ms: float
    p99_ms: float
    bare: float


@dataclass(frozen=True)
class Folded:
    """Events per second: followed by read models that begin at the start, rebuilt beside the live ones, only scanned, and
    scanned and decoded to plain dicts. The CPU times are per event, of this process and of the process that prepares batches.
    """

    events: int
    followed: float
    followed_cpu_us: float
    rebuilt: float
    rebuilt_cpu_us: float
    prepared_cpu_us: float
    scanned: float
    decoded: float


@dataclass(frozen=True)
class Measured:
    database: str
    durable: list[Durable]
    folded: Folded


def measure(seconds: float = 4.0) -> Iterator[Measured]:
    with tempfile.TemporaryDirectory(prefix="access-policy-bench-") as directory, ExitStack() as stack:
        yield asyncio.run(_measure(BareSqlite(Path(directory) / "sqlite"), seconds / 2))
        yield asyncio.run(_measure(stack.enter_context(bare_postgres(Path(directory) / "postgres")), seconds / 2))


async def _measure(bare: Bare, seconds: float) -> Measured:
    service = Service(bare.settings)
    container = service.container
    await set_up(service, CHARGERS)
    await container.deciding.follower().catch_up()
    numbers = itertools.count()
    await decisions(container, 64, seconds, numbers)  # so that there are rows to insert
    rows, durable = bare.rows(ROWS), []
    for in_flight in IN_FLIGHT:
        ours, raw = [], []
        for _ in range(ROUNDS):
            ours.append(await decisions(container, in_flight, seconds, numbers))
            raw.append(_bare_inserts(bare, rows, in_flight, seconds))
        per_second, p50_ms, p99_ms = (median(run[place] for run in ours) for place in range(3))
        durable.append(Durable(in_flight, per_second, p50_ms, p99_ms, median(raw)))
    while await container.stores.store().last_position() < LOG:
        await decisions(container, IN_FLIGHT[-1], seconds, numbers)
    folded = await _folded(container, bare)
    await close_opened(container)
    return Measured(bare.name, durable, folded)


async def decisions(
    container: Container, in_flight: int, seconds: float, numbers: Iterator[int]
) -> tuple[float, float, float]:
    until = time.perf_counter() + seconds
    began = time.perf_counter()
    asking = (ask_again_and_again(container, numbers, lambda: time.perf_counter() < until) for _ in range(in_flight))
    took = sorted(itertools.chain.from_iterable(await asyncio.gather(*asking)))
    span = time.perf_counter() - began
    return len(took) / span, 1000 * took[len(took) // 2], 1000 * took[len(took) * 99 // 100]


async def ask_again_and_again(container: Container, numbers: Iterator[int], goes_on: Callable[[], bool]) -> list[float]:
    """Decide repeatedly, and return the duration of each decision in seconds."""
    decider, took = container.deciding.decider(), []
    while goes_on():
        began, number = time.perf_counter(), next(numbers)
        await decider.authorize(
            AccessAttempt(
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
    return took


def _bare_inserts(bare: Bare, rows: list[Row], group: int, seconds: float) -> float:
    inserted, busy = 0, 0.0
    while busy < seconds:
        bare.empty()
        began = time.perf_counter()
        for begin in range(0, len(rows), group):
            bare.insert(rows[begin : begin + group])
            inserted += len(rows[begin : begin + group])
            if busy + time.perf_counter() - began >= seconds:
                break
        busy += time.perf_counter() - began
    return inserted / busy


async def _folded(container: Container, bare: Bare) -> Folded:
    """Measure the read models, which first follow the decisions made before; no decisions are made meanwhile."""
    store, models = container.stores.store(), container.read_side.models()
    began, busy = time.perf_counter(), time.process_time()
    await container.read_side.follower().catch_up()
    followed_s, followed_cpu_s = time.perf_counter() - began, time.process_time() - busy
    began, busy, busy_others = time.perf_counter(), time.process_time(), _children_cpu_s()
    names = [projection.name for projection in PROJECTIONS]
    events = await models.rebuild(store, names, open_store=opens(bare.settings.store_location))
    rebuilt_s, rebuilt_cpu_s = time.perf_counter() - began, time.process_time() - busy
    return Folded(
        events,
        followed=events / followed_s,
        followed_cpu_us=1e6 * followed_cpu_s / events,
        rebuilt=events / rebuilt_s,
        rebuilt_cpu_us=1e6 * rebuilt_cpu_s / events,
        prepared_cpu_us=1e6 * (_children_cpu_s() - busy_others) / events,
        scanned=_a_second(bare.scan()),
        decoded=_a_second(map(msgspec.json.decode, bare.scan())),
    )


def _children_cpu_s() -> float:
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.ru_utime + ended.ru_stime


def _a_second(rows: Iterable[object]) -> float:
    began = time.perf_counter()
    count = sum(1 for _ in rows)
    return count / (time.perf_counter() - began)
