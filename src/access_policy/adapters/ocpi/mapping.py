"""Translate booking requests on the wire to requests of this service, and bookings to objects on the wire."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

from access_policy.adapters.ocpi.bookings import (
    NOT_ASSIGNED,
    AccessMethod,
    Booking,
    BookingLocation,
    BookingOption,
    BookingRequest,
    BookingRequestStatus,
    BookingTerms,
    Calendar,
    CanceledReason,
    Cancellation,
    ReservationStatus,
    Timeslot,
)
from access_policy.adapters.ocpi.tokens import identifier_of
from access_policy.application.ocpi_partners.places import BookingPlace, ocpi_id
from access_policy.application.ocpi_partners.requested_bookings import RequestedBooking
from access_policy.application.ocpi_partners.state import BookingState, Stage
from access_policy.application.ports.ocpi import RequestStatus
from access_policy.domain.identifiers import Identifier, IdentifierKind, identifier
from access_policy.domain.ocpi_partners.partner import Party
from access_policy.domain.reservations.availability import Window
from access_policy.domain.reservations.terms import MINUTES_MAX, ReservationTerms

ACCESS: Final = [AccessMethod.TOKEN, AccessMethod.LICENSE_PLATE, AccessMethod.ACCESS_CODE]
KINDS: Final = {AccessMethod.LICENSE_PLATE: IdentifierKind.PLATE, AccessMethod.ACCESS_CODE: IdentifierKind.PIN}
_METHODS: Final = {kind: method for method, kind in KINDS.items()}
STATUSES: Final = {
    Stage.RESERVED: ReservationStatus.RESERVED,
    Stage.FULFILLED: ReservationStatus.FULFILLED,
    Stage.CANCELLED: ReservationStatus.CANCELED,
    Stage.NO_SHOW: ReservationStatus.NO_SHOW,
    Stage.REJECTED: ReservationStatus.REJECTED,
    Stage.UNKNOWN: ReservationStatus.UNKNOWN,
}


def requested_booking(request: BookingRequest, message_id: str) -> RequestedBooking:
    """Translate a request. Raises `IdentifierInvalid` for an invalid plate or code."""
    option = request.booking_option or BookingOption()
    return RequestedBooking(
        request_id=request.request_id,
        message_id=message_id,
        location_id=request.location_id,
        booking_location_id=request.booking_location_id,
        evse_uid=None if option.evse_uid == NOT_ASSIGNED else option.evse_uid,
        start=request.period.start_date_time,
        end=request.period.end_date_time,
        identifiers=_identifiers(request),
        cancelled_because=None if request.canceled is None else request.canceled.cancellation_reason.value,
        body=json.dumps(request.as_json(), separators=(",", ":")),
    )


def _identifiers(request: BookingRequest) -> tuple[Identifier, ...]:
    tokens = [identifier_of(each.uid, each.type) for each in request.tokens]
    access = [
        identifier(KINDS[each.method], each.value)
        for each in request.access_information
        if each.method in KINDS and each.value
    ]
    return tuple(dict.fromkeys((*tokens, *access)))


def terms_on_the_wire(terms: ReservationTerms, kinds: Collection[IdentifierKind] = ()) -> BookingTerms:
    """Return the terms. `kinds` are the identifier kinds by which the booking's holder may start; if empty, every access method
    is listed.
    """
    ways = {_METHODS.get(kind, AccessMethod.TOKEN) for kind in kinds}
    return BookingTerms(
        supported_access_methods=[each for each in ACCESS if not ways or each in ways],
        change_until_minutes=terms.change_until_min,
        cancel_until_minutes=terms.cancel_until_min,
        early_start_allowed=terms.early_start_min > 0,
        early_start_time=terms.early_start_min or None,
        noshow_timeout=terms.no_show_after_min,
        late_stop_allowed=bool(terms.late_stop_min),
        late_stop_time=terms.late_stop_min or None,
        min_booking_duration=terms.shortest_min if terms.shortest_min > 1 else None,
        max_booking_duration=terms.longest_min if terms.longest_min < MINUTES_MAX else None,
    )


def booking_on_the_wire(state: BookingState, own: Party) -> Booking:
    record = state.record
    requests = [BookingRequest.model_validate_json(each.body) for each in record.requests]
    accepted = [
        request
        for request, kept in zip(requests, record.requests, strict=True)
        if kept.status is RequestStatus.ACCEPTED and request.canceled is None
    ]
    current = accepted[-1] if accepted else requests[0]
    return Booking(
        country_code=own.country_code,
        party_id=own.party_id,
        id=record.reservation_id,
        request_id=record.request_id,
        booking_option=BookingOption(evse_uid=NOT_ASSIGNED if state.charger_id is None else ocpi_id(state.charger_id)),
        location_id=ocpi_id(record.depot_id),
        booking_tokens=current.tokens,
        period=Timeslot(start_date_time=state.start, end_date_time=state.end),
        reservation_status=STATUSES[state.stage],
        canceled=_cancellation(state, requests),
        access_information=current.access_information,
        authorization_reference=current.authorization_reference,
        booking_terms=terms_on_the_wire(record.terms, state.kinds),
        booking_requests=[
            BookingRequestStatus(request_status=kept.status, booking_request=request, request_received=kept.received_at)
            for request, kept in zip(requests, record.requests, strict=True)
        ],
        last_updated=record.updated_at,
    )


def _cancellation(state: BookingState, requests: Sequence[BookingRequest]) -> Cancellation | None:
    if state.stage is not Stage.CANCELLED:
        return None
    by_partner = [
        request.canceled
        for request, kept in zip(requests, state.record.requests, strict=True)
        if request.canceled is not None and kept.status is RequestStatus.ACCEPTED
    ]
    return (
        by_partner[-1] if by_partner else Cancellation(cancellation_reason=CanceledReason.UNKNOWN, who_canceled="CPO")
    )


def location_on_the_wire(
    place: BookingPlace, windows: Sequence[Window], own: Party, *, begin: datetime, end: datetime, now: datetime
) -> BookingLocation:
    """Return the location. `last_updated` is when its calendar was computed, because the calendar is current at each
    request.
    """
    calendar = calendar_on_the_wire(place, windows, begin=begin, end=end, now=now)
    return BookingLocation(
        country_code=own.country_code,
        party_id=own.party_id,
        id=place.id,
        location_id=place.location_id,
        booking_option=BookingOption(evse_uid=NOT_ASSIGNED if place.charger_id is None else ocpi_id(place.charger_id)),
        booking_terms=terms_on_the_wire(place.terms),
        calendars=[calendar] if windows else [],
        last_updated=now,
    )


def calendar_on_the_wire(
    place: BookingPlace, windows: Sequence[Window], *, begin: datetime, end: datetime, now: datetime
) -> Calendar:
    return Calendar(
        id=place.id,
        begin_from=begin,
        end_before=end,
        available_timeslots=[Timeslot(start_date_time=each.start, end_date_time=each.end) for each in windows],
        last_updated=now,
    )
