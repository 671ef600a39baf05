"""One client of the live stream: what it still has to receive, within bounds."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from access_policy.application.live.messages import Audience, EndReason

WAITING_MAX: Final = 4 * 1024 * 1024  # bytes for one client; the pieces are shared by all that read the same


class Subscription:
    """`since`: messages up to this position come from the replay, later ones from the live stream."""

    def __init__(self, audience: Audience, since: int) -> None:
        self.audience = audience
        self.since = since
        self.ended: EndReason | None = None
        self._pieces: deque[bytes] = deque()
        self._waiting = 0
        self._woken = asyncio.Event()
        self._over = asyncio.Event()

    @property
    def is_empty(self) -> bool:
        return not self._pieces

    def put(self, piece: bytes) -> None:
        """A reader that is too slow for it is cut off: its last id is where it goes on."""
        if self.ended is not None:
            return
        if self._waiting + len(piece) > WAITING_MAX:
            self._pieces.clear()
            self.end(EndReason.SLOW_READER)
            return
        self._pieces.append(piece)
        self._waiting += len(piece)
        self._woken.set()

    def end(self, reason: EndReason) -> None:
        """Send the waiting messages, then the reason; a reader that was too slow gets only the reason. The first one stays."""
        if self.ended is None:
            self.ended = reason
            self._woken.set()
            self._over.set()

    async def next(self, timeout_s: float) -> bytes | None:
        """The next piece; None after `timeout_s`, or at the end."""
        if not self._pieces and self.ended is None:
            self._woken.clear()
            try:
                async with asyncio.timeout(timeout_s):
                    await self._woken.wait()
            except TimeoutError:
                return None
        if not self._pieces:
            return None
        piece = self._pieces.popleft()
        self._waiting -= len(piece)
        return piece

    async def over(self) -> None:
        """Wait until the service ends the stream."""
        await self._over.wait()
