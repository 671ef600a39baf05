"""OCPP 1.6 Authorize round trips per second with 200 connected chargers, 50 in flight: ours, decided and durable, beside a
server on the `ocpp` package that accepts everything and records nothing. The client is a process of its own; the servers
take turns, so that a machine that slows down slows all of them."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

CHARGERS = 200
IN_FLIGHT = 50
ROUNDS = 3
RIVALS = {"validated": "validation as it comes", "inline": "validation inline", "skipped": "validation off"}


@dataclass(frozen=True)
class RoundTrips:
    name: str
    per_second: float
    p50_ms: float
    p99_ms: float


def measure(seconds: float = 4.0) -> list[RoundTrips]:
    with tempfile.TemporaryDirectory(prefix="access-policy-bench-") as directory, _ours(directory) as ours:
        figures: dict[str, list[dict[str, float]]] = {}
        for _ in range(ROUNDS):
            figures.setdefault("access_policy: decided, durable (SQLite)", []).append(_load(ours, seconds))
            for validation, title in RIVALS.items():
                with _rival(validation) as port:
                    figures.setdefault(f"accept-all on ocpp, {title}", []).append(_load(port, seconds))
    return [
        RoundTrips(name, *(median(run[key] for run in runs) for key in ("per_second", "p50_ms", "p99_ms")))
        for name, runs in figures.items()
    ]


def idle_kib(chargers: int = 400) -> float:
    """KiB of resident memory for each charger that is connected, booted and silent."""
    with tempfile.TemporaryDirectory(prefix="access-policy-bench-") as directory, _ours(directory, chargers) as port:
        pid = _OURS[-1]
        _connect_and_wait(port, 1)  # whatever the first connection brings along
        before = _rss_kib(pid)
        after = _connect_and_wait(port, chargers, pid)
        return (after - before) / (chargers - 1)


_OURS: list[int] = []


@contextmanager
def _ours(directory: str, chargers: int = CHARGERS) -> Iterator[int]:
    command = [sys.executable, "-m", "benchmarks.durable_server", directory, str(chargers)]
    with _process(command) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        _OURS.append(process.pid)
        yield port


@contextmanager
def _rival(validation: str) -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    with _process([sys.executable, "-m", "benchmarks.accept_all", str(port), validation]):
        _until_it_listens(port)
        yield port


@contextmanager
def _process(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


def _load(port: int, seconds: float) -> dict[str, float]:
    url = f"ws://127.0.0.1:{port}/ocpp"
    command = [sys.executable, "-m", "benchmarks.load_client", url, str(CHARGERS), str(IN_FLIGHT), str(seconds)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60)
    if done.returncode != 0:
        raise SystemExit(f"the load client failed: {done.stderr[-2000:]}")
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def _connect_and_wait(port: int, chargers: int, pid: int | None = None) -> float:
    command = [sys.executable, "-m", "benchmarks.idle_client", f"ws://127.0.0.1:{port}/ocpp", str(chargers)]
    with _process(command) as process:
        assert process.stdout is not None
        process.stdout.readline()
        return _rss_kib(pid) if pid is not None else 0.0


def _rss_kib(pid: int) -> float:
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return float(next(line.split()[1] for line in status if line.startswith("VmRSS")))


def _until_it_listens(port: int) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
