"""The progress of read models that another process updates, for a process that only reads them."""

from __future__ import annotations

import asyncio
from typing import Final

from access_policy.adapters.read_models.runner import ReadModels
from access_policy.application.backoff import exponential_s
from access_policy.application.ports.event_store import EventStore

POLL_EVERY_S: Final = 0.03
BEYOND_EVERY_S: Final = 0.25
POLL_LONGEST_S: Final = 1.0  # while this process starts
CATCH_UP_S: Final = 60.0


class ReadModelProgress:
    """Replaces the follower in a process that has none."""

    def __init__(self, store: EventStore, models: ReadModels) -> None:
        self._store = store
        self._models = models
        self._seen = 0

    @property
    def seen(self) -> int:
        """The position that the read models had reached at the last check; they may be ahead of it by now."""
        return self._seen

    async def wait_until(self, position: int, *, timeout_s: float, poll_longest_s: float = POLL_EVERY_S) -> bool:
        """Wait until all events up to `position` can be read; False after `timeout_s`. Polls every 30 ms, or at intervals that
        double up to `poll_longest_s`. Raises `StoreUnavailable`.
        """
        loop, polls = asyncio.get_running_loop(), 0
        deadline = loop.time() + timeout_s
        while await self.reached() < position:
            left_s = deadline - loop.time()
            if left_s <= 0.0:
                return False
            polls += 1
            await asyncio.sleep(min(left_s, exponential_s(polls, first_s=POLL_EVERY_S, longest_s=poll_longest_s)))
        return True

    async def reached(self) -> int:
        """Return the position that the read models have reached. Raises `StoreUnavailable`."""
        self._seen = await self._models.followed_to()
        return self._seen

    async def beyond(self, position: int) -> int:
        """Wait until events after `position` can be read, and return the position reached. Raises `StoreUnavailable`."""
        while (reached := await self.reached()) <= position:  # noqa: ASYNC110  progress of another process
            await asyncio.sleep(BEYOND_EVERY_S)
        return reached

    async def lag(self) -> int:
        """Return how many positions the read models are behind the log's end. Raises `StoreUnavailable`."""
        return max(0, await self._store.last_position() - await self.reached())

    async def has_caught_up(self) -> bool:
        """Wait up to a minute until the read models reach the log's end. Polls slowly, because the process that updates them
        may be starting and needs the database. Raises `StoreUnavailable`.
        """
        last = await self._store.last_position()
        return await self.wait_until(last, timeout_s=CATCH_UP_S, poll_longest_s=POLL_LONGEST_S)
