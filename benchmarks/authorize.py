"""OCPP 1.6 Authorize round trips per second with 200 connected chargers, 50 in flight. Our server decides and stores each
attempt; the rival, on the `ocpp` package, accepts everything and records nothing. Ours is the gateway process of `serve`, on
uvloop; the load client is a separate process. The servers take turns, so that a machine that slows down slows all of them.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from statistics import median

CHARGERS = 200
IN_FLIGHT = 50
ROUNDS = 3
SETTLED_S = 7.0  # after the boots: ours has read and set up its chargers, 20 a second
GATEWAY = "gateway"
ALL_ROLES = "api,gateway,projector,publisher"
RIVALS = {
    "validation as the package comes": ("validated",),
    "validation inline": ("inline",),
    "validation off": ("skipped",),
    "validation off, on uvloop": ("skipped", "uvloop"),
}


@dataclass(frozen=True)
class RoundTrips:
    """The figures of one server. `cpu_us` is its processor time per attempt. The last two are None if half load was not
    measured.
    """

    name: str
    per_second: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    half_load_p50_ms: float | None = None
    half_load_p99_ms: float | None = None


@dataclass(frozen=True)
class _Server:
    port: int
    pid: int


def measure(seconds: float = 4.0, postgres: Mapping[str, str] | None = None) -> list[RoundTrips]:
    """Measure all servers. `postgres` are the settings of a migrated database; without them, SQLite files are used."""
    database = "SQLite" if postgres is None else "PostgreSQL"
    figures: dict[str, list[dict[str, float]]] = {}
    at_half_load: list[dict[str, float]] = []
    with (
        tempfile.TemporaryDirectory(prefix="access-policy-bench-") as directory,
        _ours(directory, settings=postgres) as ours,
    ):
        for _ in range(ROUNDS):
            full = _load(ours, seconds, settle_s=SETTLED_S)
            figures.setdefault(f"access_policy: decided, durable ({database})", []).append(full)
            at_half_load.append(_load(ours, seconds, settle_s=SETTLED_S, per_second=full["per_second"] / 2))
            for title, options in RIVALS.items():
                with _rival(options) as rival:
                    figures.setdefault(f"accept-all on ocpp, {title}", []).append(_load(rival, seconds))
    ours_first = [_median_of(name, runs) for name, runs in figures.items()]
    half = _median_of("half load", at_half_load)
    ours_first[0] = replace(ours_first[0], half_load_p50_ms=half.p50_ms, half_load_p99_ms=half.p99_ms)
    return ours_first


def _median_of(name: str, runs: list[dict[str, float]]) -> RoundTrips:
    return RoundTrips(name, *(median(run[key] for run in runs) for key in ("per_second", "p50_ms", "p99_ms", "cpu_us")))


def idle_kib(chargers: int = 400) -> float:
    """Return the KiB of resident memory per connected, booted and silent charger, in one process with all roles."""
    with (
        tempfile.TemporaryDirectory(prefix="access-policy-bench-") as directory,
        _ours(directory, chargers, roles=ALL_ROLES) as ours,
    ):
        _connect_and_wait(ours, 1)  # loads what the first connection needs
        before = _rss_kib(ours.pid)
        after = _connect_and_wait(ours, chargers)
        return (after - before) / (chargers - 1)


@contextmanager
def _ours(
    directory: str, chargers: int = CHARGERS, roles: str = GATEWAY, settings: Mapping[str, str] | None = None
) -> Iterator[_Server]:
    command = [sys.executable, "-m", "benchmarks.durable_server", directory, str(chargers), roles]
    with _process(command, settings) as process:
        assert process.stdout is not None
        yield _Server(int(process.stdout.readline()), process.pid)


@contextmanager
def _rival(options: tuple[str, ...]) -> Iterator[_Server]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    with _process([sys.executable, "-m", "benchmarks.accept_all", str(port), *options]) as process:
        _until_it_listens(port)
        yield _Server(port, process.pid)


@contextmanager
def _process(command: list[str], environment: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, **(environment or {})},
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


def _load(
    server: _Server, seconds: float, *, settle_s: float = 0.5, per_second: float | None = None
) -> dict[str, float]:
    """Run the load client, whose load begins `settle_s` after the boots, and return its figures.

    Without a rate, each answer is followed by the next attempt at once.
    """
    command = [sys.executable, "-m", "benchmarks.load_client", f"ws://127.0.0.1:{server.port}/ocpp"]
    command += ["--connections", str(CHARGERS), "--in-flight", str(IN_FLIGHT), "--seconds", str(seconds)]
    command += ["--server-pid", str(server.pid), "--settle", str(settle_s)]
    if per_second is not None:
        command += ["--per-second", str(per_second)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + settle_s + 60)
    if done.returncode != 0:
        raise SystemExit(f"the load client failed: {done.stderr[-2000:]}")
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def _connect_and_wait(server: _Server, chargers: int) -> float:
    """Return the server's resident memory in KiB while the chargers are connected."""
    command = [sys.executable, "-m", "benchmarks.idle_client", f"ws://127.0.0.1:{server.port}/ocpp", str(chargers)]
    with _process(command) as process:
        assert process.stdout is not None
        process.stdout.readline()
        return _rss_kib(server.pid)


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
