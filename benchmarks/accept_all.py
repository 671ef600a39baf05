"""The rival: a server that accepts everything and records nothing, on the `ocpp` package.

`python -m benchmarks.accept_all PORT validated|inline|skipped [uvloop]`: validation runs as in the package's default (in a
thread pool), on the event loop, or not at all; the event loop is asyncio's or uvloop's.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from datetime import UTC, datetime, timedelta

import ocpp.messages
import uvloop
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call_result
from websockets.asyncio.server import ServerConnection, serve

logging.getLogger("ocpp").setLevel(logging.CRITICAL)


def _now() -> str:
    return datetime.now(UTC).isoformat()


def server_class(skip: bool) -> type[ChargePoint]:
    class AcceptAll(ChargePoint):
        @on("BootNotification", skip_schema_validation=skip)
        async def boot(self, **_: object) -> call_result.BootNotification:
            return call_result.BootNotification(current_time=_now(), interval=300, status="Accepted")

        @on("Authorize", skip_schema_validation=skip)
        async def authorize(self, **_: object) -> call_result.Authorize:
            expiry = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
            return call_result.Authorize(id_tag_info={"status": "Accepted", "expiryDate": expiry})

    return AcceptAll


async def main(port: int, validation: str) -> None:
    ocpp.messages.ASYNC_VALIDATION = validation == "validated"
    cls = server_class(skip=validation == "skipped")

    async def connected(ws: ServerConnection) -> None:
        assert ws.request is not None
        await cls(ws.request.path.rsplit("/", 1)[-1], ws).start()

    async with serve(connected, "127.0.0.1", port, subprotocols=["ocpp1.6"], compression=None) as server:
        await server.serve_forever()


if __name__ == "__main__":
    loop_factory = uvloop.new_event_loop if "uvloop" in sys.argv[3:] else asyncio.new_event_loop
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main(int(sys.argv[1]), sys.argv[2]))
