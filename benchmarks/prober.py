"""One charger that asks repeatedly: `python -m benchmarks.prober URL IDENTITY TAG EVERY_S` writes a line of JSON for each
answer to Authorize (when it was asked, how long it took, the status) until it is stopped. It reconnects whenever necessary.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.typing import Subprotocol

AGAIN_S = 0.05
OCPP16 = Subprotocol("ocpp1.6")


async def main(url: str, identity: str, tag: str, every_s: float) -> None:
    numbers = itertools.count()
    while True:
        try:
            async with connect(f"{url}/{identity}", subprotocols=[OCPP16], compression=None) as ws:
                boot: dict[str, object] = {"chargePointVendor": "bench", "chargePointModel": "bench"}
                await _call(ws, f"boot-{next(numbers)}", "BootNotification", boot)
                while True:
                    await _ask(ws, f"{time.time_ns()}-{next(numbers)}", tag)
                    await asyncio.sleep(every_s)
        except (OSError, TimeoutError, InvalidHandshake, ConnectionClosed):
            await asyncio.sleep(AGAIN_S)


async def _ask(ws: ClientConnection, message_id: str, tag: str) -> None:
    asked, began = time.time(), time.perf_counter()
    answer = await _call(ws, message_id, "Authorize", {"idTag": tag})
    told = {"asked": asked, "took_s": time.perf_counter() - began, "status": answer["idTagInfo"]["status"]}
    print(json.dumps(told), flush=True)


async def _call(
    ws: ClientConnection, message_id: str, action: str, payload: dict[str, object]
) -> dict[str, dict[str, str]]:
    await ws.send(msgspec.json.encode([2, message_id, action, payload]), text=True)
    while True:
        frame = msgspec.json.decode(await ws.recv(decode=False))
        if frame[0] == 2:
            await ws.send(msgspec.json.encode([4, frame[1], "NotSupported", "", {}]), text=True)
        elif frame[1] == message_id:
            answer: dict[str, dict[str, str]] = frame[2]
            return answer


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4])))
