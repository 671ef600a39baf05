"""One charger floods the service with Authorize and never reads an answer, beside healthy chargers with normal behaviour.

The service, the healthy chargers and the flood are three processes. The healthy chargers are measured alone first, then
beside the flood, then beside a flood of WebSocket pings.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

HEALTHY = 50
PER_SECOND = 12_000
FLOODS = ("nothing", "authorize", "ping")
SECONDS_MIN = 10.0
SETTLE_S = 2.0  # the kernel's buffers fill before measuring begins


@dataclass(frozen=True)
class Flooded:
    """`sent_per_s` is the rate of messages that the flood could write to its socket; `mib` is the service's growth during the
    flood.
    """

    flood: str
    sent_per_s: float
    answers: int
    p50_ms: float
    p99_ms: float
    longest_ms: float
    mib: float


def measure(seconds: float) -> list[Flooded]:
    return [_beside(flood, seconds) for flood in FLOODS]


def _beside(flood: str, seconds: float) -> Flooded:
    with tempfile.TemporaryDirectory(prefix="access-policy-bench-") as directory, ExitStack() as running:
        server = _started(running, "benchmarks.durable_server", directory, str(HEALTHY + 1))
        port = _line(server)
        url = f"ws://127.0.0.1:{port}/ocpp"
        healthy = _started(running, "benchmarks.healthy_client", url, str(HEALTHY), str(SETTLE_S + seconds))
        _line(healthy)  # all are connected and have booted
        before_mib = _mib(server.pid)
        sent = 0.0
        flooding = None
        if flood != "nothing":
            flooding = _started(
                running, "benchmarks.flood_client", port, f"CP{HEALTHY:04d}", flood, str(PER_SECOND), str(seconds)
            )
        time.sleep(SETTLE_S + seconds)
        grown_mib = _mib(server.pid) - before_mib
        figures = json.loads(_line(healthy))
        if flooding is not None:
            sent = float(_line(flooding))
        return Flooded(flood, sent, figures["count"], figures["p50"], figures["p99"], figures["longest"], grown_mib)


def _started(running: ExitStack, module: str, *arguments: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    running.callback(process.wait, 30)
    running.callback(process.terminate)
    return process


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    if not line:
        raise SystemExit(f"{process.args!r} ended without an answer")
    return line


def _mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return float(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))) / 1024
