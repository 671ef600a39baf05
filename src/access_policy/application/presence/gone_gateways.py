"""Disconnects the chargers of a gateway that died without recording it (ADR 0016).

Each gateway sends heartbeats; each process that decides watches the others by its own clock. A false alarm is harmless:
a gateway that was only paused, or cut off from the database, finds in its chargers' records that it was declared gone,
and records again those that are still connected to it and to no other gateway.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.application.ports.heartbeats import Heartbeats
from access_policy.application.ports.views import RecentPast
from access_policy.application.presence.connection_records import ConnectionRecords

log = logging.getLogger(__name__)

BEAT_EVERY_S: Final = 2.0
GONE_AFTER_S: Final = 15.0
AT_ONCE: Final = 50  # chargers


class GoneGateways:
    """`name` is the name of this process; it sends heartbeats only if it `is_gateway`. `now_s` is a monotonic clock."""

    def __init__(
        self,
        name: str,
        heartbeats: Heartbeats,
        past: RecentPast,
        records: ConnectionRecords,
        *,
        is_gateway: bool,
        now_s: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._name = name
        self._heartbeats = heartbeats
        self._past = past
        self._records = records
        self._is_gateway = is_gateway
        self._now_s = now_s
        self._sleep = sleep
        self._last_seen: dict[str, tuple[int, float]] = {}  # the count, and since when it has had that value
        self._looked_at = now_s()

    async def run(self) -> None:
        """Check until cancelled."""
        while True:
            try:
                await self.check()
            except StoreUnavailable as trouble:
                log.warning("cannot check whether other gateways are gone: %s", trouble)
            await self._sleep(BEAT_EVERY_S)

    async def check(self) -> None:
        """Send a heartbeat, and disconnect the chargers of gateways that stopped sending theirs. Raises
        `StoreUnavailable`.
        """
        if self._is_gateway:
            await self._heartbeats.beat(self._name)
        for name, count in self._gone(await self._heartbeats.counts()):
            await self._note(name)
            await self._heartbeats.forget(name, at_count=count)
            del self._last_seen[name]

    async def end(self) -> None:
        """End this process, which has already disconnected its own chargers. Raises `StoreUnavailable`."""
        if self._is_gateway:
            await self._heartbeats.forget(self._name)

    def _gone(self, counts: Mapping[str, int]) -> list[tuple[str, int]]:
        now_s = self._now_s()
        if now_s - self._looked_at > GONE_AFTER_S / 2:  # this process or the database was paused: restart all clocks
            self._last_seen.clear()
        self._looked_at = now_s
        for name, count in counts.items():
            if self._last_seen.get(name, (None,))[0] != count:
                self._last_seen[name] = (count, now_s)
        return [
            (name, count)
            for name, (count, since_s) in list(self._last_seen.items())
            if name in counts and name != self._name and now_s - since_s > GONE_AFTER_S
        ]

    async def _note(self, name: str) -> None:
        rows = list(await self._past.connected_chargers())
        log.warning("gateway %s is gone; looking for its chargers among %d connected ones", name, len(rows))
        for first in range(0, len(rows), AT_ONCE):
            await asyncio.gather(
                *(
                    self._records.left_behind((row["tenant_id"], row["charger_id"]), name)
                    for row in rows[first : first + AT_ONCE]
                )
            )
