"""The records of webhooks, the queue of their deliveries, and the sender of one delivery."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol

from access_policy.application.ports.pending_events import PendingEvent
from access_policy.domain.ids import TenantId
from access_policy.domain.webhooks.webhook import Webhook

RETRIED_FOR: Final = timedelta(days=1)  # from `queued_at` on; then a delivery becomes a dead letter

WebhookKey = tuple[TenantId, str]  # tenant and webhook id


class DeliveryState(StrEnum):
    WAITING = "waiting"  # behind another event of its aggregate
    QUEUED = "queued"
    DELIVERED = "delivered"
    DEAD_LETTER = "dead_letter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """An event for a webhook. `aggregate` names the event's aggregate: its messages are delivered in order."""

    key: WebhookKey
    event_id: str
    event_type: str
    aggregate: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try: `status` of the response, None without one; `detail` says what happened, or is the start of the response."""

    at: datetime
    status: int | None
    detail: str
    took_ms: int
    retry_after_s: float = 0.0

    @property
    def is_delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A message in the queue or the log. `number` orders the deliveries of all webhooks. `queued_at` is when it was
    queued or, if it waited, when it no longer had to wait; `tries` counts since then. `attempts` are the latest ones,
    oldest first."""

    number: int
    message: Message
    state: DeliveryState
    tries: int
    queued_at: datetime
    try_at: datetime
    finished_at: datetime | None
    attempts: tuple[Attempt, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """All unfinished deliveries and the dead letters, of all webhooks. `oldest_queued_at` is when the oldest unfinished
    delivery was queued; None if there is none."""

    waiting: int
    queued: int
    dead_letters: int
    oldest_queued_at: datetime | None


class Webhooks(Protocol):
    """The definitions; URLs and secrets are encrypted. All methods are atomic and durable, and raise `StoreUnavailable`."""

    async def all(self) -> list[Webhook]:
        """Return the webhooks of all tenants."""
        ...

    async def of_tenant(self, tenant_id: TenantId) -> list[Webhook]:
        """Return the tenant's webhooks, by id."""
        ...

    async def find(self, tenant_id: TenantId, webhook_id: str) -> Webhook | None: ...

    async def put(self, webhook: Webhook, *, expected: int, event: PendingEvent) -> bool:
        """Store the webhook, replacing version `expected` (0: there is none), and its event among the pending ones, in
        one transaction. Return False without a change if another version is stored."""
        ...

    async def remove(self, key: WebhookKey, *, event: PendingEvent) -> None:
        """Delete the webhook, its queue and its log, and store the event among the pending ones, in one transaction.
        Without such a webhook nothing changes."""
        ...


class WebhookQueue(Protocol):
    """The deliveries of all webhooks. All methods are atomic and durable, and raise `StoreUnavailable`."""

    async def enqueue(self, message: Message, *, now: datetime) -> None:
        """Add the message after those of its aggregate. An event that the webhook's log already contains changes nothing."""
        ...

    async def due(self, key: WebhookKey, *, now: datetime, limit: int, but_not: Collection[int] = ()) -> list[Delivery]:
        """Return deliveries to try now, the longest due first: at most one for each aggregate, apart from those queued
        again."""
        ...

    async def finish(self, delivery: Delivery) -> None:
        """Record the delivery's current state. If it has ended, the next event of its aggregate is queued, with its own
        day of retries."""
        ...

    async def page(
        self, key: WebhookKey, *, state: DeliveryState | None, before: int | None, limit: int
    ) -> list[Delivery]:
        """Return the log, newest first: deliveries with a smaller number than `before`."""
        ...

    async def find(self, key: WebhookKey, event_id: str) -> Delivery | None: ...

    async def backlog(self, keys: Collection[WebhookKey] | None = None) -> Backlog:
        """Count only these queues; None: those of all existing webhooks."""
        ...

    async def queue_again(self, key: WebhookKey, event_id: str | None, *, now: datetime) -> int:
        """Queue the delivery, or every dead letter of the webhook, to be tried now, with a new day of retries. Return
        their number."""
        ...

    async def forget_old(self, *, now: datetime) -> int:
        """Delete deliveries at the end of their retention, turn those that were not tried within their day into dead
        letters, and queue the next events of their aggregates. Return the number of deleted deliveries."""
        ...


class WebhookSender(Protocol):
    def refusal_of(self, url: str) -> str | None:
        """Return why the host of the URL, if it is an address, may not be contacted."""
        ...

    async def send(self, url: str, headers: dict[str, str], body: bytes, *, now: datetime) -> Attempt:
        """POST the body once. A failure of the receiver or the network is part of the returned attempt and is never
        raised."""
        ...
