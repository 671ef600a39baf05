"""Pushes of bookings to partners: from the log into a queue for each partner, and from there to its server.

The queue, its order, its retries for a day and its dead letters are those of webhooks (ADR 0032). A row only identifies
a booking. The booking is sent in its state at the time of sending, so that the last push of a booking always carries
its last state.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

from access_policy.application.ocpi_partners.bookings import BookingHandler
from access_policy.application.ocpi_partners.state import BookingState
from access_policy.application.partners.push_counts import PushCounts
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.event_store import Recorded
from access_policy.application.ports.ocpi import OcpiBookings, OcpiPartners
from access_policy.application.ports.partners import PartnerKey
from access_policy.application.ports.relay_positions import RelayPositions
from access_policy.application.ports.webhooks import Attempt, Delivery, Message, WebhookKey, WebhookQueue
from access_policy.application.streams import tenant_of
from access_policy.domain.ids import TenantId
from access_policy.domain.ocpi_partners.partner import OcpiPartner
from access_policy.domain.reservations import events
from access_policy.domain.reservations.reservation import ReservationSource

PUSHED: Final = (
    events.ReservationMade,
    events.ReservationChanged,
    events.ReservationCancelled,
    events.ReservationFulfilled,
    events.ReservationNoShow,
    events.ReservationWindowEnded,
)
TYPES: Final = tuple(each.TYPE for each in PUSHED)
CAUGHT_UP_S: Final = 10.0


def queue_key(partner: PartnerKey) -> WebhookKey:
    """Return the key of the partner's queue. Its slash sets it apart: no webhook id contains one."""
    return partner[0], f"ocpi/{partner[1]}"


@dataclass(frozen=True, slots=True)
class PushTarget:
    """A connected partner as the receiver of its queue."""

    partner: OcpiPartner

    @property
    def webhook_id(self) -> str:
        return f"of OCPI partner {self.partner.partner_id}"

    @property
    def key(self) -> WebhookKey:
        return queue_key(self.partner.key)

    @property
    def version(self) -> int:
        return self.partner.version


class BookingSender(Protocol):
    async def push(self, partner: OcpiPartner, state: BookingState, *, now: datetime) -> Attempt:
        """PUT the booking once to the partner, which is connected. A failure of the partner or the network is part of
        the returned attempt and is never raised."""
        ...


class PushQueueing:
    """Follows the log. Several processes may run it, because a row is enqueued only once."""

    def __init__(
        self,
        partners: OcpiPartners,
        bookings: OcpiBookings,
        queue: WebhookQueue,
        positions: RelayPositions,
        clock: Clock,
    ) -> None:
        self._partners = partners
        self._bookings = bookings
        self._queue = queue
        self._positions = positions
        self._clock = clock
        self._on_enqueued: list[Callable[[WebhookKey], None]] = []

    def on_enqueued(self, callback: Callable[[WebhookKey], None]) -> None:
        self._on_enqueued.append(callback)

    async def position(self) -> int:
        return await self._positions.position()

    async def handle(self, batch: Sequence[Recorded], reached: int) -> None:
        """Enqueue the batch's pushes. Raises `StoreUnavailable`: the batch is delivered again."""
        for each in batch:
            await self._enqueue(each)
        await self._positions.advance(reached)

    async def _enqueue(self, recorded: Recorded) -> None:
        tenant_id = tenant_of(recorded.stream)
        named = await self._named(tenant_id, recorded)
        if named is None:
            return
        partner_id, request_id = named
        if await self._partners.find((tenant_id, partner_id)) is None:
            return
        key = queue_key((tenant_id, partner_id))
        body = json.dumps({"request_id": request_id, "position": recorded.position}).encode()
        message = Message(
            key=key,
            event_id=recorded.envelope.event_id,
            event_type=type(recorded.event).__name__,
            aggregate=f"booking/{request_id}",
            body=body,
        )
        await self._queue.enqueue(message, now=self._clock.now())
        for callback in self._on_enqueued:
            callback(key)

    async def _named(self, tenant_id: TenantId, recorded: Recorded) -> tuple[str, str] | None:
        """Return the partner and the request of the booking; None for another reservation. A reservation that was just
        made may precede the record of its booking, and so names both itself."""
        event = recorded.event
        if isinstance(event, events.ReservationMade | events.ReservationChanged):
            reservation = event.reservation
            if reservation.source is not ReservationSource.OCPI or reservation.request is None:
                return None
            named = reservation.request.party, reservation.request.request_id
            record = await self._bookings.find((tenant_id, named[0]), named[1])
        else:
            record = await self._bookings.of_reservation(tenant_id, event.reservation_id)
            if record is None:
                return None
            named = record.partner_id, record.request_id
        if record is not None:
            await self._bookings.touch(record, recorded.envelope.recorded_at)
        return named


@dataclass(frozen=True, slots=True)
class BookingPush:
    """One try of one push. `caught_up` waits until this process can read everything up to a log position."""

    handler: BookingHandler
    sender: BookingSender
    caught_up: Callable[[int, float], Awaitable[bool]]
    counts: PushCounts = field(default_factory=PushCounts)

    async def __call__(self, target: PushTarget, delivery: Delivery) -> Attempt:
        """Try the push once. Raises `StoreUnavailable`: the push is retried."""
        attempt = await self._tried(target, delivery)
        self.counts.count(attempt)
        return attempt

    async def _tried(self, target: PushTarget, delivery: Delivery) -> Attempt:
        partner, now = target.partner, self.handler.clock.now()
        asked = json.loads(delivery.message.body)
        if partner.connection is None:
            return _failed(now, "the partner is not connected")
        if not await self.caught_up(asked["position"], CAUGHT_UP_S):
            return _failed(now, "the reservation's last change cannot be read here yet")
        record = await self.handler.bookings.find(partner.key, asked["request_id"])
        if record is None:
            return _failed(now, "the booking's record is not stored")
        return await self.sender.push(partner, self.handler.state(record), now=now)


def _failed(now: datetime, why: str) -> Attempt:
    return Attempt(at=now, status=None, detail=why, took_ms=0)
