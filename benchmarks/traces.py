"""Durable decisions without an endpoint for traces, with one that accepts spans, and with one that is down, in turns.

Every decision is traced. The accepting endpoint is a separate process: `python -m benchmarks.traces`.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from statistics import median

from access_policy.container import Container
from access_policy.containers.closing import close_opened
from access_policy.entrypoints.demo.ports import free_port
from access_policy.entrypoints.processes.service import Service
from access_policy.settings import Settings
from benchmarks.decisions import CHARGERS, decisions
from benchmarks.durable_server import set_up

IN_FLIGHT = 64
ROUNDS = 7
WITHOUT = "no endpoint"


@dataclass(frozen=True)
class Round:
    per_second: float
    cpu_us: float  # of this process per decision, including the exporting thread


@dataclass(frozen=True)
class Measured:
    """Medians of the rounds. `ratio` and `cpu_ratio` are the medians of each round's ratios to the one without an endpoint."""

    name: str
    per_second: float
    cpu_us: float
    ratio: float
    cpu_ratio: float
    ratios: list[float]


def measure(seconds: float = 4.0) -> list[Measured]:
    logging.getLogger("opentelemetry").setLevel(
        logging.CRITICAL
    )  # it reports each batch that the absent endpoint loses
    with tempfile.TemporaryDirectory(prefix="access-policy-bench-") as directory, _accepting() as accepting:
        endpoints = {
            WITHOUT: "",
            "an endpoint that accepts": accepting,
            "an endpoint that is down": f"http://127.0.0.1:{free_port()}",
        }
        rounds = asyncio.run(_measure(Path(directory), endpoints, seconds))
    return [_measured(name, rounds[name], rounds[WITHOUT]) for name in endpoints]


async def _measure(directory: Path, endpoints: dict[str, str], seconds: float) -> dict[str, list[Round]]:
    numbers = itertools.count()
    containers: dict[str, Container] = {}
    for place, (name, endpoint) in enumerate(endpoints.items()):
        service = Service(Settings(data=directory / str(place), traces_endpoint=endpoint, traces_ratio=1.0))
        await set_up(service, CHARGERS)
        containers[name] = service.container
        await service.container.deciding.follower().catch_up()
        service.container.deciding.decider()  # imports the exporter, which may take longer than a measurement
        await decisions(service.container, IN_FLIGHT, seconds, numbers)  # warm
    rounds: dict[str, list[Round]] = {name: [] for name in endpoints}
    names = [*endpoints]
    for number in range(ROUNDS):
        turned = number % len(names)
        for name in names[turned:] + names[:turned]:
            rounds[name].append(await _round(containers[name], seconds, numbers))
    for container in containers.values():
        await close_opened(container)
    return rounds


async def _round(container: Container, seconds: float, numbers: Iterator[int]) -> Round:
    before, busy = next(numbers), time.process_time()
    per_second, _, _ = await decisions(container, IN_FLIGHT, seconds, numbers)
    return Round(per_second, 1e6 * (time.process_time() - busy) / (next(numbers) - before - 1))


def _measured(name: str, rounds: list[Round], without: list[Round]) -> Measured:
    ratios = [each.per_second / other.per_second for each, other in zip(rounds, without, strict=True)]
    cpu_ratios = [each.cpu_us / other.cpu_us for each, other in zip(rounds, without, strict=True)]
    return Measured(
        name,
        per_second=median(each.per_second for each in rounds),
        cpu_us=median(each.cpu_us for each in rounds),
        ratio=median(ratios),
        cpu_ratio=median(cpu_ratios),
        ratios=ratios,
    )


@contextmanager
def _accepting() -> Iterator[str]:
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.traces"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()


class _Accepting(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def accept() -> None:
    with HTTPServer(("127.0.0.1", 0), _Accepting) as server:
        print(f"http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        accept()
