"""The load: simulated chargers in a process of their own, each sending Authorize and waiting for the answer.

`python -m benchmarks.load_client URL CONNECTIONS IN_FLIGHT SECONDS` prints one JSON line. Plain `websockets` and `msgspec`,
so that it costs the servers under test as little of the machine as possible; the same client drives every one of them.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
import time

import msgspec
from websockets.asyncio.client import ClientConnection, connect

_encode = msgspec.json.encode
_decode = msgspec.json.decode
KNOWN_TAGS = 1_000
RUN = secrets.token_hex(4)  # message ids of two runs differ, as those of two attempts do


def tag(number: int) -> str:
    return f"04{number % KNOWN_TAGS:012X}"


async def main(url: str, connections: int, in_flight: int, seconds: float) -> None:
    sockets = [
        await connect(f"{url}/CP{n:04d}", subprotocols=["ocpp1.6"], compression=None) for n in range(connections)
    ]
    boot = {"chargePointVendor": "bench", "chargePointModel": "bench"}
    await asyncio.gather(*(_call(ws, "boot", "BootNotification", boot) for ws in sockets))
    await asyncio.sleep(1.0)  # whatever the server wants to do after a boot
    latencies: list[float] = []
    until = time.perf_counter() + seconds
    begin = time.perf_counter()
    await asyncio.gather(*(_drive(sockets[n::in_flight], n, until, latencies) for n in range(in_flight)))
    spent = time.perf_counter() - begin
    latencies.sort()
    print(
        json.dumps(
            {
                "per_second": len(latencies) / spent,
                "p50_ms": 1000 * latencies[len(latencies) // 2],
                "p99_ms": 1000 * latencies[int(len(latencies) * 0.99)],
                "count": len(latencies),
            }
        )
    )
    await asyncio.gather(*(ws.close() for ws in sockets))


async def _drive(sockets: list[ClientConnection], worker: int, until: float, latencies: list[float]) -> None:
    count = 0
    while time.perf_counter() < until:
        ws = sockets[count % len(sockets)]
        begin = time.perf_counter()
        answer = await _call(ws, f"{RUN}-{worker}-{count}", "Authorize", {"idTag": tag(worker * 7919 + count)})
        latencies.append(time.perf_counter() - begin)
        if answer["idTagInfo"]["status"] != "Accepted":
            raise SystemExit(f"refused: {answer}")
        count += 1


async def _call(
    ws: ClientConnection, message_id: str, action: str, payload: dict[str, object]
) -> dict[str, dict[str, str]]:
    """Sends a CALL and returns the payload of its answer; CALLs of the server are answered as not supported."""
    await ws.send(_encode([2, message_id, action, payload]), text=True)
    while True:
        frame = _decode(await ws.recv(decode=False))
        if frame[0] == 2:
            await ws.send(_encode([4, frame[1], "NotSupported", "", {}]), text=True)
        elif frame[0] == 3 and frame[1] == message_id:
            return frame[2]
        else:
            raise SystemExit(f"unexpected answer {frame}")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])))
