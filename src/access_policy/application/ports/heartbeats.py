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
        """The number of heartbeats by gateway. A gateway whose number stops growing has died."""
        ...

    async def forget(self, name: str, *, at_count: int | None = None) -> None:
        """Delete the gateway's heartbeats because it has ended; not if it has exceeded `at_count` meanwhile."""
        ...

    async def close(self) -> None: ...
