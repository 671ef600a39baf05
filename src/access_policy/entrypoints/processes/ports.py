"""The listeners of a process: the HTTP API and the OCPP server."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Iterator, Sequence
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from access_policy.adapters.local_files.tls_files import TlsFiles, TlsUnusable
from access_policy.adapters.ocpp.transport.connection import ConnectionLimits
from access_policy.adapters.ocpp.transport.server import ServerLimits
from access_policy.entrypoints.processes.cut_off_requests import CutOffRequests
from access_policy.settings import Settings

log = logging.getLogger(__name__)

HTTP_STOP_S = 5  # how long requests under way may take after the service begins to stop
RENEWAL_CHECK_S = 60.0


class HttpListener:
    """Serves the application on a socket that is already bound. `run` ends some seconds after `stop`.

    `trusted_proxies`: networks and addresses whose `X-Forwarded-For` and `X-Forwarded-Proto` are trusted; only `*`:
    all.
    """

    def __init__(
        self,
        app: ASGIApp,
        listening: socket.socket,
        *,
        trusted_proxies: Sequence[str],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._listening = listening
        config = uvicorn.Config(
            CutOffRequests(_behind(trusted_proxies, app) if trusted_proxies else app),
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=HTTP_STOP_S,
            proxy_headers=False,  # uvicorn's own trusts every local process
        )
        config.load()
        config.ssl = tls
        self._server = _Uvicorn(config)

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


def _behind(proxies: Sequence[str], app: ASGIApp) -> ASGIApp:
    believing: Any = ProxyHeadersMiddleware(cast("Any", app), list(proxies))  # its types name each message of ASGI
    return cast("ASGIApp", believing)


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


async def renew_certificate(tls: TlsFiles, whose: str) -> None:
    """Reload renewed files until cancelled. If new files are unusable, the previous ones stay in use. `whose`: for the
    log."""
    while True:
        await asyncio.sleep(RENEWAL_CHECK_S)
        try:
            if await asyncio.to_thread(tls.reload):
                log.info("the certificate %s was renewed", whose)
        except TlsUnusable as trouble:
            log.error("the certificate %s is not renewed: %s", whose, trouble)
