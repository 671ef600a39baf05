"""A TCP proxy before a PostgreSQL server that cuts connections at the worst moments."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from enum import Enum

COMMITTED = b"C\x00\x00\x00\x0bCOMMIT\x00"  # the server's CommandComplete for COMMIT
CHUNK = 65_536


class Cut(Enum):
    BEFORE = "before the server hears of it"
    AFTER = "after the server's COMMIT, before the client hears of it"


class CuttingProxy:
    """`next_cut` is done once, and counted in `cuts` when it really happened."""

    def __init__(self, port: int) -> None:
        self._server_port = port
        self.next_cut: Cut | None = None
        self.cuts: Counter[Cut] = Counter()
        self.port = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[CuttingProxy]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()

    async def _serve(self, from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_connection("127.0.0.1", self._server_port)
        ways = [
            asyncio.ensure_future(_pass_on(from_client, to_server, lambda data: self._cuts(Cut.BEFORE, at=True))),
            asyncio.ensure_future(
                _pass_on(from_server, to_client, lambda data: self._cuts(Cut.AFTER, at=COMMITTED in data))
            ),
        ]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        for writer in (to_client, to_server):
            writer.transport.abort()

    def _cuts(self, moment: Cut, *, at: bool) -> bool:
        if self.next_cut is not moment or not at:
            return False
        self.cuts[moment] += 1
        self.next_cut = None
        return True


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, cuts: Callable[[bytes], bool]) -> None:
    with suppress(ConnectionError):
        while (data := await reader.read(CHUNK)) and not cuts(data):
            writer.write(data)
            await writer.drain()
