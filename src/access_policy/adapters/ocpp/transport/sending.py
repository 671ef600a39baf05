"""Sends frames, and notices a peer that does not read them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from websockets.asyncio.server import ServerConnection


class FrameSender:
    """`on_stall` is called once a frame has waited `timeout_s` for the peer to read."""

    __slots__ = ("_check", "_on_stall", "_sending", "_since", "_timeout_s", "_ws")

    def __init__(self, ws: ServerConnection, timeout_s: float, on_stall: Callable[[], None]) -> None:
        self._ws = ws
        self._timeout_s = timeout_s
        self._on_stall = on_stall
        self._sending = 0
        self._since = 0.0
        self._check: asyncio.TimerHandle | None = None

    async def send(self, frame: bytes) -> None:
        """Waits while the write buffer is full. Raises ConnectionClosed."""
        loop = asyncio.get_running_loop()
        if self._check is None:
            self._check = loop.call_later(self._timeout_s, self._check_stall)
        if self._sending == 0:
            self._since = loop.time()
        self._sending += 1
        try:
            await self._ws.send(frame, text=True)
        finally:
            self._sending -= 1
            self._since = loop.time()

    def stop(self) -> None:
        if self._check is not None:
            self._check.cancel()
            self._check = None

    def _check_stall(self) -> None:
        """Runs at most once in `timeout_s`, and only on a connection that sends."""
        self._check = None
        if self._sending == 0:
            return
        loop = asyncio.get_running_loop()
        remaining_s = self._since + self._timeout_s - loop.time()
        if remaining_s > 0.001:
            self._check = loop.call_later(remaining_s, self._check_stall)
            return
        self._on_stall()
