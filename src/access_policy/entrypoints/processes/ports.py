"""The listeners of a process: the HTTP API and the OCPP server."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from access_policy.adapters.ocpp.transport.connection import ConnectionLimits
from access_policy.adapters.ocpp.transport.server import ServerLimits
from access_policy.adapters.ocpp.transport.tls import TlsFiles, TlsUnusable
from access_policy.settings import Settings

log = logging.getLogger(__name__)

HTTP_STOP_S = 5  # how long requests under way may take when the service stops
RENEWAL_CHECK_S = 60.0


class HttpListener:
    """Serves the application on a socket that is bound before. `run` ends some seconds after `stop`."""

    def __init__(self, app: ASGIApp, listening: socket.socket) -> None:
        self._listening = listening
        self._server = _Uvicorn(
            uvicorn.Config(
                app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=HTTP_STOP_S
            )
        )

    @property
    def port(self) -> int:
        return int(self._listening.getsockname()[1])

    async def run(self) -> None:
        await self._server.serve(sockets=[self._listening])

    async def until_started(self) -> None:
        while not self._server.started:  # noqa: ASYNC110  uvicorn has no event for it
            await asyncio.sleep(0.01)

    def stop(self) -> None:
        self._server.should_exit = True


class _Uvicorn(uvicorn.Server):
    """Leaves signals to the service, which stops its parts in order."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def ocpp_limits(settings: Settings) -> ServerLimits:
    return ServerLimits(
        ping_interval_s=settings.ocpp_ping_interval_s or None,
        ping_timeout_s=settings.ocpp_ping_timeout_s,
        messages_per_s=settings.ocpp_messages_per_s,
        messages_burst=settings.ocpp_messages_burst,
        connection=ConnectionLimits(inbox_max=settings.ocpp_messages_waiting),
    )


async def renew_certificate(tls: TlsFiles) -> None:
    """Until cancelled; an unusable new certificate leaves the one before it in use."""
    while True:
        await asyncio.sleep(RENEWAL_CHECK_S)
        try:
            if tls.reload():
                log.info("the certificate for chargers was renewed")
        except TlsUnusable as trouble:
            log.error("the certificate for chargers is not renewed: %s", trouble)
