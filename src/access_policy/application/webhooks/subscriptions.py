"""The rules of the webhooks on the bus: a matching event is put into the webhook's queue, so that it does not delay
other subscribers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from access_policy.application.ports.clock import Clock
from access_policy.application.ports.event_bus import Rules
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.application.ports.webhooks import WebhookKey, WebhookQueue, Webhooks
from access_policy.application.webhooks.messages import message_of
from access_policy.application.webhooks.timings import WebhookTimings
from access_policy.domain.webhooks.webhook import Webhook

log = logging.getLogger(__name__)

Followed = Callable[[Mapping[WebhookKey, Webhook]], None]


class WebhookSubscriptions:
    """`enabled` are the webhooks whose rules are on the bus. Changes of this process apply at once (`follow`), changes
    of other processes within `check_interval_s`."""

    def __init__(
        self, webhooks: Webhooks, queue: WebhookQueue, bus: Rules, clock: Clock, timings: WebhookTimings | None = None
    ) -> None:
        self._webhooks = webhooks
        self._queue = queue
        self._bus = bus
        self._clock = clock
        self._timings = timings or WebhookTimings()
        self._following = asyncio.Lock()
        self._on_followed: list[Followed] = []
        self._on_enqueued: list[Callable[[WebhookKey], None]] = []
        self.enabled: dict[WebhookKey, Webhook] = {}

    def on_followed(self, callback: Followed) -> None:
        """Call `callback` with the enabled webhooks after each change."""
        self._on_followed.append(callback)

    def on_enqueued(self, callback: Callable[[WebhookKey], None]) -> None:
        self._on_enqueued.append(callback)

    async def run(self) -> None:
        """Follow the records until cancelled."""
        while True:
            with contextlib.suppress(StoreUnavailable):  # the next iteration finds them
                await self.follow()
            await asyncio.sleep(self._timings.check_interval_s)

    async def follow(self) -> None:
        """Update the rules to those of the enabled webhooks. Raises `StoreUnavailable`."""
        async with self._following:
            enabled = {each.key: each for each in await self._webhooks.all() if each.enabled}
            if enabled == self.enabled:
                return
            for key in self.enabled.keys() - enabled.keys():
                self._bus.remove_rule(_rule_of(key))
            for key, webhook in enabled.items():  # without an await, because the first rule starts the relay
                if self.enabled.get(key) != webhook:
                    self._bus.put_rule(_rule_of(key), webhook.pattern, self._target(webhook), since=webhook.since)
            self.enabled = enabled
        for callback in self._on_followed:
            callback(enabled)

    def _target(self, webhook: Webhook) -> Callable[[Mapping[str, Any]], Awaitable[None]]:
        async def enqueue(event: Mapping[str, Any]) -> None:
            """Enqueue the event. Raises `StoreUnavailable`: the relay publishes the event again."""
            if event["detail"].get("tenant_id") != webhook.tenant_id:
                return
            await self._queue.enqueue(message_of(webhook, event), now=self._clock.now())
            for callback in self._on_enqueued:
                callback(webhook.key)

        return enqueue


def _rule_of(key: WebhookKey) -> str:
    return f"webhook {key[0]}/{key[1]}"
