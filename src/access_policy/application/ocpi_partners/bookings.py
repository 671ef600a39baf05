"""The operator's side of the Bookings module: a partner's request makes, changes or cancels a reservation."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final
from weakref import WeakValueDictionary

from access_policy.application.commands import Done
from access_policy.application.commands.receive_booking import CancelBooking, ReceiveBooking
from access_policy.application.commands.reservation_drafts import ReservationDraft
from access_policy.application.context import CREATED_ID_LENGTH, Context
from access_policy.application.decision_view.view import DecisionView
from access_policy.application.errors import TooBusy
from access_policy.application.ocpi_partners.driver_tokens import OcpiDriverTokens
from access_policy.application.ocpi_partners.places import BookingPlace, BookingPlaces
from access_policy.application.ocpi_partners.requested_bookings import RequestedBooking
from access_policy.application.ocpi_partners.state import BookingState, Stage, state_of
from access_policy.application.ocpi_partners.token_reviews import TokenReviews
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.ocpi import BookingRecord, BookingRequestRecord, OcpiBookings, RequestStatus
from access_policy.domain.errors import Conflict
from access_policy.domain.ids import ReservationId
from access_policy.domain.ocpi_partners.errors import TooManyBookings
from access_policy.domain.ocpi_partners.partner import OcpiPartner
from access_policy.domain.reservations.errors import (
    PromisedAlready,
    ReservationOver,
    ReservationUnknown,
    TooLateToChange,
)
from access_policy.domain.reservations.reservation import PartnerRequest, ReservationSource
from access_policy.domain.reservations.terms import ReservationTerms

BOOKINGS_MAX: Final = 20_000  # records per partner
REQUESTS_MAX: Final = 50  # per booking
OVERTAKEN: Final = "It was cancelled before it was received."

Handle = Callable[[Context, Any], Awaitable[Done]]
Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """`position` is the log position with the change; 0: nothing changed. `refusal` says why the request was declined."""

    record: BookingRecord
    position: int = 0
    refusal: str = ""
    is_new: bool = False


@dataclass(frozen=True, slots=True)
class BookingHandler:
    """Handles requests of one booking one after the other in this process; the version of the record guards it against
    other processes. All methods raise `StoreUnavailable`; the partner then sends the request again."""

    bookings: OcpiBookings
    places: BookingPlaces
    tokens: OcpiDriverTokens
    reviews: TokenReviews
    receive: Handle
    cancel: Handle
    view: DecisionView
    clock: Clock
    _locks: WeakValueDictionary[Key, asyncio.Lock] = field(default_factory=WeakValueDictionary)

    async def handle(self, context: Context, partner: OcpiPartner, requested: RequestedBooking) -> Answered:
        """Handle the request. A repeated request returns the booking as it is.

        Raises `LocationUnknown`, `TooManyBookings`, `TooBusy`, or an `Invalid` refusal, and then records nothing. A
        refusal because of the state of the depot (a slot that is taken, a deadline) is recorded as a declined request.
        """
        key = (*partner.key, requested.request_id.upper())
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:
            found = await self.bookings.find_or_count(partner.key, requested.request_id)
            known = None if isinstance(found, int) else found
            if known is not None and _is_repeated(known, requested):
                return Answered(record=known)
            place = self.places.wanted(partner, requested)
            _check_room(found)
            if requested.cancelled_because is not None:
                return await self._cancelled(context, partner, requested, place, known)
            return await self._promised(context, partner, requested, place, known)

    def state(self, record: BookingRecord) -> BookingState:
        return state_of(record, self.view.book(record.tenant_id, record.depot_id), self.clock.now())

    # --- a new booking, or a change -------------------------------------------------------------------------------

    async def _promised(
        self,
        context: Context,
        partner: OcpiPartner,
        requested: RequestedBooking,
        place: BookingPlace,
        known: BookingRecord | None,
    ) -> Answered:
        if known is not None and (over := self._is_over(known)):
            if known.is_cancelled:
                await self._end_overtaken(context, partner, place, known)
            return await self._declined(requested, place, known, partner, over)
        if known is not None and known.depot_id != place.depot_id:
            return await self._declined(
                requested, place, known, partner, "A booking stays at its location; make a new one."
            )
        refs = [self.tokens.pseudonyms.ref(partner.tenant_id, each) for each in requested.identifiers]
        withheld = await self.tokens.invalid_among(partner.key, refs)
        draft = ReservationDraft(
            place=place.place,
            start=requested.start,
            end=requested.end,
            source=ReservationSource.OCPI,
            identifiers=[(each.kind, each.value) for each in requested.identifiers],
            withheld=withheld,
            terms=_named(partner.settings.terms),
            request=self._request(partner, requested.request_id, place, known),
        )
        try:
            done = await self.receive(context, ReceiveBooking(depot_id=place.depot_id, draft=draft))
        except Conflict as refusal:
            return await self._declined(requested, place, known, partner, _for_partner(refusal))
        assert done.created_id is not None, "a received booking has a reservation"
        entry = self.view.book(partner.tenant_id, place.depot_id).entries.by_id.get(ReservationId(done.created_id))
        terms = place.terms if entry is None else entry.reservation.terms
        record = self._with(requested, place, known, partner, RequestStatus.ACCEPTED)
        promised = replace(
            record,
            reservation_id=ReservationId(done.created_id),
            charger_id=place.charger_id,
            group_id=place.group_id,
            start=requested.start,
            end=requested.end,
            terms=terms,
            is_promised=True,
        )
        try:
            await self._put(promised, known)
        except TooBusy:
            await self._end_if_cancelled_meanwhile(context, partner, place, requested.request_id)
            raise
        reviewed = await self.reviews.booking(context, partner, place.depot_id, refs, withheld)
        return Answered(record=promised, position=max(done.position, reviewed), is_new=known is None)

    def _request(
        self, partner: OcpiPartner, request_id: str, place: BookingPlace, known: BookingRecord | None
    ) -> PartnerRequest:
        """Return the request with the next version. Requests of OCPI have no versions, so they follow the order of
        arrival. The book may know a later version than the record, which is written after it."""
        request_id = request_id if known is None else known.request_id
        book = self.view.book(partner.tenant_id, place.depot_id)
        reservation_id = book.entries.by_request.get((partner.partner_id, request_id))
        last = None if reservation_id is None else book.entry(reservation_id).reservation.request
        version = max(0 if known is None else len(known.requests), 0 if last is None else last.version) + 1
        return PartnerRequest(party=partner.partner_id, request_id=request_id, version=version)

    # --- its end --------------------------------------------------------------------------------------------------

    async def _cancelled(
        self,
        context: Context,
        partner: OcpiPartner,
        requested: RequestedBooking,
        place: BookingPlace,
        known: BookingRecord | None,
    ) -> Answered:
        """Cancel the booking. A cancellation of a booking that was never made is recorded, so that a belated request
        does not make it."""
        if known is None:
            record = replace(self._with(requested, place, None, partner, RequestStatus.ACCEPTED), is_cancelled=True)
            await self._put(record, None)
            return Answered(record=record, is_new=True)
        if over := self._is_over(known):
            return await self._declined(requested, place, known, partner, over)
        at = replace(place, depot_id=known.depot_id)
        command = CancelBooking(
            depot_id=known.depot_id,
            request=self._request(partner, requested.request_id, at, known),
            reason=f"{requested.cancelled_because}, by {partner.partner_id}",
        )
        try:
            done = await self.cancel(context, command)
        except Conflict as refusal:
            return await self._declined(requested, place, known, partner, _for_partner(refusal))
        record = replace(self._with(requested, place, known, partner, RequestStatus.ACCEPTED), is_cancelled=True)
        await self._put(record, known)
        return Answered(record=record, position=done.position)

    async def _end_if_cancelled_meanwhile(
        self, context: Context, partner: OcpiPartner, place: BookingPlace, request_id: str
    ) -> None:
        """Let the cancellation win if another process recorded it first."""
        stored = await self.bookings.find(partner.key, request_id)
        if stored is not None and stored.is_cancelled:
            await self._end_overtaken(context, partner, place, stored)

    async def _end_overtaken(
        self, context: Context, partner: OcpiPartner, place: BookingPlace, cancelled: BookingRecord
    ) -> None:
        """End a reservation that was made for the booking while its cancellation was recorded, if there is one."""
        request = self._request(partner, cancelled.request_id, place, cancelled)
        command = CancelBooking(depot_id=place.depot_id, request=request, reason=OVERTAKEN)
        with contextlib.suppress(ReservationUnknown, ReservationOver, TooLateToChange):
            await self.cancel(context, command)

    # --- records --------------------------------------------------------------------------------------------------

    def _is_over(self, known: BookingRecord) -> str:
        """Return why the booking may no longer be changed; empty while it may."""
        stage = self.state(known).stage
        return "" if stage is Stage.RESERVED else f"This booking is over ({stage.value}); use a new request_id."

    async def _declined(
        self,
        requested: RequestedBooking,
        place: BookingPlace,
        known: BookingRecord | None,
        partner: OcpiPartner,
        because: str,
    ) -> Answered:
        record = self._with(requested, place, known, partner, RequestStatus.DECLINED, because)
        await self._put(record, known)
        return Answered(record=record, refusal=because, is_new=known is None)

    def _with(
        self,
        requested: RequestedBooking,
        place: BookingPlace,
        known: BookingRecord | None,
        partner: OcpiPartner,
        status: RequestStatus,
        because: str = "",
    ) -> BookingRecord:
        """Return the record with the request; a new record if there is none."""
        now = self.clock.now()
        request = BookingRequestRecord(
            message_id=requested.message_id, body=requested.body, status=status, because=because, received_at=now
        )
        if known is not None:
            requests = (*known.requests, request)
            return replace(known, requests=requests, updated_at=now, version=known.version + 1)
        return BookingRecord(
            tenant_id=partner.tenant_id,
            partner_id=partner.partner_id,
            request_id=requested.request_id,
            reservation_id=_never_promised(partner, requested.request_id),
            depot_id=place.depot_id,
            charger_id=place.charger_id,
            group_id=place.group_id,
            start=requested.start,
            end=requested.end,
            terms=place.terms,
            requests=(request,),
            created_at=now,
            updated_at=now,
        )

    async def _put(self, record: BookingRecord, known: BookingRecord | None) -> None:
        if not await self.bookings.put(record, expected=0 if known is None else known.version):
            raise TooBusy("another process handled a request of this booking at the same moment; send it again")


def _check_room(found: BookingRecord | int) -> None:
    """Check that there is room for one more request of the booking, or for one more booking."""
    if isinstance(found, int):
        if found >= BOOKINGS_MAX:
            raise TooManyBookings(f"This service keeps at most {BOOKINGS_MAX} bookings per partner; cancel some.")
    elif len(found.requests) >= REQUESTS_MAX:
        raise TooManyBookings(f"A booking can have at most {REQUESTS_MAX} requests; make a new one.")


def _is_repeated(known: BookingRecord, requested: RequestedBooking) -> bool:
    """Return whether the request has the same message id as an earlier one, or the same content as the latest accepted
    one."""
    if any(each.message_id == requested.message_id for each in known.requests):
        return True
    return known.requests[-1].body == requested.body and known.requests[-1].status is RequestStatus.ACCEPTED


def _named(terms: ReservationTerms | None) -> dict[str, Any]:
    """Return all terms by name, which override the depot's; empty to use the depot's terms."""
    return {} if terms is None else {each.name: getattr(terms, each.name) for each in fields(terms)}


def _for_partner(refusal: Conflict) -> str:
    """Return the refusal in words that do not reveal to the partner which reservations, and whose, are in the way."""
    if isinstance(refusal, PromisedAlready):
        return "The slot is not free; read the calendar."
    return refusal.detail if isinstance(refusal, TooLateToChange) else "The booking cannot be made."


def _never_promised(partner: OcpiPartner, request_id: str) -> ReservationId:
    """Return the id of a booking without a reservation, which is unique."""
    named = f"{partner.tenant_id}/{partner.partner_id}/{request_id.upper()}"
    return ReservationId(hashlib.sha256(named.encode()).hexdigest()[:CREATED_ID_LENGTH])
