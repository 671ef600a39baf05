"""Play a capacity provider against a flexibility provider, and print every frame.

    python -m simulated_provider --url https://HOST/oscp/2.0 --token TOKEN --group grid --certificate C.pem --key K.pem

It registers, performs the handshake, limits the group for two hours with a fallback, tightens the first hour, sends invalid
forecasts and a heartbeat, and goes silent. The certificate is for the provider's own server, which the other side calls.
"""

from __future__ import annotations

import argparse
import asyncio
import ssl
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from simulated_provider.forecasts import HOUR, bad_forecasts, block, forecast
from simulated_provider.provider import SimulatedProvider
from simulated_wire.server import serving


async def play(provider: SimulatedProvider, url: str, token: str, group_id: str, wait_s: float) -> None:
    await provider.register(url, token)
    await provider.until(lambda: provider.received["register"])
    await provider.handshake(measurements=("CONTINUOUS",))
    now = datetime.now(UTC).replace(microsecond=0)
    hours = (block(now, 200), block(now + HOUR, 150))
    fallback = block(now, 40, hours=24)
    await provider.forecast(forecast(*hours, group_id=group_id))
    await provider.forecast(forecast(fallback, group_id=group_id, kind="FALLBACK_CONSUMPTION"))
    await provider.forecast(forecast(block(now, 60), group_id=group_id))
    for wrong in bad_forecasts(now).values():
        await provider.forecast(wrong)
    await provider.heartbeat(now + timedelta(seconds=wait_s))
    await asyncio.sleep(2 * wait_s)


async def main(arguments: argparse.Namespace) -> None:
    context = ssl.create_default_context(cafile=arguments.ca)
    async with httpx.AsyncClient(verify=context) as client:
        provider = SimulatedProvider("", client)
        async with serving(provider, arguments.host, arguments.port, arguments.certificate, arguments.key):
            try:
                await play(provider, arguments.url, arguments.token, arguments.group, arguments.wait)
            finally:
                sys.stdout.write(provider.frames.text("frames of OSCP"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="simulated_provider", description="A simulated capacity provider of OSCP 2.0")
    parser.add_argument("--url", required=True, help="base URL of version 2.0 at the flexibility provider")
    parser.add_argument("--token", required=True, help="token agreed for the registration")
    parser.add_argument("--group", default="grid", help="id of the group to limit")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--certificate", type=Path, required=True)
    parser.add_argument("--key", type=Path, required=True)
    parser.add_argument("--ca", type=Path, default=None, help="CA of the flexibility provider's certificate")
    parser.add_argument("--wait", type=float, default=3.0, help="seconds until it counts as offline")
    asyncio.run(main(parser.parse_args()))
