"""One client of the live stream: the messages that it still has to receive, within bounds."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from access_policy.application.live.messages import Audience, EndReason
from access_policy.application.live.pieces import Piece

WAITING_MAX: Final = 4 * 1024 * 1024  # bytes for one client; clients with the same audience share the pieces


class Subscription:
    """`since`: messages up to this position come from the replay, later ones from the live stream. `floor`: the client
    already has everything up to this position, from a process that has followed the log further than this one."""

    def __init__(self, audience: Audience, since: int, floor: int) -> None:
        self.audience = audience
        self.since = since
        self.floor = floor
        self.ended: EndReason | None = None
        self._pieces: deque[Piece] = deque()
        self._waiting = 0
        self._woken = asyncio.Event()
        self._over = asyncio.Event()

    @property
    def is_empty(self) -> bool:
        return not self._pieces

    def put(self, piece: Piece) -> None:
        """Queue the piece. A reader that is too slow is disconnected, and resumes from its last id."""
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
        """End the stream: send the waiting messages, then the reason; a reader that was too slow gets only the reason.
        The first reason counts."""
        if self.ended is None:
            self.ended = reason
            self._woken.set()
            self._over.set()

    async def next(self) -> list[Piece]:
        """Return all waiting pieces, at least one; none at the end."""
        if not self._pieces and self.ended is None:
            self._woken.clear()
            await self._woken.wait()
        pieces = list(self._pieces)
        self._pieces.clear()
        self._waiting = 0
        return pieces

    async def over(self) -> None:
        """Wait until the service ends the stream."""
        await self._over.wait()
