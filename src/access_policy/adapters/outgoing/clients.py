"""HTTP clients for other processes of this service. They live as long as this process."""

from __future__ import annotations

import ssl
from contextlib import AsyncExitStack, ExitStack
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import Final

import httpx

from access_policy.adapters.local_files.sockets import socket_address
from access_policy.adapters.outgoing.handshakes import closing_cut_off_handshakes
from access_policy.adapters.outgoing.trust import Trust

TIMEOUT_S: Final = 60.0
NOT_KEPT: Final = httpx.Limits(max_keepalive_connections=0)


class KeptClients:
    """Keeps clients, but not connections: a peer that closes a kept connection at the same moment would fail a request that
    must not be sent twice. Clients do not keep cookies, which belong to one caller.
    """

    def __init__(self, trust: Trust) -> None:
        self._trust = trust
        self._https: tuple[ssl.SSLContext, httpx.AsyncClient] | None = None
        self._sockets: dict[Path, httpx.AsyncClient] = {}
        self._opened = AsyncExitStack()
        self._directories = ExitStack()

    async def https(self) -> httpx.AsyncClient:
        """Return a client for absolute URLs. When the trusted authorities change, a new client is made; requests of the
        previous one finish.
        """
        context = await self._trust.context()
        if self._https is None or self._https[0] is not context:
            self._https = (context, self._kept(httpx.AsyncHTTPTransport(verify=context, limits=NOT_KEPT)))
        return self._https[1]

    def at_socket(self, path: Path) -> httpx.AsyncClient:
        """Return a client for paths at the process that listens on the socket. Raises `OSError` if the socket's directory does
        not exist.
        """
        if path not in self._sockets:
            address = self._directories.enter_context(socket_address(path))
            bare = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # loads no authorities, because the socket does not use TLS
            transport = httpx.AsyncHTTPTransport(uds=address, verify=bare, limits=NOT_KEPT)
            self._sockets[path] = self._kept(transport, "http://gateway")
        return self._sockets[path]

    async def close(self) -> None:
        self._https = None
        self._sockets.clear()
        await self._opened.aclose()
        self._directories.close()

    def _kept(self, transport: httpx.AsyncHTTPTransport, base_url: str = "") -> httpx.AsyncClient:
        cookies = CookieJar(DefaultCookiePolicy(allowed_domains=()))
        client = httpx.AsyncClient(
            transport=transport, base_url=base_url, cookies=cookies, timeout=TIMEOUT_S, trust_env=False
        )
        self._opened.push_async_callback(client.aclose)
        return closing_cut_off_handshakes(client)
