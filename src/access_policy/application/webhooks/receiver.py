"""The deliveries to one receiver: in order within each aggregate, a few at a time, each retried with backoff for a day."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Generic, Protocol, TypeVar

from access_policy.application.backoff import Backoff
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.application.ports.webhooks import (
    Attempt,
    Delivery,
    DeliveryState,
    WebhookKey,
    WebhookQueue,
    WebhookSender,
)
from access_policy.application.webhooks.timings import WebhookTimings
from access_policy.domain.webhooks.signing import signature_headers
from access_policy.domain.webhooks.webhook import Webhook

log = logging.getLogger(__name__)

GONE = 410


class Target(Protocol):
    """The receiver of a queue. `webhook_id` names it in logs; a changed `version` resumes deliveries after a 410."""

    @property
    def webhook_id(self) -> str: ...

    @property
    def key(self) -> WebhookKey: ...

    @property
    def version(self) -> int: ...


Of = TypeVar("Of", bound=Target)


class Receiver(Generic[Of]):
    """`run` delivers until cancelled. `send` tries one delivery once; a delivery that is interrupted between the
    receiver's answer and its record is repeated (at least once). If the receiver answers 410 Gone, `disable` is called,
    and then `follow`."""

    def __init__(
        self,
        webhook: Of,
        queue: WebhookQueue,
        send: Callable[[Of, Delivery], Awaitable[Attempt]],
        clock: Clock,
        disable: Callable[[Of, str], Awaitable[None]],
        follow: Callable[[], Awaitable[None]],
        timings: WebhookTimings,
    ) -> None:
        self.webhook = webhook  # replaced after a change that does not affect the queue
        self._queue = queue
        self._send = send
        self._clock = clock
        self._disable = disable
        self._follow = follow
        self._timings = timings
        self._gone_in: int | None = None  # the version in which the webhook was disabled
        self._woken = asyncio.Event()
        self._under_way: dict[int, asyncio.Task[None]] = {}

    def wake(self) -> None:
        self._woken.set()

    async def run(self) -> None:
        backoff = Backoff(self._timings.check_interval_s, 30.0)
        try:
            while True:
                self._woken.clear()
                delay_s = self._timings.check_interval_s
                try:
                    await self._begin_due()
                    backoff.reset()
                except StoreUnavailable as trouble:
                    log.warning("webhook %s: %s", self.webhook.webhook_id, trouble)
                    delay_s = backoff.next_s()
                await self._rest(delay_s)
        finally:
            tasks = list(self._under_way.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def deliver(self, delivery: Delivery) -> None:
        """Try once and record the result. Raises `StoreUnavailable`: the delivery is retried."""
        webhook = self.webhook
        attempt = await self._send(webhook, delivery)
        if attempt.status == GONE:  # before the delivery is recorded, so that a failure repeats both
            await self._disable(webhook, "the receiver answered 410 Gone")
            self._gone_in = webhook.version
        await self._queue.finish(self._after(delivery, attempt))
        if attempt.status == GONE:
            await self._follow()  # ends this loop

    async def _begin_due(self) -> None:
        if self.webhook.version == self._gone_in:
            return
        free = self._timings.at_a_time - len(self._under_way)
        if free <= 0:
            return
        due = await self._queue.due(self.webhook.key, now=self._clock.now(), limit=free, but_not=tuple(self._under_way))
        for delivery in due:
            task = asyncio.create_task(self._delivered(delivery), name=f"webhook {self.webhook.webhook_id}")
            self._under_way[delivery.number] = task

    async def _delivered(self, delivery: Delivery) -> None:
        try:
            await self.deliver(delivery)
        except StoreUnavailable as trouble:
            log.warning("webhook %s: a delivery is repeated: %s", self.webhook.webhook_id, trouble)
            await asyncio.sleep(self._timings.check_interval_s)
        except Exception:
            log.exception("webhook %s: a delivery failed here, and is repeated", self.webhook.webhook_id)
            await asyncio.sleep(self._timings.longest_s)
        finally:
            self._under_way.pop(delivery.number, None)
            self.wake()

    async def _rest(self, span_s: float) -> None:
        try:
            async with asyncio.timeout(span_s):
                await self._woken.wait()
        except TimeoutError:
            return

    def _after(self, delivery: Delivery, attempt: Attempt) -> Delivery:
        tried = replace(delivery, tries=delivery.tries + 1, attempts=(*delivery.attempts, attempt))
        if attempt.is_delivered:
            return replace(tried, state=DeliveryState.DELIVERED, finished_at=attempt.at)
        next_try = self._timings.next_try(delivery, tried.tries, attempt)
        if next_try is None or attempt.status == GONE:
            log.warning(
                "webhook %s: event %s is a dead letter after %d tries: %s %s",
                *(self.webhook.webhook_id, delivery.message.event_id, tried.tries, attempt.status, attempt.detail),
            )
            return replace(tried, state=DeliveryState.DEAD_LETTER, finished_at=attempt.at)
        return replace(tried, try_at=next_try)


async def attempted(webhook: Webhook, event_id: str, body: bytes, sender: WebhookSender, clock: Clock) -> Attempt:
    """POST the body, signed with the webhook's secrets and the time of this try."""
    now = clock.now()
    headers = signature_headers(event_id, now, body, webhook.signing_secrets(now))
    return await sender.send(webhook.url, headers, body, now=now)
