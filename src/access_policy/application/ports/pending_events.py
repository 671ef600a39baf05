"""Events of changed records on their way into the log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from access_policy.application.ports.event_store import NewEvent, StreamId


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingEvent:
    """`event` will be appended to the end of `stream`. `number` orders the pending events; 0 before it is stored."""

    stream: StreamId
    event: NewEvent
    number: int = 0


class PendingEvents(Protocol):
    """The events that a store of records writes in the transactions of its changes. All methods are atomic and durable,
    and raise `StoreUnavailable`."""

    async def oldest(self, limit: int, stream: StreamId | None = None) -> Sequence[PendingEvent]:
        """Return the oldest events of the stream, or of all streams, in the order of the changes."""
        ...

    async def forget(self, number: int) -> None:
        """Delete the event, which is in the log now."""
        ...
