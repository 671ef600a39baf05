"""The spool: a durable journal on this machine's disk for facts that the event store cannot take just now (design 3.7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from access_policy.application.ports.event_store import Append


@dataclass(frozen=True, slots=True)
class Spooled:
    """`number` ascends in the order in which they were put."""

    number: int
    appends: tuple[Append, ...]


class Spool(Protocol):
    async def append(self, appends: Sequence[Append]) -> int:
        """Keep the appends, all or none; on the disk when this returns their number. Raises `StoreUnavailable`."""
        ...

    async def oldest(self, limit: int) -> list[Spooled]:
        """At most `limit` of what was put and not forgotten, oldest first. Raises `StoreUnavailable`."""
        ...

    async def forget(self, up_to: int) -> None:
        """Everything with a number up to and including `up_to` is in the event store. Raises `StoreUnavailable`."""
        ...

    async def set_aside(self, append: Append, reason: str) -> None:
        """Keep for the operator an event that the event store can never take, apart from what is to be drained; once, also
        when it is set aside again. Raises `StoreUnavailable`."""
        ...
