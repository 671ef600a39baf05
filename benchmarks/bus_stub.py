"""A bus that accepts every entry of PutEvents after some milliseconds and keeps none: the cost of waiting for a bus, without
its work.

`python -m benchmarks.bus_stub DELAY` prints its port and serves until it is ended.
"""

from __future__ import annotations

import asyncio
import json
import sys

from aiohttp import web


async def main(delay_s: float) -> None:
    async def take(request: web.Request) -> web.Response:
        entries = json.loads(await request.read())["Entries"]
        await asyncio.sleep(delay_s)
        answer = {"FailedEntryCount": 0, "Entries": [{"EventId": str(number)} for number in range(len(entries))]}
        return web.json_response(answer, content_type="application/x-amz-json-1.1")

    app = web.Application(client_max_size=4 << 20)
    app.router.add_post("/", take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]) / 1000))
