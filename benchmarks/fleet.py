"""A fleet under measurement: the service in one process, its chargers in others, and the observations of both."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from benchmarks.fleet_client import charge_point

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass
class Seen:
    """The lines that one process of chargers has printed, in order."""

    process: subprocess.Popen[str]
    lines: list[dict[str, Any]] = field(default_factory=list)

    def read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(json.loads(line))


@dataclass
class Fleet:
    directory: Path
    chargers: int
    depots: int
    port: int
    _service: subprocess.Popen[str] | None = None
    _clients: list[Seen] = field(default_factory=list)
    others: list[Seen] = field(default_factory=list)
    _http: httpx.Client | None = None
    listening_since: float = 0.0

    # --- the service -----------------------------------------------------------------------------------------------------

    def start_service(self) -> float:
        """Start the service. Return the seconds until it listens."""
        began = time.monotonic()
        command = [sys.executable, "-m", "benchmarks.fleet_server"]
        arguments = [str(self.directory), str(self.chargers), str(self.depots), str(self.port)]
        with (self.directory / "service.log").open("a") as log:
            self._service = subprocess.Popen(command + arguments, stdout=subprocess.PIPE, stderr=log, text=True)
        assert self._service.stdout is not None
        line = self._service.stdout.readline()
        if not line:
            raise SystemExit(f"the service did not start: {(self.directory / 'service.log').read_text()[-2000:]}")
        self.listening_since = time.time()
        where = json.loads(line)
        self._http = httpx.Client(
            base_url=f"http://127.0.0.1:{where['http']}/v1",
            headers={"Authorization": f"Bearer {where['token']}"},
            timeout=120,
        )
        return time.monotonic() - began

    def end_service(self, number: signal.Signals) -> float:
        """Signal the service. Return the seconds until it has ended."""
        assert self._service is not None
        began = time.monotonic()
        self._service.send_signal(number)
        self._service.wait(120)
        return time.monotonic() - began

    def post(self, path: str, body: Any) -> Any:
        assert self._http is not None
        answer = self._http.post(path, json=body)
        if answer.status_code >= 300:
            raise SystemExit(f"POST {path}: {answer.status_code} {answer.text[:500]}")
        return answer.json() if answer.content else None

    def service_cpu_s(self) -> float:
        assert self._service is not None
        with open(f"/proc/{self._service.pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_S

    def service_mib(self) -> float:
        assert self._service is not None
        with open(f"/proc/{self._service.pid}/status", encoding="ascii") as status:
            return float(next(line.split()[1] for line in status if line.startswith("VmRSS"))) / 1024

    # --- its chargers ----------------------------------------------------------------------------------------------------

    def start_chargers(self, *, processes: int = 1, faulty: int = 0, longest_s: float = 10.0) -> None:
        share = self.chargers // processes
        for number in range(processes):
            command = [sys.executable, "-m", "benchmarks.fleet_client", f"ws://127.0.0.1:{self.port}/ocpp"]
            arguments = [str(number * share), str(share), str(faulty), str(longest_s)]
            client = Seen(subprocess.Popen(command + arguments, stdout=subprocess.PIPE, text=True))
            threading.Thread(target=client.read, daemon=True).start()
            self._clients.append(client)

    def start_prober(self, tag: str, *, every_s: float) -> Seen:
        """Start one more charger, which presents `tag` continuously."""
        command = [sys.executable, "-m", "benchmarks.prober", f"ws://127.0.0.1:{self.port}/ocpp"]
        arguments = [charge_point(self.chargers), tag, str(every_s)]
        prober = Seen(subprocess.Popen(command + arguments, stdout=subprocess.PIPE, text=True))
        threading.Thread(target=prober.read, daemon=True).start()
        self.others.append(prober)
        return prober

    def until(self, what: str, fits: Callable[[], bool], *, timeout_s: float) -> float:
        """Wait until `fits` holds. Return the seconds that it took."""
        began = time.monotonic()
        while not fits():
            if time.monotonic() - began > timeout_s:
                raise SystemExit(f"not within {timeout_s:g} s: {what}; {[each.lines[-1:] for each in self._clients]}")
            if any(each.process.poll() is not None for each in self._clients):
                raise SystemExit("a process of chargers has ended")
            time.sleep(0.1)
        return time.monotonic() - began

    def now(self, name: str) -> int:
        """Return the latest sum over all chargers."""
        return sum(each.lines[-1][name] if each.lines else 0 for each in self._clients)

    def counted(self, name: str) -> dict[str, int]:
        total: dict[str, int] = {}
        for each in self._clients:
            for key, count in (each.lines[-1][name] if each.lines else {}).items():
                total[key] = total.get(key, 0) + count
        return total

    def reached(self, name: str, target: float, *, since: float, key: str | None = None, below: bool = False) -> float:
        """Return the seconds after `since` (on the wall clock) at which the sum over all processes of chargers reached
        `target`, from above with `below`; with `key`, the sum of that key's counts.
        """
        latest = [0] * len(self._clients)
        samples = [
            (line["at"], n, line[name] if key is None else line[name].get(key, 0))
            for n, each in enumerate(self._clients)
            for line in each.lines
        ]
        for at, number, value in sorted(samples):
            latest[number] = value
            there = sum(latest) <= target if below else sum(latest) >= target
            if at >= since and there:
                return float(at - since)
        return float("inf")

    def applied(self) -> int:
        """Return how often chargers were verified to be in their mode, according to the store."""
        return len(self.applied_at())

    def applied_at(self, since: float = 0.0) -> list[float]:
        """Return the times of those verifications (on the wall clock, ascending), from the log."""
        with sqlite3.connect(f"file:{self.directory / 'events.sqlite'}?mode=ro", uri=True) as store:
            rows = store.execute("SELECT state FROM stored_events WHERE topic LIKE '%mode_applied.v1'").fetchall()
        return sorted(at for (state,) in rows if (at := _recorded_at(state)) >= since)

    def close(self) -> None:
        for each in [*self._clients, *self.others]:
            each.process.kill()
            each.process.wait()
        if self._service is not None and self._service.poll() is None:
            self._service.kill()
            self._service.wait()


def _recorded_at(state: bytes) -> float:
    instant: str = json.loads(state)["envelope"]["recorded_at"]
    return datetime.fromisoformat(instant).timestamp()


@contextmanager
def fleet(chargers: int, depots: int) -> Iterator[Fleet]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    with tempfile.TemporaryDirectory(prefix="access-policy-bench-") as directory:
        made = Fleet(Path(directory), chargers, depots, port)
        try:
            yield made
        finally:
            made.close()


def at_share(instants: Sequence[float], share: float, of: int) -> float:
    """Return the instant at which this share of `of` was reached; infinite if it never was."""
    needed = max(1, round(of * share))
    return instants[needed - 1] if len(instants) >= needed else float("inf")


def p99_ms(prober: Seen, start: float, end: float) -> float:
    """Return the p99 of the requests in `[start, end)`."""
    took = sorted(line["took_s"] for line in prober.lines if start <= line["asked"] < end)
    return 1000 * took[len(took) * 99 // 100] if took else float("nan")
