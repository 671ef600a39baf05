"""Concurrent work on chargers: one task per charger, so that an unresponsive charger does not delay the others."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final

from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.domain.ids import ChargerKey

log = logging.getLogger(__name__)

AT_ONCE: Final = 500  # chargers; the others start later


class ChargerTasks:
    """Runs at most one task per charger. `name` appears in the log and in task names; `done` is called on the event
    loop after each task."""

    def __init__(self, name: str, done: Callable[[], None] = lambda: None, *, at_once: int = AT_ONCE) -> None:
        self._name = name
        self._done = done
        self._at_once = at_once
        self._tasks: dict[ChargerKey, asyncio.Task[None]] = {}

    def begin(self, key: ChargerKey, work: Callable[[ChargerKey], Coroutine[Any, Any, None]]) -> bool:
        """Start `work` as a task; return False if the charger already has a task, or `at_once` tasks are running."""
        if key in self._tasks or len(self._tasks) >= self._at_once:
            return False
        task = self._tasks[key] = asyncio.create_task(self._supervised(key, work), name=f"{self._name} {key[1]}")
        task.add_done_callback(partial(self._ended, key))
        return True

    async def finish(self) -> None:
        """Wait for the running tasks."""
        while self._tasks:
            await asyncio.wait(set(self._tasks.values()))

    async def cancel(self) -> None:
        """Cancel the running tasks and wait until they end."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _supervised(self, key: ChargerKey, work: Callable[[ChargerKey], Coroutine[Any, Any, None]]) -> None:
        try:
            await work(key)
        except StoreUnavailable as outage:
            log.warning("%s at charger %s waits for the store: %s", self._name, key[1], outage)
        except Exception:  # the edge of the task: a failure at one charger must not end anything else
            log.exception("%s at charger %s failed and will be retried", self._name, key[1])

    def _ended(self, key: ChargerKey, _: asyncio.Task[None]) -> None:
        del self._tasks[key]
        self._done()
