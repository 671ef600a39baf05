"""A web server that answers each path with a fixed status and body."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager


@asynccontextmanager
async def static_site(pages: Mapping[str, tuple[int, str]]) -> AsyncIterator[str]:
    """Yield its URL. `{url}` in a body stands for it; a path that is not in `pages` is 404."""
    url = ""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
        status, body = pages.get(path, (404, "nothing here"))
        sent = body.replace("{url}", url).encode()
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(sent)}\r\nConnection: close\r\n\r\n".encode() + sent)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield url
