"""Connections to frequently called servers, kept for the next request."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import httpx

from access_policy.adapters.outgoing.handshakes import closing_cut_off_handshakes

KEPT_S: Final = 15.0  # how long a connection is kept without a request
KEPT_MAX: Final = 4  # connections to one server

Server = tuple[str, int]  # the host as the URL names it, and the port


@dataclass(slots=True)
class _Kept:
    context: ssl.SSLContext
    client: httpx.AsyncClient
    users: int = 0
    idle_since: float = 0.0


class KeptConnections:
    """One client for each server, so that a connection whose certificate was checked for one name never serves another.

    A request names its checked address, and uses a kept connection to that address or a new one. It only uses connections made
    with its own TLS context.
    """

    def __init__(self) -> None:
        self._kept: dict[Server, _Kept] = {}

    @asynccontextmanager
    async def client(self, server: Server, context: ssl.SSLContext) -> AsyncIterator[httpx.AsyncClient]:
        """Yield the client for one request."""
        now = asyncio.get_running_loop().time()
        before = self._kept.get(server)
        if before is None or before.context is not context:
            self._kept[server] = _Kept(context, _client(context))
        kept = self._kept[server]
        kept.users += 1
        try:
            if before is not None and before is not kept and not before.users:
                await before.client.aclose()
            await self._end_idle(now)
            yield kept.client
        finally:
            kept.users -= 1
            kept.idle_since = now
            if not kept.users and self._kept.get(server) is not kept:
                await kept.client.aclose()

    async def close(self) -> None:
        """Close all clients. Requests in progress finish first; the last one of a client closes it."""
        for server in list(self._kept):
            await self._end(server)

    async def _end_idle(self, now: float) -> None:
        for server in [each for each, kept in self._kept.items() if not kept.users and kept.idle_since < now - KEPT_S]:
            await self._end(server)

    async def _end(self, server: Server) -> None:
        kept = self._kept.pop(server, None)
        if kept is not None and not kept.users:
            await kept.client.aclose()


def _client(context: ssl.SSLContext) -> httpx.AsyncClient:
    limits = httpx.Limits(max_keepalive_connections=KEPT_MAX, keepalive_expiry=KEPT_S)
    return closing_cut_off_handshakes(httpx.AsyncClient(verify=context, trust_env=False, limits=limits))
