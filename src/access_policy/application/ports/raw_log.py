"""The log in its stored form: bytes, which need not be decodable."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple, Protocol

from access_policy.application.ports.event_store import Recorded, StreamId


class StoredBytes(NamedTuple):
    """An event in its stored form. `position` is its position in the log, `version` its version in the stream."""

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
        """Return at most `limit` stored events with positions in `(after, up_to]`, ascending. Raises `StoreUnavailable`."""
        ...

    async def read_damaged(self, *, after: int, limit: int, up_to: int) -> list[StoredBytes]:
        """Like `read_raw`, for a log that may have been damaged: missing events are skipped, whereas `read_raw` may
        wait for them. Raises `StoreUnavailable`."""
        ...

    async def read_damaged_of(self, types: Collection[str]) -> list[Recorded]:
        """Return all events with these names, in order, from a log that may have been damaged: missing events are
        skipped, and one that cannot be decoded is `Unreadable`. Reads the whole log. Raises `StoreUnavailable`."""
        ...

    async def last_position(self) -> int:
        """Return the position of the last committed event; 0 for an empty log. Raises `StoreUnavailable`."""
        ...
