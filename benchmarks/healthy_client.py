"""Well-behaved chargers: `python -m benchmarks.healthy_client URL CHARGERS SECONDS` connects and boots them, and prints
`ready`. Each then sends Authorize every `EVERY_S` and waits for the answer. At the end it prints one JSON line of figures in
milliseconds.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
import time

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from benchmarks.load_client import _call, tag

EVERY_S = 0.5
OCPP16 = Subprotocol("ocpp1.6")
RUN = secrets.token_hex(4)


async def main(url: str, chargers: int, seconds: float) -> None:
    sockets = [
        await connect(f"{url}/CP{number:04d}", subprotocols=[OCPP16], compression=None) for number in range(chargers)
    ]
    boot: dict[str, object] = {"chargePointVendor": "bench", "chargePointModel": "bench"}
    await asyncio.gather(*(_call(ws, "boot", "BootNotification", boot) for ws in sockets))
    print("ready", flush=True)
    took_s: list[float] = []
    until = time.perf_counter() + seconds
    await asyncio.gather(*(_ask(ws, number, until, took_s) for number, ws in enumerate(sockets)))
    took_s.sort()
    milliseconds = {
        "count": len(took_s),
        "p50": 1000 * took_s[len(took_s) // 2],
        "p99": 1000 * took_s[int(len(took_s) * 0.99)],
        "longest": 1000 * took_s[-1],
    }
    print(json.dumps(milliseconds), flush=True)


async def _ask(ws: ClientConnection, number: int, until: float, took_s: list[float]) -> None:
    count = 0
    await asyncio.sleep(EVERY_S * (number % 50) / 50)
    while time.perf_counter() < until:
        began = time.perf_counter()
        await _call(ws, f"{RUN}-{number}-{count}", "Authorize", {"idTag": tag(number * 7919 + count)})
        took_s.append(time.perf_counter() - began)
        count += 1
        await asyncio.sleep(EVERY_S)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
