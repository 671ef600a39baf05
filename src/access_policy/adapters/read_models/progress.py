"""Read models that another process keeps up to date: seen from one that only reads them."""

from __future__ import annotations

import asyncio
from typing import Final

from access_policy.adapters.read_models.runner import ReadModels
from access_policy.application.ports.event_store import EventStore

LOOK_EVERY_S: Final = 0.03
CATCH_UP_S: Final = 60.0


class ReadModelProgress:
    """Stands for the follower where there is none in this process."""

    def __init__(self, store: EventStore, models: ReadModels) -> None:
        self._store = store
        self._models = models

    async def wait_until(self, position: int, *, timeout_s: float) -> bool:
        """True once everything up to `position` can be read; False when the time is over first. Raises
        `StoreUnavailable`."""
        deadline = asyncio.get_running_loop().time() + timeout_s
        while await self._models.followed_to() < position:
            if asyncio.get_running_loop().time() >= deadline:
                return False
            await asyncio.sleep(LOOK_EVERY_S)
        return True

    async def lag(self) -> int:
        """Positions behind the log's end. Raises `StoreUnavailable`."""
        return max(0, await self._store.last_position() - await self._models.followed_to())

    async def has_caught_up(self) -> bool:
        """Waits a while for the process that keeps them, which may be starting. Raises `StoreUnavailable`."""
        return await self.wait_until(await self._store.last_position(), timeout_s=CATCH_UP_S)
