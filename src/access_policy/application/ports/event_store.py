"""The event store: versioned streams of events, and one log of all events in the order of their commit."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NewType, Protocol

from access_policy.domain.ids import ActorId, TenantId
from access_policy.domain.values import cheap_dataclass

StreamId = NewType("StreamId", str)


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The request that caused an event: the caller's network address, the API operation, and the idempotency key."""

    address: str
    operation: str
    idempotency_key: str | None = None


@cheap_dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """The metadata of an event. `event_id` is unique and the deduplication key of all consumers; `occurred_at` is when
    the event happened, `recorded_at` when the service recorded it, `traceparent` (W3C Trace Context) the span that
    recorded it. `origin` is None for an event that no request caused."""

    event_id: str
    tenant_id: TenantId
    occurred_at: datetime
    recorded_at: datetime
    actor: ActorId
    correlation_id: str
    causation_id: str | None = None
    traceparent: str | None = None
    origin: Origin | None = None


@cheap_dataclass(frozen=True, slots=True)
class NewEvent:
    """`event` is a frozen dataclass of the domain whose `TYPE` is its stored name with its version."""

    event: Any
    envelope: Envelope


@cheap_dataclass(frozen=True, slots=True)
class Append:
    """`events` follow event number `expected_version` of the stream; it is 0 for a new stream."""

    stream: StreamId
    expected_version: int
    events: tuple[NewEvent, ...]


@cheap_dataclass(frozen=True, slots=True)
class Recorded:
    """A stored event. `version` counts from 1 in its stream; `position` ascends in the log, or is 0 if it was not
    requested."""

    stream: StreamId
    version: int
    position: int
    event: Any
    envelope: Envelope


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Replaces a stored event that this program cannot decode. `name` is its current stored name."""

    name: str
    reason: str


def name_of(recorded: Recorded) -> str:
    """Return the stored name of the event, even if it is `Unreadable`."""
    event = recorded.event
    return event.name if isinstance(event, Unreadable) else str(type(event).TYPE)


class VersionConflict(Exception):
    """Another writer appended to one of the streams first; the call wrote nothing. Load again and decide again."""


class AppendTooLarge(Exception):
    """The appends exceed one transaction of this store; the call wrote nothing. Append them in parts."""


class StoreUnavailable(Exception):
    """The store did not answer in time or refused to write. It may have written the events: look them up by their ids
    before deciding again."""


class Appends(Protocol):
    async def append(self, appends: Sequence[Append]) -> int:
        """Write all appends durably in one transaction; return the position of the last event.

        Raises `VersionConflict` or `AppendTooLarge` (nothing written), or `StoreUnavailable`.
        """
        ...


class Streams(Protocol):
    async def load(self, stream: StreamId, *, after_version: int = 0) -> list[Recorded]:
        """Return the stream's events with a version greater than `after_version`, in order; empty for an unknown stream."""
        ...


class EventStore(Appends, Streams, Protocol):
    """Atomic appends to any number of streams. A new event never appears in the log at or before a position that a
    reader has already passed."""

    async def load(self, stream: StreamId, *, after_version: int = 0, limit: int | None = None) -> list[Recorded]:
        """Like `Streams.load`, but at most the first `limit` events."""
        ...

    async def read_log(
        self,
        *,
        after: int,
        limit: int,
        types: Collection[str] = (),
        up_to: int | None = None,
        with_unreadable: bool = False,
    ) -> list[Recorded]:
        """Return at most `limit` events with positions in `(after, up_to]`, ascending; only of `types` if any are
        given.

        An event that cannot be decoded raises an error with its position; with `with_unreadable` it is returned as
        `Unreadable`, with the readable part of its envelope.
        """
        ...

    async def last_position(self) -> int:
        """Return the position of the last committed event; 0 for an empty log."""
        ...

    def on_appended(self, listener: Callable[[frozenset[str]], None]) -> None:
        """Call `listener` on the event loop after each commit of this process, with the types of the events committed.
        A call may be missed, so followers also poll."""
        ...
