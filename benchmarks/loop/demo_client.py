"""The demo depot's chargers in a separate process: `python -m benchmarks.loop.demo_client URL`, until it is stopped."""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack

from access_policy.entrypoints.demo.once import all_chargers


async def main(url: str) -> None:
    async with AsyncExitStack() as depot:
        for charger in all_chargers(url).values():
            await depot.enter_async_context(charger)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
