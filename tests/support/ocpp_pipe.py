"""A WebSocket in memory: the peer's end is `say` and `heard`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from websockets.exceptions import ConnectionClosedOK

_CLOSED = object()


class Pipe:
    """Stands in for a websockets ServerConnection: what `ChargerConnection` uses of it, and nothing more."""

    def __init__(self) -> None:
        self.heard: list[list[Any]] = []
        self.closed_with: tuple[int, str] | None = None
        self.was_aborted = False
        self.peer_reads = asyncio.Event()
        self.peer_reads.set()
        self.transport = self
        self.is_closed = False
        self._frames: asyncio.Queue[Any] = asyncio.Queue()

    # the peer's end

    def say(self, frame: Any) -> None:
        """Bytes as they are, anything else as JSON."""
        self._frames.put_nowait(frame if isinstance(frame, bytes) else json.dumps(frame).encode())

    def hang_up(self) -> None:
        self.is_closed = True
        self.peer_reads.set()
        self._frames.put_nowait(_CLOSED)

    @property
    def unread(self) -> int:
        return self._frames.qsize()

    # the server's end

    async def recv(self, *, decode: bool) -> bytes:
        assert decode is False
        frame = await self._frames.get()
        if frame is _CLOSED:
            self._frames.put_nowait(_CLOSED)
            raise ConnectionClosedOK(None, None)
        return frame

    async def send(self, frame: bytes, *, text: bool) -> None:
        assert text is True
        await self.peer_reads.wait()
        if self.is_closed:
            raise ConnectionClosedOK(None, None)
        self.heard.append(json.loads(frame))

    async def close(self, code: int, reason: str) -> None:
        self.closed_with = (int(code), reason)
        self.hang_up()

    def abort(self) -> None:
        self.was_aborted = True
        self.hang_up()


async def until(condition: Callable[[], object], deadline_s: float = 5.0) -> None:
    """Waits for a condition; fails the test when it does not come true in time."""
    async with asyncio.timeout(deadline_s):
        while not condition():  # noqa: ASYNC110  whatever is waited for has no event of its own
            await asyncio.sleep(0.001)
