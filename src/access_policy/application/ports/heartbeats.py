"""Heartbeats of the gateways of an installation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Heartbeats(Protocol):
    """All methods raise `StoreUnavailable`."""

    async def beat(self, name: str) -> None:
        """Count one more heartbeat of the gateway."""
        ...

    async def counts(self) -> Mapping[str, int]:
        """Return the number of heartbeats by gateway. A gateway whose number stops growing has died."""
        ...

    async def forget(self, name: str, *, at_count: int | None = None) -> None:
        """Delete the heartbeats of a gateway that has ended, unless it has exceeded `at_count` meanwhile."""
        ...

    async def close(self) -> None: ...
