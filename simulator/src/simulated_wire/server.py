"""The server of a simulated partner. It keeps every frame, and notifies waiting tasks of a new one."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

from simulated_wire.frames import Frame, Frames

Receive = Callable[[], Any]
Send = Callable[[dict[str, Any]], Any]


@dataclass(frozen=True)
class Request:
    """A request. The names of `headers` are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Response:
    status: int
    headers: Mapping[str, str]
    body: bytes = b""


class FramedServer(ABC):
    """An ASGI application that responds with `answer`. `url` is where it is served, without a path; `other` names the
    caller.
    """

    def __init__(self, url: str, other: str) -> None:
        self.url = url
        self.other = other
        self.frames = Frames()
        self._changed = asyncio.Event()

    @abstractmethod
    async def answer(self, request: Request) -> Response:
        """Return the response to one request."""

    async def until(self, is_so: Callable[[], Any], seconds: float = 60) -> None:
        """Wait until `is_so` holds, checked after each request."""
        async with asyncio.timeout(seconds):
            while not is_so():
                self._changed.clear()
                await self._changed.wait()

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        headers = {name.decode().lower(): value.decode("latin-1") for name, value in scope["headers"]}
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        request = Request(scope["method"], scope["path"], headers, body)
        response = await self.answer(request)
        self.frames.add(
            Frame(
                self.other,
                request.method,
                f"{self.url}{request.path}",
                headers,
                body,
                response.status,
                response.headers,
                response.body,
            )
        )
        raw = [(name.encode(), value.encode()) for name, value in response.headers.items()]
        await send({"type": "http.response.start", "status": response.status, "headers": raw})
        await send({"type": "http.response.body", "body": response.body})
        self._changed.set()


@asynccontextmanager
async def serving(app: FramedServer, host: str, port: int, certificate: Path, key: Path) -> AsyncIterator[None]:
    """Serve the application over HTTPS, at an address that is stored in `app.url`."""
    listening = socket.create_server((host, port))
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    app.url = f"https://{host}:{listening.getsockname()[1]}"
    config = uvicorn.Config(app, lifespan="off", log_config=None, ssl_certfile=certificate, ssl_keyfile=key)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server._serve(sockets=[listening]))
    try:
        yield
    finally:
        server.should_exit = True
        with contextlib.suppress(asyncio.CancelledError):
            await task
