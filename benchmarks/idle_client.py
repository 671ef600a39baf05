"""Chargers that connect, boot and are silent: `python -m benchmarks.idle_client URL CHARGERS` says when they are there."""

from __future__ import annotations

import asyncio
import sys

import msgspec
from websockets.asyncio.client import ClientConnection, connect


async def main(url: str, chargers: int) -> None:
    sockets = [await _booted(f"{url}/CP{number:04d}") for number in range(chargers)]
    await asyncio.sleep(3)  # whatever the server wants to do after a boot
    print(len(sockets), flush=True)
    await asyncio.sleep(3600)


async def _booted(url: str) -> ClientConnection:
    ws = await connect(url, subprotocols=["ocpp1.6"], compression=None, ping_interval=None)
    boot = {"chargePointVendor": "bench", "chargePointModel": "bench"}
    await ws.send(msgspec.json.encode([2, "boot", "BootNotification", boot]), text=True)
    await ws.recv()
    return ws


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
