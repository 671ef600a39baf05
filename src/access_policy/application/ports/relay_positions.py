"""What a relay remembers: how far it came, which streams are held back, and which process is at it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from access_policy.application.ports.event_store import StreamId


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldStream:
    """A stream whose events from `version` on are not published yet, because that one was not taken; those up to `passed` have
    been passed over for it so far. `tries` counts from 1, and is 0 for a long run of events that is published by itself; it is
    tried again from `try_again_at` on."""

    stream: StreamId
    version: int
    passed: int
    reason: str
    tries: int
    try_again_at: datetime


class RelayPositions(Protocol):
    """All methods are atomic and durable, and raise `StoreUnavailable`. Several relays may use one at a time."""

    async def claim(self, holder: str, *, now: datetime, lasts: timedelta) -> bool:
        """Make `holder` the one relay that publishes, or go on being it, until `now + lasts`. False while another one is.
        It saves work and is no fence: what two relays do at a time is done twice and harms nothing."""
        ...

    async def release(self, holder: str) -> None:
        """Let another relay begin at once."""
        ...

    async def position(self) -> int:
        """Everything up to there is published, or its stream is held; 0 at first."""
        ...

    async def advance(self, position: int, held: Sequence[HeldStream] = ()) -> None:
        """Everything up to `position` is dealt with, `held` among it. A position behind the current one changes nothing; a
        stream that is held already stays so from its own version on, and more of it has been passed over."""
        ...

    async def held(self) -> list[HeldStream]:
        """All held streams, those to be tried first in front."""
        ...

    async def hold_longer(self, held: HeldStream) -> None:
        """Of a stream that is held: from another version on, or for another time."""
        ...

    async def let_go(self, stream: StreamId, *, published_to: int) -> bool:
        """It is held no longer. False, and nothing changes, where later events than `published_to` have been passed over."""
        ...

    async def close(self) -> None: ...
