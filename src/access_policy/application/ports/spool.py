"""The spool: a durable journal on the local disk for appends during an outage of the event store (design 3.7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from access_policy.application.ports.event_store import Append


@dataclass(frozen=True, slots=True)
class Spooled:
    """`number` ascends in the order of the calls of `append`."""

    number: int
    appends: tuple[Append, ...]


class Spool(Protocol):
    async def append(self, appends: Sequence[Append]) -> int:
        """Write all appends durably, or none, and return their number. Raises `StoreUnavailable`."""
        ...

    async def oldest(self, limit: int) -> list[Spooled]:
        """Return at most `limit` entries that were not forgotten, oldest first. Raises `StoreUnavailable`."""
        ...

    async def forget(self, up_to: int) -> None:
        """Delete the entries up to and including `up_to`: the event store has them. Raises `StoreUnavailable`."""
        ...

    async def set_aside(self, append: Append, reason: str) -> None:
        """Store an append that the event store can never accept, for the operator, outside the entries to be drained. A
        repeated call stores it once. Raises `StoreUnavailable`."""
        ...
