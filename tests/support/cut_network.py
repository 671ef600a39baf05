"""The network between a browser and the service, which a test cuts and restores."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from access_policy.application.ports.identity import Role
from tests.support.console_pages import ServedDepot


@dataclass
class CutNetwork:
    """Passes connections on to the service. `cut` ends them all and refuses new ones until `restore`."""

    server_port: int
    port: int = 0
    is_cut: bool = False
    open_ones: set[asyncio.StreamWriter] = field(default_factory=set)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[CutNetwork]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            self.cut()
            server.close()

    def cut(self) -> None:
        self.is_cut = True
        for writer in self.open_ones:
            writer.transport.abort()

    def restore(self) -> None:
        self.is_cut = False

    async def _serve(self, from_browser: asyncio.StreamReader, to_browser: asyncio.StreamWriter) -> None:
        if self.is_cut:
            to_browser.transport.abort()
            return
        from_service, to_service = await asyncio.open_connection("127.0.0.1", self.server_port)
        both = {to_browser, to_service}
        self.open_ones |= both
        ways = [
            asyncio.ensure_future(_pass_on(from_browser, to_service)),
            asyncio.ensure_future(_pass_on(from_service, to_browser)),
        ]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        for writer in both:
            writer.transport.abort()
        self.open_ones -= both


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()


@dataclass
class BehindNetwork(ServedDepot):
    """The same depot, whose browsers come through that network."""

    network: CutNetwork | None = None

    @property
    def url(self) -> str:
        assert self.network is not None
        return f"http://127.0.0.1:{self.network.port}"

    async def sign_in_link(self, role: Role = Role.ADMIN, **who: Any) -> str:
        return (await super().sign_in_link(role, **who)).replace(super().url, self.url)
