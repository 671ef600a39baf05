"""Durable decisions with and without the audit chain behind them, in turns, in one run. The ratio is the cost of the chain.

The chain runs in a separate process, as in the office. Decisions are made as fast as possible, a load that the chain never has
in practice. `python -m benchmarks.audit DIRECTORY` is that process.
"""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from access_policy.adapters.records.audit_chains import SqlAuditChains
from access_policy.application.audit.chaining import AuditChainer
from access_policy.container import Container
from access_policy.containers.closing import close_opened
from access_policy.entrypoints.processes.service import Service
from access_policy.settings import Settings
from benchmarks.decisions import CHARGERS, decisions
from benchmarks.durable_server import set_up

IN_FLIGHT = 64
ROUNDS = 7


@dataclass(frozen=True)
class Measured:
    """Decisions per second. `ratio` is the median of the rounds' ratios. Of `events`, `chained` were chained at the end. On a
    machine that others use too, the processor times vary less than the rates.
    """

    without: float
    chaining: float
    ratio: float
    ratios: list[float]
    decision_cpu_us: float
    chain_cpu_us: float  # per event, in the other process
    chained: int
    events: int


def measure(seconds: float = 4.0) -> Measured:
    with tempfile.TemporaryDirectory(prefix="access-policy-bench-") as directory:
        return asyncio.run(_measure(Path(directory), seconds))


async def _measure(directory: Path, seconds: float) -> Measured:
    service = Service(settings_in(directory))
    container = service.container
    await set_up(service, CHARGERS)
    await container.deciding.follower().catch_up()
    numbers = itertools.count()
    await decisions(container, IN_FLIGHT, seconds, numbers)  # warm
    pairs, busy, before = [], time.process_time(), next(numbers)
    for number in range(ROUNDS):
        found = {}
        for with_chain in (number % 2 == 0, number % 2 == 1):
            found[with_chain] = await _round(container, directory, seconds, numbers, with_chain=with_chain)
        pairs.append((found[False], found[True]))
    decision_cpu_us = 1e6 * (time.process_time() - busy) / (next(numbers) - before)
    chained = (await container.records.audit_chains().state()).reached
    events = await container.stores.store().last_position()
    chain_cpu_us = await _chain_cpu_us(container, directory)
    await close_opened(container)
    ratios = [chaining / without for without, chaining in pairs]
    without, chaining = (median(pair[place] for pair in pairs) for place in (0, 1))
    return Measured(without, chaining, median(ratios), ratios, decision_cpu_us, chain_cpu_us, chained, events)


async def _chain_cpu_us(container: Container, directory: Path) -> float:
    """Chain the whole log once more, in this process and into another file, and return the processor time per event."""
    chains = SqlAuditChains(directory / "once-more.sqlite")
    chainer = AuditChainer(container.stores.store(), chains, container.auditing.seals(), container.clock())
    began = time.process_time()
    events = await chainer.catch_up()
    cpu_us = 1e6 * (time.process_time() - began) / events
    await chains.close()
    return cpu_us


async def _round(
    container: Container, directory: Path, seconds: float, numbers: Iterator[int], *, with_chain: bool
) -> float:
    if not with_chain:
        return (await decisions(container, IN_FLIGHT, seconds, numbers))[0]
    with _chaining(directory):
        return (await decisions(container, IN_FLIGHT, seconds, numbers))[0]


@contextmanager
def _chaining(directory: Path) -> Iterator[None]:
    """Let another process chain the events in the log and those that follow."""
    command = [sys.executable, "-m", "benchmarks.audit", str(directory)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield
    finally:
        process.kill()
        process.wait()


def settings_in(directory: Path) -> Settings:
    return Settings(data=directory)


async def chain(directory: Path) -> None:
    container = Container(settings=settings_in(directory))
    chainer = container.auditing.chainer()
    await chainer.catch_up()
    print("caught up", flush=True)
    await chainer.run()


if __name__ == "__main__":
    asyncio.run(chain(Path(sys.argv[1])))
