"""Chargers whose connection or disconnection could not be recorded. Their current state is recorded once the store is back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.domain.ids import ChargerKey

log = logging.getLogger(__name__)

AGAIN_EVERY_S: Final = 1.0
AT_ONCE: Final = 50  # chargers, after one has shown that the store answers


class UnrecordedConnections:
    """Retries records. `record` updates the record of one charger to the current state of its connection, or raises
    `StoreUnavailable`.
    """

    def __init__(
        self,
        record: Callable[[ChargerKey], Awaitable[None]],
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._record = record
        self._sleep = sleep
        self._pending: dict[ChargerKey, object] = {}  # each with a mark of its latest `add`
        self._some = asyncio.Event()

    def add(self, key: ChargerKey) -> None:
        self._pending[key] = object()
        self._some.set()

    async def run(self) -> None:
        """Retry until cancelled."""
        while True:
            await self._some.wait()
            await self._sleep(AGAIN_EVERY_S)
            await self.try_again()

    async def try_again(self) -> None:
        """Record one charger first, then the others in groups, until the store fails again."""
        pending = list(self._pending)
        groups = [pending[:1], *(pending[at : at + AT_ONCE] for at in range(1, len(pending), AT_ONCE))]
        for group in groups:
            if not all(await asyncio.gather(*(self._store_is_up_for(key) for key in group))):
                return

    async def _store_is_up_for(self, key: ChargerKey) -> bool:
        """Record one charger; False while the store is down."""
        mark = self._pending[key]
        try:
            await self._record(key)
        except StoreUnavailable:
            return False
        except Exception:  # the edge of the loop: one charger's failure must not end it
            log.exception("the connection of charger %s is recorded later", key[1])
            return True
        log.info("the connection of charger %s is recorded late, now that the store is back", key[1])
        if self._pending.get(key) is mark:
            del self._pending[key]
        if not self._pending:
            self._some.clear()
        return True
