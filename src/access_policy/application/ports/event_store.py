"""The event store: streams of events with versions, and one log of all of them in the order of their commit."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NewType, Protocol

from access_policy.domain.ids import ActorId, TenantId

StreamId = NewType("StreamId", str)


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What every event carries beside its data. `event_id` is unique and the deduplication key of everyone downstream;
    `occurred_at` is when it happened in the world, `recorded_at` when we took note of it."""

    event_id: str
    tenant_id: TenantId
    occurred_at: datetime
    recorded_at: datetime
    actor: ActorId
    correlation_id: str
    causation_id: str | None = None


@dataclass(frozen=True, slots=True)
class NewEvent:
    """`event` is a frozen dataclass of the domain whose `TYPE` is its stored name with its version."""

    event: Any
    envelope: Envelope


@dataclass(frozen=True, slots=True)
class Append:
    """`events` follow the `expected_version`-th event of the stream (0: the stream is new)."""

    stream: StreamId
    expected_version: int
    events: tuple[NewEvent, ...]


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event as it is stored. `version` counts from 1 in its stream; `position` ascends in the log (0: not asked for)."""

    stream: StreamId
    version: int
    position: int
    event: Any
    envelope: Envelope


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Stands for a stored event that this program cannot make an event of. `name` is the stored name it would have now."""

    name: str
    reason: str


def name_of(recorded: Recorded) -> str:
    """The stored name of the event, also of one that cannot be read."""
    event = recorded.event
    return event.name if isinstance(event, Unreadable) else str(type(event).TYPE)


class VersionConflict(Exception):
    """Someone else appended to one of the streams first; nothing was written. Load again and decide again."""


class AppendTooLarge(Exception):
    """More than this store takes in one transaction; nothing was written, and never will be. Append it in parts."""


class StoreUnavailable(Exception):
    """The store did not answer in time or refused to write. Whether anything was written is not known: look it up by
    the events' own ids before deciding anything again."""


class Appends(Protocol):
    async def append(self, appends: Sequence[Append]) -> int:
        """Write all appends durably in one transaction; returns the position of the last event.

        Raises `VersionConflict` or `AppendTooLarge` (nothing written), or `StoreUnavailable`.
        """
        ...


class Streams(Protocol):
    async def load(self, stream: StreamId, *, after_version: int = 0) -> list[Recorded]:
        """The stream's events with a version greater than `after_version`, in order; empty for a stream never seen."""
        ...


class EventStore(Appends, Streams, Protocol):
    """All-or-nothing appends over any number of streams; readers of the log never see a gap close behind them."""

    async def load(self, stream: StreamId, *, after_version: int = 0, limit: int | None = None) -> list[Recorded]:
        """As `Streams` has it; at most `limit` events, the first of them."""
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
        """At most `limit` events with positions in `(after, up_to]`, ascending; only of `types` when any are named.

        An event that cannot be read is an error that says where it lies; `with_unreadable` hands over an `Unreadable` in
        its place, with what could be read of its envelope.
        """
        ...

    async def last_position(self) -> int:
        """The position of the last committed event; 0 for an empty log."""
        ...

    def on_appended(self, listener: Callable[[frozenset[str]], None]) -> None:
        """Call `listener` on the event loop after each commit of this process, with the types of the events committed.
        A hint only: followers poll as well."""
        ...
