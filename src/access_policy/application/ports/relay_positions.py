"""The relay's records: its position in the log, the held streams, and the lease of the process that publishes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from access_policy.application.ports.event_store import StreamId


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldStream:
    """A stream whose events from `version` on are not published yet, because the bus did not accept that one. The relay
    has skipped the events up to `passed`. `tries` counts from 1; it is 0 for a long run of events that is published
    separately. The next try is due at `try_again_at`."""

    stream: StreamId
    version: int
    passed: int
    reason: str
    tries: int
    try_again_at: datetime


class RelayPositions(Protocol):
    """All methods are atomic and durable, and raise `StoreUnavailable`. Several relays may use them concurrently."""

    async def acquire_lease(self, holder: str, *, now: datetime, lasts: timedelta) -> bool:
        """Acquire or extend the lease to publish until `now + lasts`. Return False while another relay holds it.

        The lease saves work; it is not a fence. Two relays that publish at once only publish events twice.
        """
        ...

    async def release_lease(self, holder: str) -> None:
        """Release the lease, so that another relay may start at once."""
        ...

    async def position(self) -> int:
        """Return the position up to which each event is published or its stream is held; 0 at first."""
        ...

    async def advance(self, position: int, held: Sequence[HeldStream] = ()) -> None:
        """Record that each event up to `position` is published or its stream is held. A position before the current one
        changes nothing. A stream that is already held keeps its version, and its `passed` grows."""
        ...

    async def held(self) -> list[HeldStream]:
        """Return all held streams, in the order of their next try."""
        ...

    async def hold_longer(self, held: HeldStream) -> None:
        """Change the version or the next try of a held stream."""
        ...

    async def release(self, stream: StreamId, *, published_to: int) -> bool:
        """Stop holding the stream. Return False without a change if events after `published_to` have been skipped."""
        ...

    async def close(self) -> None: ...
