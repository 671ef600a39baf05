"""The channel from the office to the gateway: the gateway's HTTP application on a unix socket in the data directory.

Only the owner of the directory can connect. Besides the API it serves the gateway's readiness and metrics.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from access_policy.adapters.outgoing.clients import KeptClients

log = logging.getLogger(__name__)

ANSWER_WITHIN_S: Final = 1.0
READY_PATH: Final = "/process/ready"
METRICS_PATH: Final = "/process/metrics"


def gateway_app(
    api: ASGIApp,
    readiness: Callable[[], Awaitable[dict[str, bool]]],
    metrics: Callable[[], Awaitable[bytes]],
) -> ASGIApp:
    """Return the application that the gateway serves to the office."""

    async def ready(_: Request) -> Response:
        return Response(status_code=200 if all((await readiness()).values()) else 503)

    async def measured(_: Request) -> Response:
        return Response(await metrics(), media_type="text/plain")

    return Starlette(routes=[Route(READY_PATH, ready), Route(METRICS_PATH, measured), Mount("/", api)])


class GatewayChannel:
    """The office's end of the channel. A gateway that does not respond within `ANSWER_WITHIN_S` counts as down."""

    def __init__(self, path: Path, clients: KeptClients) -> None:
        self.path = path
        self._clients = clients

    async def is_ready(self) -> bool:
        answer = await self._get(READY_PATH)
        return answer is not None and answer.is_success

    async def metrics(self) -> bytes:
        """Return the gateway's metrics; empty if it is down."""
        answer = await self._get(METRICS_PATH)
        return answer.content if answer is not None and answer.is_success else b""

    async def _get(self, path: str) -> httpx.Response | None:
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                return await self._clients.at_socket(self.path).get(path)
        except (httpx.HTTPError, OSError, TimeoutError) as trouble:
            log.warning("the gateway process is not responding: %r", trouble)
            return None
