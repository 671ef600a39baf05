"""How fast the relay publishes a backlog to an EventBridge that answers after some milliseconds, beside the same calls alone:
prepared entries, ten per call, with as many calls in parallel, without order or memory.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from access_policy.adapters.aws.address import AwsAddress
from access_policy.adapters.event_bus.eventbridge import EventBridgeBus
from access_policy.application.ports.event_bus import ENTRIES_MAX, Entry
from access_policy.application.published_events.detail import entry_of
from access_policy.application.published_events.mapping import TYPES
from access_policy.application.relay.relay import CALLS, Relay
from access_policy.containers.closing import close_opened
from access_policy.entrypoints.processes.service import Service
from access_policy.settings import Settings
from benchmarks.decisions import ask_again_and_again
from benchmarks.durable_server import set_up

CHARGERS = 200
EVENTS = 20_000
BUS_MS = 5.0


@dataclass(frozen=True)
class Relayed:
    """Events per second."""

    events: int
    relay: float
    bare: float


def measure() -> Relayed:
    with tempfile.TemporaryDirectory(prefix="access-policy-bench-") as directory, _bus() as port:
        url = f"eventbridge://bench?region=eu-central-1&endpoint_url=http://127.0.0.1:{port}"
        return asyncio.run(_measure(Path(directory), url))


@contextmanager
def _bus() -> Iterator[int]:
    os.environ |= {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench"}
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.bus_stub", str(BUS_MS)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait(10)


async def _measure(directory: Path, url: str) -> Relayed:
    service = Service(Settings(data=directory, http="127.0.0.1:0", ocpp="127.0.0.1:0", bus_url=url))
    container = service.container
    await set_up(service, CHARGERS)
    await container.deciding.follower().catch_up()
    store = container.stores.store()
    numbers = itertools.count()
    while await store.last_position() < EVENTS:
        until = time.perf_counter() + 0.5
        await asyncio.gather(
            *(
                ask_again_and_again(container, numbers, lambda until=until: time.perf_counter() < until)
                for _ in range(64)
            )
        )
    relay: Relay = container.publishing.relay()
    await relay.follower.resume()
    began = time.perf_counter()
    await relay.follower.catch_up()
    relayed = relay.published / (time.perf_counter() - began)
    log = await store.read_log(after=0, limit=10 * EVENTS, types=TYPES)
    entries = [entry for each in log if (entry := entry_of(each)) is not None]
    bare = await _bare(entries, url)
    await close_opened(container)
    return Relayed(relay.published, relayed, bare)


async def _bare(entries: Sequence[Entry], url: str) -> float:
    bus = EventBridgeBus(AwsAddress.of(url, "eventbridge"))
    calls = iter([entries[first : first + ENTRIES_MAX] for first in range(0, len(entries), ENTRIES_MAX)])

    async def call_again_and_again() -> None:
        for call in calls:
            await bus.publish(call)

    began = time.perf_counter()
    await asyncio.gather(*(call_again_and_again() for _ in range(CALLS)))
    span = time.perf_counter() - began
    await bus.close()
    return len(entries) / span
