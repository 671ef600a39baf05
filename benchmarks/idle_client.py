"""Chargers that connect, boot, answer every CALL with an error, and send nothing of their own. `python -m
benchmarks.idle_client URL CHARGERS` prints a line once they are connected and the server sends no more CALLs.
"""

from __future__ import annotations

import asyncio
import sys

import msgspec
from websockets.asyncio.client import ClientConnection, connect

SETTLED_S = 8.0  # for whatever the server does after a boot


async def main(url: str, chargers: int) -> None:
    async with asyncio.TaskGroup() as answering:
        for number in range(chargers):
            answering.create_task(_answer(await _booted(f"{url}/CP{number:04d}")))
        await asyncio.sleep(SETTLED_S)
        print(chargers, flush=True)


async def _answer(ws: ClientConnection) -> None:
    while True:
        frame = msgspec.json.decode(await ws.recv(decode=False))
        if frame[0] == 2:
            await ws.send(msgspec.json.encode([4, frame[1], "NotSupported", "", {}]), text=True)


async def _booted(url: str) -> ClientConnection:
    ws = await connect(url, subprotocols=["ocpp1.6"], compression=None, ping_interval=None)
    boot = {"chargePointVendor": "bench", "chargePointModel": "bench"}
    await ws.send(msgspec.json.encode([2, "boot", "BootNotification", boot]), text=True)
    await ws.recv()
    return ws


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
