"""The load: simulated chargers in a separate process, each sending Authorize and waiting for the answer.

Prints one JSON line. With `--per-second` the attempts follow a schedule, and a latency counts from the planned instant; without
it, each answer is followed by the next attempt at once. With `--server-pid` the line includes the server's processor time per
attempt. It uses plain `websockets` and `msgspec`, so that the client uses as little of the machine as possible. The same client
drives all servers.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import time
from dataclasses import dataclass

import msgspec
import uvloop
from websockets.asyncio.client import ClientConnection, connect

_encode = msgspec.json.encode
_decode = msgspec.json.decode
KNOWN_TAGS = 1_000
RUN = secrets.token_hex(4)  # message ids differ between runs, and between attempts


def tag(number: int) -> str:
    return f"04{number % KNOWN_TAGS:012X}"


async def main(asked: argparse.Namespace) -> None:
    sockets = [
        await connect(f"{asked.url}/CP{n:04d}", subprotocols=["ocpp1.6"], compression=None)
        for n in range(asked.connections)
    ]
    boot = {"chargePointVendor": "bench", "chargePointModel": "bench"}
    await asyncio.gather(*(_call(ws, "boot", "BootNotification", boot) for ws in sockets))
    await asyncio.sleep(asked.settle)
    latencies: list[float] = []
    cpu_begin = 0.0 if asked.server_pid is None else _cpu_s(asked.server_pid)
    begin = time.perf_counter()
    load = _Load(begin, begin + asked.seconds, asked.in_flight, asked.per_second)
    await asyncio.gather(*(_drive(sockets[n :: asked.in_flight], n, load, latencies) for n in range(asked.in_flight)))
    spent = time.perf_counter() - begin
    cpu_s = 0.0 if asked.server_pid is None else _cpu_s(asked.server_pid) - cpu_begin
    latencies.sort()
    print(
        json.dumps(
            {
                "per_second": len(latencies) / spent,
                "p50_ms": 1000 * latencies[len(latencies) // 2],
                "p99_ms": 1000 * latencies[int(len(latencies) * 0.99)],
                "cpu_us": 1_000_000 * cpu_s / len(latencies),
            }
        )
    )
    await asyncio.gather(*(ws.close() for ws in sockets))


@dataclass(frozen=True)
class _Load:
    begin: float
    until: float
    in_flight: int
    per_second: float | None

    def planned(self, worker: int, count: int) -> float | None:
        """Return when the worker's attempt is due; None for at once."""
        return None if self.per_second is None else self.begin + (count * self.in_flight + worker) / self.per_second


async def _drive(sockets: list[ClientConnection], worker: int, load: _Load, latencies: list[float]) -> None:
    count = 0
    while (begin := time.perf_counter()) < load.until:
        if (planned := load.planned(worker, count)) is not None:
            await asyncio.sleep(planned - begin)
            begin = planned
        ws = sockets[count % len(sockets)]
        answer = await _call(ws, f"{RUN}-{worker}-{count}", "Authorize", {"idTag": tag(worker * 7919 + count)})
        latencies.append(time.perf_counter() - begin)
        if answer["idTagInfo"]["status"] != "Accepted":
            raise SystemExit(f"refused: {answer}")
        count += 1


async def _call(
    ws: ClientConnection, message_id: str, action: str, payload: dict[str, object]
) -> dict[str, dict[str, str]]:
    """Send a CALL and return the payload of its answer; CALLs of the server are answered as not supported."""
    await ws.send(_encode([2, message_id, action, payload]), text=True)
    while True:
        frame = _decode(await ws.recv(decode=False))
        if frame[0] == 2:
            await ws.send(_encode([4, frame[1], "NotSupported", "", {}]), text=True)
        elif frame[0] == 3 and frame[1] == message_id:
            return frame[2]
        else:
            raise SystemExit(f"unexpected answer {frame}")


def _cpu_s(pid: int) -> float:
    """Return the processor time of the process so far, user and system."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--connections", type=int, required=True)
    parser.add_argument("--in-flight", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--settle", type=float, default=2.0, help="seconds for what the server does after the boots")
    parser.add_argument("--per-second", type=float)
    parser.add_argument("--server-pid", type=int)
    return parser.parse_args()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(_arguments()))
