"""A response that follows the live stream: server-sent events (HTML Standard 9.2) until one side ends it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from fastapi.responses import Response
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from access_policy.application.live.hub import LiveHub
from access_policy.application.live.messages import Audience, EndReason, beginning, end
from access_policy.application.live.pieces import Deflated, Piece, Plain
from access_policy.application.live.subscription import Subscription
from access_policy.application.ports.event_store import StoreUnavailable

log = logging.getLogger(__name__)

CHECKED_EVERY_S: Final = 15.0  # how often to check that the caller may still read
GRACE_S: Final = 5.0  # to send the reason of the end, before the connection is closed without it
HEADERS: Final = {
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",
    "Vary": "Accept-Encoding",
}  # the second is nginx's

Objection = Callable[[], Awaitable[EndReason | None]]


class EventStream(Response):
    """A stream of events. `objection` returns why the caller may no longer read; None while it may. Without `follow`
    the stream ends after the replay."""

    media_type = "text/event-stream"

    def __init__(
        self, hub: LiveHub, audience: Audience, after: int | None, objection: Objection, *, follow: bool = True
    ) -> None:
        super().__init__(headers=HEADERS)
        del self.headers["content-length"]
        self._hub = hub
        self._audience = audience
        self._after = after
        self._objection = objection
        self._follow = follow

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send events until the client disconnects, the stream ends, or the reason of its end cannot be sent within
        `GRACE_S`."""
        is_packed = "deflate" in Headers(scope=scope).get("Accept-Encoding", "")
        if is_packed:
            self.headers["Content-Encoding"] = "deflate"
        wire = _Wire(send, Deflated() if is_packed else Plain())
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await wire.send(beginning())
        try:
            subscription = await self._hub.subscribe(self._audience, self._after)
        except StoreUnavailable:
            await wire.close(end(EndReason.UNAVAILABLE))
            return
        writing = asyncio.create_task(self._write(wire, subscription))
        leaving = asyncio.create_task(_client_left(receive))
        over = asyncio.create_task(subscription.over())
        watching = asyncio.create_task(self._watch(subscription))
        tasks = (writing, leaving, over, watching)
        try:
            await asyncio.wait((writing, leaving, over), return_when=asyncio.FIRST_COMPLETED)
            if not leaving.done():
                await asyncio.wait((writing, leaving), timeout=GRACE_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._hub.leave(subscription)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if writing.done() and not writing.cancelled() and (failure := writing.exception()) is not None:
            raise failure

    async def _write(self, wire: _Wire, subscription: Subscription) -> None:
        try:
            await wire.send(await self._hub.replay(subscription, self._after))
        except StoreUnavailable as trouble:
            log.warning("ending a live stream, because past events cannot be read: %s", trouble)
            subscription.end(EndReason.UNAVAILABLE)
        if not self._follow:
            await wire.close()
            return
        while pieces := await subscription.next():
            await wire.send(*pieces)
        await wire.close(end(subscription.ended or EndReason.UNAVAILABLE))

    async def _watch(self, subscription: Subscription) -> None:
        while True:
            await asyncio.sleep(CHECKED_EVERY_S)
            try:
                objection = await self._objection()
            except StoreUnavailable as trouble:
                log.warning("cannot tell whether a live stream's caller may still read: %s", trouble)
                continue
            if objection is not None:
                subscription.end(objection)
                return


class _Wire:
    """Sends pieces to one client, in an encoding that it accepts."""

    def __init__(self, send: Send, encoding: Deflated | Plain) -> None:
        self._send = send
        self._encoding = encoding

    async def send(self, *parts: Piece | bytes) -> None:
        await self._send({"type": "http.response.body", "body": self._encoded(parts), "more_body": True})

    async def close(self, *parts: bytes) -> None:
        body = self._encoded(parts) + self._encoding.end()
        await self._send({"type": "http.response.body", "body": body, "more_body": False})

    def _encoded(self, parts: Sequence[Piece | bytes]) -> bytes:
        return self._encoding.of([each if isinstance(each, Piece) else Piece(each) for each in parts])


async def _client_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
