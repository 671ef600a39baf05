"""Messages about bookings of chargers that another service accepted from a partner."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from access_policy.adapters.event_intake.fields import DetailOf, Id, Identifier, Instant, Shape, Token
from access_policy.application.ports import incoming_events as events
from access_policy.domain.ids import ChargerId, DepotId, ReservationGroupId, VehicleId
from access_policy.domain.reservations.book import REASON_LENGTH_MAX
from access_policy.domain.reservations.reservation import CONNECTOR_MAX, IDENTIFIERS_MAX, NOTE_LENGTH_MAX, Place
from access_policy.domain.reservations.terms import MINUTES_MAX

Minutes = Annotated[int, Field(strict=True, ge=0, le=MINUTES_MAX)]
CANCELLED = "The booking was cancelled."


class BookingHolder(Shape):
    """The party that may charge: a vehicle of the registry, identifiers, or both. If it has neither, nobody can use the booking
    until a change names one.
    """

    vehicle_id: Id | None = None
    identifiers: Annotated[list[Identifier], Field(max_length=IDENTIFIERS_MAX)] = []


class BookingTerms(Shape):
    """Terms in minutes. The depot's terms apply where one is omitted."""

    early_start_min: Minutes | None = None
    late_stop_min: Minutes | None = None
    no_show_after_min: Minutes | None = None
    release_on_stop: Annotated[bool, Field(strict=True)] | None = None


class Booking(Shape):
    """A charger (or one of its connectors), or any free one of a reservation group, in `[start, end)`."""

    booking_id: Id
    depot_id: Id
    charger_id: Id | None = None
    connector_id: Annotated[int, Field(strict=True, ge=1, le=CONNECTOR_MAX)] | None = None
    group_id: Id | None = None
    start: Instant
    end: Instant
    holder: BookingHolder = BookingHolder()
    terms: BookingTerms = BookingTerms()
    note: Annotated[str, StringConstraints(max_length=NOTE_LENGTH_MAX)] = ""

    @model_validator(mode="after")
    def _has_one_place(self) -> Booking:
        if (self.charger_id is None) == (self.group_id is None):
            raise ValueError("must have either charger_id or group_id")
        return self

    @property
    def subject_id(self) -> str:
        return self.booking_id

    def message(self) -> events.Message:
        return events.BookingReceived(
            booking_id=self.booking_id,
            depot_id=DepotId(self.depot_id),
            place=Place(
                charger_id=None if self.charger_id is None else ChargerId(self.charger_id),
                connector_id=self.connector_id,
                group_id=None if self.group_id is None else ReservationGroupId(self.group_id),
            ),
            start=self.start,
            end=self.end,
            vehicle_id=None if self.holder.vehicle_id is None else VehicleId(self.holder.vehicle_id),
            identifiers=tuple((each.kind, each.value) for each in self.holder.identifiers),
            terms=self.terms.model_dump(exclude_none=True),
            note=self.note,
        )


class CanceledBooking(Shape):
    booking_id: Id
    depot_id: Id
    reason: Annotated[str, StringConstraints(max_length=REASON_LENGTH_MAX)] = ""

    @property
    def subject_id(self) -> str:
        return self.booking_id

    def message(self) -> events.Message:
        return events.BookingCanceled(
            booking_id=self.booking_id, depot_id=DepotId(self.depot_id), reason=self.reason or CANCELLED
        )


class BookingDetail(DetailOf):
    data: Booking


class CanceledBookingDetail(DetailOf):
    data: CanceledBooking


class BookingReserved(Shape):
    """A partner has made a booking; the charger is reserved for the holder."""

    detail_type: Annotated[Literal["BookingReserved"], Field(alias="detail-type")]
    source: Token
    detail: BookingDetail


class BookingChanged(Shape):
    """The booking has this content from now on. A booking that the service does not know is created."""

    detail_type: Annotated[Literal["BookingChanged"], Field(alias="detail-type")]
    source: Token
    detail: BookingDetail


class BookingCanceled(Shape):
    """The booking is cancelled; it cannot be revived."""

    detail_type: Annotated[Literal["BookingCanceled"], Field(alias="detail-type")]
    source: Token
    detail: CanceledBookingDetail
