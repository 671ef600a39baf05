"""Progress of read models that another process updates, for a process that only reads them."""

from __future__ import annotations

import asyncio
from typing import Final

from access_policy.adapters.read_models.runner import ReadModels
from access_policy.application.ports.event_store import EventStore

POLL_EVERY_S: Final = 0.03
CATCH_UP_S: Final = 60.0


class ReadModelProgress:
    """Replaces the follower in a process that has none."""

    def __init__(self, store: EventStore, models: ReadModels) -> None:
        self._store = store
        self._models = models

    async def wait_until(self, position: int, *, timeout_s: float) -> bool:
        """True once everything up to `position` can be read; False after `timeout_s`. Raises `StoreUnavailable`."""
        deadline = asyncio.get_running_loop().time() + timeout_s
        while await self._models.followed_to() < position:
            if asyncio.get_running_loop().time() >= deadline:
                return False
            await asyncio.sleep(POLL_EVERY_S)
        return True

    async def lag(self) -> int:
        """Positions behind the log's end. Raises `StoreUnavailable`."""
        return max(0, await self._store.last_position() - await self._models.followed_to())

    async def has_caught_up(self) -> bool:
        """Wait up to a minute for the process that updates them, which may be starting. Raises `StoreUnavailable`."""
        return await self.wait_until(await self._store.last_position(), timeout_s=CATCH_UP_S)
