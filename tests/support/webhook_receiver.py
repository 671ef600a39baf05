"""A real HTTPS server that receives webhooks, verifies their signatures with `standardwebhooks`, and answers as it is told."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tests.support.certificates import Files

HOST = "hooks.example"


@dataclass(frozen=True)
class Received:
    headers: Mapping[str, str]
    body: bytes
    path: str = ""
    connection: int = 0  # the port of its other end

    @property
    def event_id(self) -> str:
        return self.headers["webhook-id"]


Answer = Callable[[Received], Awaitable[Response]]


async def taken(_: Received) -> Response:
    return Response(status_code=204)


def status(code: int, **headers: str) -> Answer:
    async def answer(_: Received) -> Response:
        return Response("no", code, headers)

    return answer


@dataclass
class WebhookReceiver:
    """`received` are all requests, as soon as their body is complete; `accepted` those answered with 2xx."""

    port: int
    answer: Answer = taken
    received: list[Received] = field(default_factory=list)
    accepted: list[Received] = field(default_factory=list)
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def url(self, host: str = "127.0.0.1", path: str = "/hook") -> str:
        return f"https://{host}:{self.port}{path}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        got = Received(dict(request.headers), await request.body(), request.url.path, scope["client"][1])
        self.received.append(got)
        self._arrived.set()
        response = await self.answer(got)
        if response.status_code < 300:
            self.accepted.append(got)
        self._arrived.set()
        await response(scope, receive, send)

    async def until(self, is_so: Callable[[], Any], seconds: float = 60) -> None:
        async with asyncio.timeout(seconds):
            while not is_so():
                self._arrived.clear()
                await self._arrived.wait()


@asynccontextmanager
async def webhook_receiver(certificate: Files, answer: Answer = taken) -> AsyncIterator[WebhookReceiver]:
    with socket.socket(proto=socket.IPPROTO_TCP) as listening:
        listening.bind(("127.0.0.1", 0))
        made = WebhookReceiver(listening.getsockname()[1], answer)
        config = uvicorn.Config(
            made,
            ssl_certfile=certificate.certificate,
            ssl_keyfile=certificate.key,
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=0,
        )
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server._serve(sockets=[listening]))
        try:
            while not server.started:  # noqa: ASYNC110  it tells nobody
                await asyncio.sleep(0.01)
            yield made
        finally:
            server.should_exit = True
            with contextlib.suppress(asyncio.CancelledError):
                await serving
