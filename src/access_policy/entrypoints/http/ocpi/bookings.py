"""The Bookings module, sender: a partner reads places and calendars, and books, changes and cancels."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Body, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import ValidationError

from access_policy.adapters.ocpi.bookings import BookingLocation, BookingRequest
from access_policy.adapters.ocpi.earlier_names import as_edition_1_1
from access_policy.adapters.ocpi.fields import VERSION
from access_policy.adapters.ocpi.mapping import (
    booking_on_the_wire,
    calendar_on_the_wire,
    location_on_the_wire,
    requested_booking,
)
from access_policy.application.event_loop import cooperatively
from access_policy.application.ocpi_partners.bookings import BookingHandler
from access_policy.application.ocpi_partners.calendars import Calendars
from access_policy.application.ocpi_partners.places import BookingPlace
from access_policy.domain.ocpi_partners.errors import LocationUnknown, PartyWrong
from access_policy.domain.ocpi_partners.partner import OcpiPartner
from access_policy.domain.reservations.availability import Window
from access_policy.entrypoints.http.dependencies import Clock, process_of, provided
from access_policy.entrypoints.http.ocpi.answers import PAGE_MAX, Offset, PageSize, Since, answer, page
from access_policy.entrypoints.http.ocpi.partner import REGISTERED, Partner, PartnerContext
from access_policy.entrypoints.http.ocpi.urls import ocpi_url

router = APIRouter(prefix=f"/{VERSION}", include_in_schema=False, dependencies=REGISTERED)

Handler = Annotated[BookingHandler, provided(lambda c: c.ocpi.booking_handler)]
Free = Annotated[Calendars, provided(lambda c: c.ocpi.calendars)]
RENDERED_AT_A_TIME = 5  # a booking has up to 50 requests
LOCATIONS = "/bookings/booking_locations"


# --- places and calendars -------------------------------------------------------------------------------------------


@router.get(LOCATIONS)
@router.get(f"{LOCATIONS}/")
async def booking_locations(
    request: Request,
    partner: Partner,
    handler: Handler,
    free: Free,
    clock: Clock,
    date_from: Since = None,
    date_to: Since = None,
    timeslot_from: Since = None,
    timeslot_to: Since = None,
    offset: Offset = 0,
    limit: PageSize = PAGE_MAX,
) -> Response:
    """List the booking locations. Calendars show the present state, so every location counts as updated now."""
    now, limit = clock.now(), min(limit, PAGE_MAX)
    is_updated_now = (date_from is None or date_from <= now) and (date_to is None or now < date_to)
    places = handler.places.of(partner) if is_updated_now else []
    asks_for_slots = timeslot_from is not None or timeslot_to is not None
    found: list[Any] = []
    total = 0
    for place in places:
        is_shown = offset <= total < offset + limit
        if not asks_for_slots and not is_shown:
            total += 1
            continue
        location, windows = await _location(partner, place, free, now, timeslot_from, timeslot_to)
        if asks_for_slots and not windows:
            continue
        if is_shown:
            found.append(location.as_json())
        total += 1
    filters = {"date_from": date_from, "date_to": date_to, "timeslot_from": timeslot_from, "timeslot_to": timeslot_to}
    url = f"{ocpi_url(request)}/{VERSION}{LOCATIONS}"
    return page(request, url, found, total=total, offset=offset, limit=limit, filters=filters)


@router.get(f"{LOCATIONS}/{{booking_location_id}}")
async def booking_location(
    request: Request, booking_location_id: str, partner: Partner, handler: Handler, free: Free, clock: Clock
) -> Response:
    place = handler.places.find(partner, booking_location_id)
    location, _ = await _location(partner, place, free, clock.now())
    return answer(request, location)


@router.get(f"{LOCATIONS}/{{booking_location_id}}/{{calendar_id}}")
async def calendar(
    request: Request,
    booking_location_id: str,
    calendar_id: str,
    partner: Partner,
    handler: Handler,
    free: Free,
    clock: Clock,
) -> Response:
    """Return the calendar of a place. A place has one calendar, with the id of the place."""
    place, now = handler.places.find(partner, booking_location_id), clock.now()
    if calendar_id.casefold() != place.id.casefold():
        raise LocationUnknown("This place has no such calendar; read the place.")
    end = now + free.horizon(partner.tenant_id, place)
    windows = await free.windows(partner.tenant_id, place, now, end)
    return answer(request, calendar_on_the_wire(place, windows, begin=now, end=end, now=now))


async def _location(
    partner: OcpiPartner,
    place: BookingPlace,
    free: Calendars,
    now: datetime,
    since: datetime | None = None,
    until: datetime | None = None,
) -> tuple[BookingLocation, list[Window]]:
    last = now + free.horizon(partner.tenant_id, place)
    begin, end = max(now, since or now), min(last, until or last)
    windows = await free.windows(partner.tenant_id, place, begin, end)
    own = partner.settings.own_party
    return location_on_the_wire(place, windows, own, begin=begin, end=end, now=now), windows


# --- bookings -------------------------------------------------------------------------------------------------------


@router.get("/bookings")
@router.get("/bookings/")
async def bookings(
    request: Request,
    partner: Partner,
    handler: Handler,
    date_from: Since = None,
    date_to: Since = None,
    offset: Offset = 0,
    limit: PageSize = PAGE_MAX,
) -> Response:
    """List the bookings of this partner, oldest first."""
    limit = min(limit, PAGE_MAX)
    found = await handler.bookings.page(partner.key, since=date_from, until=date_to, offset=offset, limit=limit)
    own = partner.settings.own_party
    items = [
        booking_on_the_wire(handler.state(each), own).as_json()
        async for each in cooperatively(found.bookings, at_a_time=RENDERED_AT_A_TIME)
    ]
    filters = {"date_from": date_from, "date_to": date_to}
    url = f"{ocpi_url(request)}/{VERSION}/bookings"
    return page(request, url, items, total=found.total, offset=offset, limit=limit, filters=filters)


@router.post("/bookings")
@router.post("/bookings/")
async def ask_for_booking(
    request: Request,
    body: Annotated[dict[str, Any], Body()],
    partner: Partner,
    context: PartnerContext,
    handler: Handler,
) -> Response:
    """Book, change or cancel. If the slot is taken, the booking is REJECTED; if a change is impossible, the request is
    DECLINED. `status_message` says why."""
    requested = requested_booking(_read(body, partner), request.state.request_id)
    answered = await handler.handle(context, partner, requested)
    await process_of(request).settled(answered.position)
    booking = booking_on_the_wire(handler.state(answered.record), partner.settings.own_party)
    return answer(request, booking, status=201 if answered.is_new else 200, message=answered.refusal)


def _read(body: dict[str, Any], partner: OcpiPartner) -> BookingRequest:
    """Read the request. Raises `RequestValidationError` or `PartyWrong`."""
    try:
        found = BookingRequest.model_validate(as_edition_1_1(body))
    except ValidationError as error:
        raise RequestValidationError([{**each, "loc": ("body", *each["loc"])} for each in error.errors()]) from error
    if f"{found.country_code}-{found.party_id}".upper() != partner.partner_id:
        raise PartyWrong(f"You are {partner.partner_id}; book in your own name.", pointer="/party_id")
    return found
