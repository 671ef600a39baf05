"""The deliveries of pushes: one loop for each connected partner, in the process that has the lease."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from datetime import timedelta

from access_policy.application.context import new_id
from access_policy.application.ocpi_partners.pushes import BookingPush, PushQueueing, PushTarget
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.application.ports.ocpi import OcpiBookings, OcpiPartners
from access_policy.application.ports.relay_positions import RelayPositions
from access_policy.application.ports.webhooks import WebhookKey, WebhookQueue
from access_policy.application.webhooks.receiver import Receiver
from access_policy.application.webhooks.timings import WebhookTimings

log = logging.getLogger(__name__)

BOOKINGS_KEPT = timedelta(days=7)  # after the end of the window, as the book keeps a reservation


class PushDeliveries:
    """Several processes may run one each; `lease` keeps all but one waiting. Two at once repeat pushes, and lose none."""

    def __init__(
        self,
        partners: OcpiPartners,
        bookings: OcpiBookings,
        queue: WebhookQueue,
        queueing: PushQueueing,
        push: BookingPush,
        lease: RelayPositions,
        clock: Clock,
        *,
        holder: str = "",
        timings: WebhookTimings | None = None,
    ) -> None:
        self._partners = partners
        self._bookings = bookings
        self._queue = queue
        self._push = push
        self._lease = lease
        self._clock = clock
        self._holder = holder or new_id()
        self._timings = timings or WebhookTimings()
        self._receivers: dict[WebhookKey, tuple[Receiver[PushTarget], asyncio.Task[None]]] = {}
        queueing.on_enqueued(self.wake)

    def wake(self, key: WebhookKey) -> None:
        if key in self._receivers:
            self._receivers[key][0].wake()

    async def run(self) -> None:
        """Push until cancelled, whenever this process has the lease and there is a connected partner."""
        forget_at = asyncio.get_running_loop().time()
        try:
            while True:
                try:
                    connected = await self._connected()
                    is_ours = bool(connected) and await self._has_lease()
                    self._follow(connected if is_ours else {})
                    if is_ours and asyncio.get_running_loop().time() >= forget_at:
                        forget_at += self._timings.forget_every_s
                        await self._forget_old()
                except StoreUnavailable as trouble:
                    log.warning("no booking is pushed: %s", trouble)
                await asyncio.sleep(self._timings.look_s)
        finally:
            tasks = [task for _, task in self._receivers.values()]
            self._follow({})
            await asyncio.gather(*tasks, return_exceptions=True)
            with contextlib.suppress(StoreUnavailable):
                await self._lease.release_lease(self._holder)

    async def _connected(self) -> dict[WebhookKey, PushTarget]:
        found = [PushTarget(each) for each in await self._partners.all() if each.receives_pushes]
        return {each.key: each for each in found}

    def _follow(self, wanted: Mapping[WebhookKey, PushTarget]) -> None:
        for key in [key for key in self._receivers if key not in wanted]:
            self._receivers.pop(key)[1].cancel()
        for key, target in wanted.items():
            if key in self._receivers and not self._receivers[key][1].done():
                self._receivers[key][0].webhook = target
                continue
            receiver = Receiver(
                target, self._queue, self._push, self._clock, _ignore_gone, _nothing_to_follow, self._timings
            )
            task = asyncio.create_task(receiver.run(), name=f"pushes {target.webhook_id}")
            self._receivers[key] = (receiver, task)

    async def _has_lease(self) -> bool:
        lasts = timedelta(seconds=self._timings.lease_s)
        return await self._lease.acquire_lease(self._holder, now=self._clock.now(), lasts=lasts)

    async def _forget_old(self) -> None:
        now = self._clock.now()
        await self._queue.forget_old(now=now)
        if gone := await self._bookings.forget_ended(before=now - BOOKINGS_KEPT):
            log.info("deleted the records of %d bookings a week after their end", gone)


async def _ignore_gone(target: PushTarget, because: str) -> None:
    """A partner's server that answers 410 is tried again: the connection ends by the credentials module."""


async def _nothing_to_follow() -> None:
    pass
