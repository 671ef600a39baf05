"""The log as it is stored: bytes, which need not be decodable."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple, Protocol

from access_policy.application.ports.event_store import Recorded, StreamId


class StoredBytes(NamedTuple):
    """An event as the store keeps it. `position` is that in the log, `version` that in its stream."""

    position: int
    stream: StreamId
    version: int
    name: str
    state: bytes

    @property
    def is_foreign(self) -> bool:
        """True for a row that the service cannot have written: it has values of other types, or a version below 1."""
        return self.version < 1


class RawLog(Protocol):
    async def read_raw(self, *, after: int, limit: int, up_to: int | None = None) -> list[StoredBytes]:
        """At most `limit` stored events with positions in `(after, up_to]`, ascending. Raises `StoreUnavailable`."""
        ...

    async def read_damaged(self, *, after: int, limit: int, up_to: int) -> list[StoredBytes]:
        """As `read_raw`, of a log that may have been damaged: missing events stay out, where `read_raw` may wait for
        it. Raises `StoreUnavailable`."""
        ...

    async def read_damaged_of(self, types: Collection[str]) -> list[Recorded]:
        """All events with these names, in order, of a log that may have been damaged: missing events stay out, and one
        that cannot be decoded is `Unreadable`. Reads the whole log. Raises `StoreUnavailable`."""
        ...

    async def last_position(self) -> int:
        """The position of the last committed event; 0 for an empty log. Raises `StoreUnavailable`."""
        ...
