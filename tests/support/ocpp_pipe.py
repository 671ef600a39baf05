"""A WebSocket in memory: the peer's end is `say` and `heard`."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable
from typing import Any


class Pipe:
    """Stands in for a `BoundedConnection`: what `ChargerConnection` uses of it, and nothing more."""

    def __init__(self) -> None:
        self.heard: list[list[Any]] = []
        self.closed_with: tuple[int, str] | None = None
        self.was_aborted = False
        self.transport = self
        self.is_closed = False
        self._closed = asyncio.Event()
        self._unread: deque[bytes] = deque()
        self._receive: Callable[[bytes], None] | None = None
        self._is_held = False
        self._is_delivering = False

    # the peer's end

    def say(self, frame: Any) -> None:
        """Bytes as they are, anything else as JSON."""
        self._unread.append(frame if isinstance(frame, bytes) else json.dumps(frame).encode())
        self._pump()

    def hang_up(self) -> None:
        self.is_closed = True
        self._closed.set()

    @property
    def unread(self) -> int:
        return len(self._unread)

    # the server's end

    def deliver(self, receive: Callable[[bytes], None]) -> None:
        self._receive = receive
        self._pump()

    def hold(self) -> None:
        self._is_held = True

    def proceed(self) -> None:
        self._is_held = False
        self._pump()

    def write(self, frame: bytes) -> bool:
        if not self.is_closed:
            self.heard.append(json.loads(frame))
        return not self.is_closed

    async def wait_closed(self) -> None:
        await self._closed.wait()

    async def close(self, code: int, reason: str) -> None:
        self.closed_with = (int(code), reason)
        self.hang_up()

    def abort(self) -> None:
        self.was_aborted = True
        self.hang_up()

    def _pump(self) -> None:
        if self._receive is None or self._is_delivering:
            return
        self._is_delivering = True
        while self._unread and not self._is_held and not self.is_closed:
            self._receive(self._unread.popleft())
        self._is_delivering = False


async def until(condition: Callable[[], object], deadline_s: float = 5.0) -> None:
    """Waits for a condition; fails the test when it does not come true in time."""
    async with asyncio.timeout(deadline_s):
        while not condition():  # noqa: ASYNC110  whatever is waited for has no event of its own
            await asyncio.sleep(0.001)
