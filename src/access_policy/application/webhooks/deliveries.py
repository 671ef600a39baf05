"""All receivers: one loop for each enabled webhook, in the process that has the lease."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from datetime import timedelta

from access_policy.application.audit.record_changes import RecordChanges, pending_event
from access_policy.application.context import SYSTEM, Context, new_id
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.application.ports.relay_positions import RelayPositions
from access_policy.application.ports.webhooks import (
    Attempt,
    Delivery,
    WebhookKey,
    WebhookQueue,
    Webhooks,
    WebhookSender,
)
from access_policy.application.streams import webhook_stream
from access_policy.application.webhooks.loops import ReceiverLoops
from access_policy.application.webhooks.receiver import Receiver, attempted
from access_policy.application.webhooks.subscriptions import WebhookSubscriptions
from access_policy.application.webhooks.timings import WebhookTimings
from access_policy.domain.webhooks.events import changed
from access_policy.domain.webhooks.webhook import Webhook

log = logging.getLogger(__name__)


class WebhookDeliveries:
    """Several processes may each run one; `lease` keeps all but one waiting. If two run at the same time, they repeat
    deliveries but lose none."""

    def __init__(
        self,
        webhooks: Webhooks,
        queue: WebhookQueue,
        subscriptions: WebhookSubscriptions,
        sender: WebhookSender,
        lease: RelayPositions,
        changes: RecordChanges,
        clock: Clock,
        *,
        holder: str = "",
        timings: WebhookTimings | None = None,
    ) -> None:
        self._webhooks = webhooks
        self._queue = queue
        self._subscriptions = subscriptions
        self._sender = sender
        self._lease = lease
        self._changes = changes
        self._clock = clock
        self._holder = holder or new_id()
        self._timings = timings or WebhookTimings()
        self._loops = ReceiverLoops[Webhook](
            lambda webhook: Receiver(
                webhook, queue, self.send, clock, self.disable, subscriptions.follow, self._timings
            )
        )
        self._is_ours = False
        subscriptions.on_followed(self._follow)
        subscriptions.on_enqueued(self._loops.wake)

    async def run(self) -> None:
        """Deliver until cancelled, whenever this process has the lease and a webhook exists."""
        forget_at = asyncio.get_running_loop().time()
        try:
            while True:
                self._is_ours = bool(self._subscriptions.enabled) and await self._has_lease()
                self._follow(self._subscriptions.enabled)
                if self._is_ours and asyncio.get_running_loop().time() >= forget_at:
                    forget_at += self._timings.forget_every_s
                    await self._forget_old()
                await asyncio.sleep(self._timings.lease_s / 3 if self._is_ours else self._timings.check_interval_s)
        finally:
            self._is_ours = False
            await self._loops.close()
            with contextlib.suppress(StoreUnavailable):
                await self._lease.release_lease(self._holder)

    async def send(self, webhook: Webhook, delivery: Delivery) -> Attempt:
        """Make one signed try."""
        message = delivery.message
        return await attempted(webhook, message.event_id, message.body, self._sender, self._clock)

    async def disable(self, webhook: Webhook, because: str) -> None:
        """Disable the webhook, unless it was changed since. Raises `StoreUnavailable`: it may be disabled."""
        log.warning("webhook %s of %s is disabled: %s", webhook.webhook_id, webhook.tenant_id, because)
        after, now = webhook.disabled(because), self._clock.now()
        stream = webhook_stream(*webhook.key)
        context = Context(tenant_id=webhook.tenant_id, actor=SYSTEM, correlation_id=new_id())
        event = pending_event(context, stream, changed(webhook, after, now=now), now=now)
        await self._webhooks.put(after, expected=webhook.version, event=event)
        await self._changes.append(stream)

    def _follow(self, enabled: Mapping[WebhookKey, Webhook]) -> None:
        self._loops.follow(enabled if self._is_ours else {})

    async def _has_lease(self) -> bool:
        lasts = timedelta(seconds=self._timings.lease_s)
        try:
            return await self._lease.acquire_lease(self._holder, now=self._clock.now(), lasts=lasts)
        except StoreUnavailable as trouble:
            log.warning("no webhook is delivered: %s", trouble)
            return False

    async def _forget_old(self) -> None:
        try:
            await self._queue.forget_old(now=self._clock.now())
        except StoreUnavailable as trouble:
            log.warning("old webhook deliveries are not deleted yet: %s", trouble)
