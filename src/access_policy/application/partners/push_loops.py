"""The deliveries to partners: one loop for each connected partner, in the process that has the lease."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Generic

from access_policy.application.context import new_id
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.application.ports.relay_positions import RelayPositions
from access_policy.application.ports.webhooks import Attempt, Delivery, WebhookKey, WebhookQueue
from access_policy.application.webhooks.loops import ReceiverLoops
from access_policy.application.webhooks.receiver import Of, Receiver, Target
from access_policy.application.webhooks.timings import WebhookTimings

log = logging.getLogger(__name__)


class PushLoops(Generic[Of]):
    """Several processes may each run one; `lease` keeps all but one waiting. If two run at the same time, they repeat
    pushes but lose none.

    `targets` returns the connected partners; `send` tries one delivery once; `tidy` runs once an hour. `on_enqueued`
    receives a function to call with the key of a queue that gets a row.
    """

    def __init__(
        self,
        targets: Callable[[], Awaitable[Mapping[WebhookKey, Of]]],
        queue: WebhookQueue,
        send: Callable[[Of, Delivery], Awaitable[Attempt]],
        lease: RelayPositions,
        clock: Clock,
        *,
        on_enqueued: Callable[[Callable[[WebhookKey], None]], None] | None = None,
        tidy: Callable[[], Awaitable[None]] | None = None,
        holder: str = "",
        timings: WebhookTimings | None = None,
    ) -> None:
        self._targets = targets
        self._queue = queue
        self._lease = lease
        self._clock = clock
        self._tidy = tidy
        self._holder = holder or new_id()
        self._timings = timings or WebhookTimings()
        self._loops = ReceiverLoops[Of](
            lambda target: Receiver(target, queue, send, clock, _ignore_gone, _nothing_to_follow, self._timings)
        )
        if on_enqueued is not None:
            on_enqueued(self._loops.wake)

    @property
    def targets(self) -> list[Of]:
        """The partners to which this process delivers now."""
        return self._loops.targets

    async def run(self) -> None:
        """Push until cancelled, whenever this process has the lease and a partner is connected."""
        tidy_at = asyncio.get_running_loop().time()
        try:
            while True:
                try:
                    connected = await self._targets()
                    is_ours = bool(connected) and await self._has_lease()
                    self._loops.follow(connected if is_ours else {})
                    if is_ours and asyncio.get_running_loop().time() >= tidy_at:
                        tidy_at += self._timings.forget_every_s
                        await self._forget_old()
                except StoreUnavailable as trouble:
                    log.warning("nothing is pushed to partners: %s", trouble)
                await asyncio.sleep(self._timings.check_interval_s)
        finally:
            await self._loops.close()
            with contextlib.suppress(StoreUnavailable):
                await self._lease.release_lease(self._holder)

    async def _has_lease(self) -> bool:
        lasts = timedelta(seconds=self._timings.lease_s)
        return await self._lease.acquire_lease(self._holder, now=self._clock.now(), lasts=lasts)

    async def _forget_old(self) -> None:
        await self._queue.forget_old(now=self._clock.now())
        if self._tidy is not None:
            await self._tidy()


async def _ignore_gone(target: Target, because: str) -> None:
    """Keep retrying a partner's server that answers 410, because the connection ends by its own protocol."""


async def _nothing_to_follow() -> None:
    pass
